/**
 * The servers of Debian that tests run against. Where one is not installed its tests are skipped, with the reason, when they run; continuous
 * integration installs them all and counts a skipped test as a failure.
 */
import { existsSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

/** What is looked for, and the packages that bring it. */
const programs = {
  nginx: { needs: ["nginx"], files: ["/usr/lib/nginx/modules/ngx_http_echo_module.so"], packages: "nginx libnginx-mod-http-echo" },
  openssl: { needs: ["openssl"], files: [], packages: "openssl" },
  sshd: { needs: ["sshd", "ssh-keygen"], files: [], packages: "openssh-server" },
  bind: { needs: ["named"], files: [], packages: "bind9" },
  knot: { needs: ["knotd"], files: [], packages: "knot" },
  redis: { needs: ["redis-server"], files: [], packages: "redis-server" },
  blackbox: { needs: ["prometheus-blackbox-exporter"], files: [], packages: "prometheus-blackbox-exporter" },
  keystone: {
    needs: ["keystone-manage", "keystone-wsgi-public", "uwsgi"],
    files: ["/usr/lib/uwsgi/plugins/python3_plugin.so"],
    packages: "python3-keystone uwsgi-core uwsgi-plugin-python3",
  },
  dig: { needs: ["dig", "nsupdate"], files: [], packages: "bind9-dnsutils" },
  pdns: {
    needs: ["pdns_server"],
    files: ["/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"],
    packages: "pdns-server pdns-backend-sqlite3",
  },
  "pdns-remote": {
    needs: ["pdns_server"],
    files: ["/usr/share/doc/pdns-backend-remote/copyright"],
    packages: "pdns-server pdns-backend-remote",
  },
  gdnsd: { needs: ["gdnsd"], files: [], packages: "gdnsd" },
  haproxy: { needs: ["haproxy"], files: [], packages: "haproxy" },
  designate: {
    needs: ["designate-manage"],
    files: ["/usr/share/designate-common/api-paste.ini"],
    packages: "designate-common python3-designate",
  },
  mariadb: {
    needs: ["mariadbd", "mariadb-install-db", "mariadb"],
    files: ["/usr/lib/python3/dist-packages/pymysql/__init__.py"],
    packages: "mariadb-server-core mariadb-client-core python3-pymysql",
  },
  octavia: { needs: ["octavia-db-manage", "octavia-driver-agent", "octavia-wsgi"], files: [], packages: "python3-octavia" },
  ping: { needs: ["ping"], files: [], packages: "iputils-ping" },
} as const;
export type Program = keyof typeof programs;

/** Daemons lie where only root's PATH looks. */
const directories = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Where the executable is; null: nowhere. */
export const pathOf = (executable: string): string | null =>
  (isAbsolute(executable) ? [executable] : directories.map((directory) => join(directory, executable))).find((path) => existsSync(path)) ??
  null;

export const installed = (program: Program): boolean =>
  programs[program].needs.every((executable) => pathOf(executable) !== null) && programs[program].files.every((path) => existsSync(path));

/** One line for people; null: everything is there. */
export function whatIsMissing(...wanted: readonly Program[]): string | null {
  const missing = wanted.filter((program) => !installed(program));
  return missing.length === 0 ? null : reasonFor(missing);
}

export function reasonFor(missing: readonly Program[]): string {
  const packages = missing.map((program) => programs[program].packages).join(" ");
  return `skipped: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} not installed: apt-get install ${packages}`;
}

/** First thing in a test that needs them: ends it as skipped, with the reason, where one is not there. */
export function requireInstalled(context: { skip(note?: string): void }, ...wanted: readonly Program[]): void {
  const missing = whatIsMissing(...wanted);
  if (missing !== null) context.skip(missing);
}

/**
 * What several tests share and only some machines can run: starts in `beforeAll` where everything is installed, and is asked for in each test,
 * which is skipped where it is not.
 *
 *     const nginx = whereInstalled(["nginx", "openssl"], startNginx);
 *     beforeAll(nginx.start);
 *     afterAll(nginx.stop);
 *     it("…", async (context) => { const { ports } = nginx.get(context); … });
 */
export function whereInstalled<T extends { stop(): Promise<void> }>(wanted: readonly Program[], start: () => Promise<T>) {
  let running: T | null = null;
  return {
    start: async (): Promise<void> => {
      if (whatIsMissing(...wanted) === null) running = await start();
    },
    stop: async (): Promise<void> => {
      await running?.stop();
      running = null;
    },
    get: (context: { skip(note?: string): void }): T => {
      requireInstalled(context, ...wanted);
      if (running === null) throw new Error(`${wanted.join(", ")}: not started`);
      return running;
    },
  };
}
