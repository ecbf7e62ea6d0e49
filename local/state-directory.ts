/**
 * The directory that a local system keeps its state in: the databases, the secrets made here, and the lock that keeps a second system out. A
 * secret that was given from outside is never written.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** An expected failure of `npm start`: its message is the one line that the operator sees. */
export class StartFailure extends Error {}

export type StateDirectory = {
  /** Where D1, the Durable Objects and the queue keep their files. */
  readonly dataPath: string;
  /** Where the bundle of the running Worker lies. */
  readonly bundlePath: string;
  readonly adminTokenPath: string;
  /** The token made on the first start. */
  adminToken(): string;
  /** The secrets made on the first start, as the Worker's bindings. */
  secrets(): Record<string, string>;
  unlock(): void;
};

/** What is made if it is missing; a new entry here is made on the next start. */
const madeSecrets: Readonly<Record<string, () => string>> = {
  KOSMOS_ENCRYPTION_KEY: () => randomBytes(32).toString("base64"),
  KOSMOS_PDNS_SECRET: () => randomBytes(32).toString("base64url"),
};

export function openStateDirectory(path: string): StateDirectory {
  try {
    mkdirSync(join(path, "data"), { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new StartFailure(`the state directory ${path} cannot be used: ${reason(error)}`);
  }
  const lock = takeLock(path);
  const secretsPath = join(path, "secrets");
  const adminTokenPath = join(path, "admin-token");
  return {
    dataPath: join(path, "data"),
    bundlePath: join(path, "worker"),
    adminTokenPath,
    adminToken: () => {
      const kept = readIfThere(adminTokenPath).trim();
      if (kept !== "") return kept;
      const made = randomBytes(32).toString("base64url");
      writeFileSync(adminTokenPath, `${made}\n`, { mode: 0o600 });
      return made;
    },
    secrets: () => {
      const secrets = parseSecrets(readIfThere(secretsPath));
      const missing = Object.entries(madeSecrets).filter(([name]) => secrets[name] === undefined);
      for (const [name, make] of missing) secrets[name] = make();
      if (missing.length > 0) {
        const lines = Object.entries(secrets).map(([name, value]) => `${name}=${value}\n`);
        writeFileSync(secretsPath, lines.join(""), { mode: 0o600 });
      }
      return secrets;
    },
    unlock: () => lock.close(),
  };
}

/** The kernel gives the lock back when its holder is gone, however it went; a file with a process id in it would outlive a power cut. */
function takeLock(path: string): DatabaseSync {
  try {
    const lock = new DatabaseSync(join(path, "lock"));
    lock.exec("PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    const busy = error instanceof Error && "errcode" in error && error.errcode === 5;
    throw new StartFailure(
      busy ? `the state directory ${path} is in use by another kosmos` : `the state directory ${path} cannot be written: ${reason(error)}`,
    );
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new StartFailure(`${path} cannot be read: ${reason(error)}`);
  }
}

/** Lines of `NAME=value`. */
function parseSecrets(text: string): Record<string, string> {
  const pairs = text.split("\n").map((line): [string, string] => {
    const at = line.indexOf("=");
    return [line.slice(0, Math.max(at, 0)).trim(), line.slice(at + 1).trim()];
  });
  return Object.fromEntries(pairs.filter(([name]) => name !== ""));
}

const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
