/**
 * nginx with what a check may meet: pages of every status, redirects, slow and dripping answers, gzip, HTTPS with certificates that are right and
 * wrong, old protocols, a client's certificate wanted. Single process, on free ports of 127.0.0.1.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CertificateName, type Certificates, makeCertificates } from "./certificates.ts";
import { accepts, type Daemon, freePorts, inFolder, startDaemon } from "./daemon.ts";

type Site = { readonly certificate: CertificateName; readonly more?: string };
const modern = "ssl_protocols TLSv1.2 TLSv1.3;";
const sites = {
  good: { certificate: "good" },
  rsa: { certificate: "rsa" },
  expired: { certificate: "expired" },
  soon: { certificate: "soon" },
  wrongName: { certificate: "wrong-name" },
  selfSigned: { certificate: "self-signed" },
  otherCa: { certificate: "other-ca" },
  /** Without a client's certificate: 400. */
  clientCertificate: { certificate: "good" },
  /** OpenSSL speaks it only at its lowest level of security. */
  tls10: { certificate: "good", more: 'ssl_protocols TLSv1; ssl_ciphers "ALL:@SECLEVEL=0";' },
  tls12: { certificate: "good", more: "ssl_protocols TLSv1.2;" },
  tls13: { certificate: "good", more: "ssl_protocols TLSv1.3;" },
} as const satisfies Record<string, Site>;
export type HttpsSite = keyof typeof sites;

export type Nginx = Omit<Daemon, "stop"> & {
  /** Plain HTTP: see `pages`. */
  readonly http: number;
  /** Each with `/` and `/healthz`. */
  readonly https: Readonly<Record<HttpsSite, number>>;
  readonly certificates: Certificates;
  stop(): Promise<void>;
};

/** Who may see `/private`. */
export const account = { username: "gslb", password: "gslb-pass" } as const;
const statuses = [200, 201, 204, 301, 302, 304, 307, 308, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503, 504];
const slow = [0.2, 0.5, 1, 2, 5, 30];

/** Needs nginx with its echo module, and openssl. */
export const startNginx = (): Promise<Nginx> =>
  inFolder("nginx", async (folder) => {
    const certificates = await makeCertificates(folder);
    const names = Object.keys(sites) as HttpsSite[];
    const [http, ...ports] = (await freePorts(names.length + 1)) as [number, ...number[]];
    const https = Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<HttpsSite, number>;
    await mkdir(join(folder, "temporary"));
    await writeFile(join(folder, "protected.txt"), "secret page\n");
    await writeFile(join(folder, "passwords"), `${account.username}:{PLAIN}${account.password}\n`);
    const path = join(folder, "nginx.conf");
    await writeFile(path, configuration(folder, http, https, certificates));
    const daemon = await startDaemon({
      program: "nginx",
      args: ["-e", "stderr", "-c", path],
      ready: async () => (await accepts(http)) && (await fetch(`http://127.0.0.1:${http}/healthz`)).ok,
    });
    return { ...daemon, http, https, certificates };
  });

function configuration(folder: string, http: number, https: Readonly<Record<HttpsSite, number>>, certificates: Certificates): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/temporary/${kind};`);
  return `load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;
${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
master_process off;
error_log stderr error;
pid ${folder}/nginx.pid;
events { worker_connections 4096; }
http {
  ${temporary.join("\n  ")}
  access_log off;
  default_type text/plain;
  server_tokens off;
  keepalive_requests 1000000;
  server {
    listen 127.0.0.1:${http} backlog=1024;
    ${pages(folder)}
  }
${(Object.keys(sites) as HttpsSite[]).map((name) => secure(name, https[name], certificates)).join("\n")}
}
`;
}

const secure = (name: HttpsSite, port: number, { paths }: Certificates): string => {
  const site: Site = sites[name];
  const pair = paths[site.certificate];
  return `  server {
    listen 127.0.0.1:${port} ssl;
    ssl_certificate ${pair.certificate};
    ssl_certificate_key ${pair.key};
    ${site.more ?? modern}
    ${name === "clientCertificate" ? `ssl_client_certificate ${paths.ca}; ssl_verify_client on;` : ""}
    location = / { return 200 "ok\\n"; }
    location = /healthz { return 200 "status=ok\\n"; }
  }`;
};

/** What plain HTTP has. */
const pages = (folder: string): string =>
  [
    'location = / { return 200 "ok\\n"; }',
    'location = /healthz { return 200 "status=ok\\n"; }',
    `location = /json { default_type application/json; return 200 '{"status":"UP","queue":7,"nodes":[{"name":"a"}]}'; }`,
    // Closes without an answer.
    "location = /close { return 444; }",
    "location = /redirect { return 302 /healthz; }",
    "location = /redirect/relative { return 307 /redirect; }",
    "location = /loop { return 302 /loop; }",
    'location = /gzip { gzip on; gzip_min_length 1; gzip_types text/plain; default_type text/plain; echo "status=ok, and zipped"; }',
    // The request's header back as the body.
    "location = /headers { echo_duplicate 1 $echo_client_request_headers; }",
    // 10 MB.
    "location = /big { echo_duplicate 1048576 0123456789; }",
    // Five bytes in two seconds; the first at once.
    "location = /drip { echo a; echo_flush; echo_sleep 1; echo b; echo_flush; echo_sleep 1; echo c; }",
    `location = /private { auth_basic gslb; auth_basic_user_file ${folder}/passwords; root ${folder}; try_files /protected.txt =404; }`,
    ...statuses.map(
      (status) =>
        `location = /status/${status} { return ${status}${status === 301 || status === 302 || status === 307 || status === 308 ? " /healthz" : ""}; }`,
    ),
    ...slow.map((seconds) => `location = /slow/${seconds} { echo_sleep ${seconds}; echo slept; }`),
    ...Array.from({ length: 8 }, (_, hop) => `location = /hops/${hop + 1} { return 302 /${hop === 0 ? "healthz" : `hops/${hop}`}; }`),
  ].join("\n    ");
