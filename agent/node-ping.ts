/**
 * One ICMP echo, by the system's own `ping`: it has the right to do so, which a program of a plain user has not. It is given an address that
 * was parsed, and no shell, so nothing of what a monitor says can become an option or a command.
 */
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { isIP } from "node:net";
import { delimiter, join } from "node:path";
import { ConnectFailure, VantageRefusal } from "../domain/check.ts";
import { unreachable } from "./failures.ts";

/** The longest timeout of a monitor; the check's own deadline comes first. */
const waitSeconds = 60;
const outputBytes = 4096;

/** The path of `ping`, or null. */
export function findPing(path: string = process.env.PATH ?? ""): string | null {
  const folders = [...path.split(delimiter), "/usr/bin", "/bin", "/usr/sbin", "/sbin"].filter((folder) => folder.startsWith("/"));
  for (const folder of folders) {
    const file = join(folder, "ping");
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // The next one.
    }
  }
  return null;
}

/** Milliseconds until the echo came back. Ends `ping` when the signal comes. */
export function ping(program: string, address: string, signal: AbortSignal): Promise<number> {
  if (isIP(address) === 0) return Promise.reject(new VantageRefusal(`${address} is no address`));
  if (signal.aborted) return Promise.reject(new ConnectFailure("no echo"));
  return new Promise((resolve, reject) => {
    const child = spawn(program, ["-n", "-c", "1", "-W", String(waitSeconds), address], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C", LANG: "C" },
    });
    let output = "";
    const take = (chunk: Buffer) => {
      if (output.length < outputBytes) output += chunk.toString();
      // It goes on waiting for the echo of what it could not send, and at the deadline the endpoint would be blamed.
      if (/^ping6?: send(msg|to): .*\n/m.test(output)) child.kill("SIGKILL");
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    const end = () => {
      child.kill("SIGKILL");
      reject(new ConnectFailure("no echo"));
    };
    signal.addEventListener("abort", end, { once: true });
    child.once("error", (error) => {
      signal.removeEventListener("abort", end);
      reject(new VantageRefusal(`ping could not be run: ${error.message}`));
    });
    child.once("close", () => {
      signal.removeEventListener("abort", end);
      const said = read(output, address);
      if (typeof said === "number") resolve(said);
      else reject(said);
    });
  });
}

/** What `ping` has said: the milliseconds, or why there are none. What it could not do itself is no fault of the endpoint. */
export function read(output: string, address: string): number | Error {
  const time = /\btime[=<]\s*([0-9.]+)\s*ms/.exec(output)?.[1];
  if (time !== undefined) return Number(time);
  const told = /^From \S+.*?(Destination .*|Time to live exceeded|.*prohibited.*|.*filtered.*)$/m.exec(output)?.[1];
  if (told !== undefined) return new ConnectFailure(told.trim().toLowerCase());
  if (/network is unreachable/i.test(output)) return unreachable(address);
  if (/ packets transmitted/.test(output)) return new ConnectFailure("no echo");
  return new VantageRefusal(`ping failed: ${output.trim().split("\n")[0]?.slice(0, 150) || "it said nothing"}`);
}
