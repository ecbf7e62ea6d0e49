/**
 * Ends what this process started when this process is gone in a way that it cannot notice (SIGKILL, a crash): a waiting shell reads process ids
 * from a pipe that closes with us, and then ends the newest. It is of no use to anyone else and knows nothing of Workers.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

export type Lifeline = {
  /** Lets go: nothing is ended any more. */
  release(): void;
  /** Ends what is held, at once. */
  cut(): void;
};

/** Holds the newest child process whose command ends in `command`, from now on. */
export function holdLifeline(command: string): Lifeline {
  // Signals to our whole process group must not take the watcher with them: it goes last.
  const watcher = spawn("/bin/sh", ["-c", 'pid=; while read -r line; do pid=$line; done; if [ -n "$pid" ]; then kill -9 "$pid"; fi'], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  watcher.unref();
  const pipe = watcher.stdin;
  // The watcher may be gone already when we let go.
  pipe.on("error", () => {});
  if ("unref" in pipe && typeof pipe.unref === "function") pipe.unref();

  let held: ChildProcess | null = null;
  // Miniflare does not say which process it started; Node does. The id is known when the constructor's caller has returned.
  const onSpawn = (message: unknown) => {
    const { process: child } = message as { process: ChildProcess };
    child.once("spawn", () => {
      if (!child.spawnfile.endsWith(command)) return;
      held = child;
      pipe.write(`${child.pid}\n`);
    });
  };
  subscribe("child_process", onSpawn);
  return {
    release: () => {
      unsubscribe("child_process", onSpawn);
      watcher.kill("SIGKILL");
    },
    cut: () => held?.kill("SIGKILL"),
  };
}
