/** OpenSSH's server on a free port of 127.0.0.1: it says its banner; nobody can log in. */
import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { accepts, type Daemon, freePort, inFolder, startDaemon } from "./daemon.ts";
import { pathOf } from "./installed.ts";

export type Sshd = Daemon & { readonly port: number };

export const startSshd = (): Promise<Sshd> =>
  inFolder("sshd", async (folder) => {
    const port = await freePort();
    const key = join(folder, "host-key");
    await promisify(execFile)(pathOf("ssh-keygen") ?? "ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    // Root's sshd wants this empty directory to be there.
    if (process.getuid?.() === 0) await mkdir("/run/sshd", { recursive: true });
    const settings = [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${key}`,
      "PidFile none",
      "UsePAM no",
      "PasswordAuthentication no",
      "KbdInteractiveAuthentication no",
      "PubkeyAuthentication no",
      "AuthorizedKeysFile none",
      "MaxStartups 200:30:400",
      "LoginGraceTime 10",
    ];
    const path = join(folder, "sshd_config");
    await writeFile(path, `${settings.join("\n")}\n`);
    const daemon = await startDaemon({ program: "sshd", args: ["-D", "-e", "-f", path], ready: () => accepts(port) });
    return { ...daemon, port };
  });
