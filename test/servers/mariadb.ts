/**
 * MariaDB for a service that lies in the same folder: it listens on a socket file alone, and whoever can open that is root. What is written need not
 * survive a power cut.
 */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { type Daemon, startDaemon } from "./daemon.ts";
import { command, slowStartMs } from "./openstack.ts";

export type MariaDb = Daemon & {
  /** As SQLAlchemy wants to be told of a database; it is made where it is not there. */
  database(name: string): Promise<string>;
};

export async function startMariaDb(folder: string): Promise<MariaDb> {
  const data = join(folder, "db");
  const socket = join(folder, "db.sock");
  const small = ["--innodb-buffer-pool-size=32M", "--innodb-log-file-size=8M"];
  const owner = userInfo().uid === 0 ? ["--user=root"] : [];
  const common = ["--no-defaults", `--datadir=${data}`, "--skip-name-resolve", ...small, ...owner];
  if (!existsSync(data)) await command("mariadb-install-db", [...common, "--auth-root-authentication-method=normal", "--skip-test-db"]);
  const sql = (statement: string) => command("mariadb", ["--no-defaults", "-S", socket, "-u", "root", "-e", statement]);
  const daemon = await startDaemon({
    program: "mariadbd",
    args: [
      ...common,
      `--socket=${socket}`,
      `--pid-file=${join(folder, "db.pid")}`,
      "--skip-networking",
      "--innodb-flush-log-at-trx-commit=0",
    ],
    ready: async () => (await sql("SELECT 1")) !== "",
    readyTimeoutMs: slowStartMs,
  });
  return {
    ...daemon,
    database: async (name) => {
      await sql(`CREATE DATABASE IF NOT EXISTS ${name} CHARACTER SET utf8mb3`);
      return `mysql+pymysql://root@localhost/${name}?unix_socket=${socket}`;
    },
  };
}
