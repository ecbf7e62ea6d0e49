/**
 * What one call of a checker needs of memory at the most: 100 checks, the most that a batch may have, each of a page of 10 MB of which it must read
 * what it may. As the runtime's inspector and /proc say it; the baseline is the same call with pages of three bytes.
 */
import { readFileSync } from "node:fs";
import { Agent } from "node:http";
import { limits } from "../domain/limits.ts";
import { assert } from "../domain/result.ts";
import { whatIsMissing } from "../test/servers/installed.ts";
import { startNginx } from "../test/servers/nginx.ts";
import type { Bench, Figure } from "./figure.ts";
import { openHeap } from "./inspector.ts";
import { send } from "./load.ts";
import { type ScratchSystem, startScratchSystem } from "./scratch-system.ts";
import type { Drive, Driven } from "./worker-check.ts";

const megabyte = 1024 * 1024;
/** Of an isolate. */
const goalBytes = 128 * megabyte;
const sampleMs = 20;
const rounds = 3;

export const memory: Bench = {
  name: "memory",
  about: `Memory of a call of a checker with ${limits.shardTargets} checks of pages of 10 MB each, whose first ${limits.checkBodyBytes / 1024} KiB are read; baseline: pages of three bytes.`,
  run: async (say) => {
    const missing = whatIsMissing("nginx", "openssl");
    if (missing !== null) {
      say(missing);
      return [];
    }
    const nginx = await startNginx();
    try {
      const [big, small] = [await peakOf("/big", nginx.http), await peakOf("/", nginx.http)];
      say(`pages of 10 MB: the process grew by ${megabytes(big.process)}; of three bytes: by ${megabytes(small.process)}`);
      const figure: Figure = {
        name: `memory of a call with ${limits.shardTargets} checks of 10 MB: the isolate's heap at its highest`,
        ours: megabytes(big.heap),
        baseline: megabytes(small.heap),
        ratio: big.heap / small.heap,
        goal: `≤ ${megabytes(goalBytes)}`,
        met: big.heap <= goalBytes,
      };
      return [figure];
    } finally {
      await nginx.stop();
    }
  },
};

type Peak = { readonly heap: number; readonly process: number };

async function peakOf(path: string, port: number): Promise<Peak> {
  const system = await startScratchSystem("worker-check.toml", {}, true);
  const agent = new Agent({ keepAlive: true });
  const wake = () => send(system.url, agent, { method: "GET", path: "/" }, {});
  try {
    assert(system.inspectorUrl !== null, "the inspector was asked for");
    await wake();
    const heap = await openHeap(system.inspectorUrl, wake);
    const drive: Drive = {
      mode: "checker",
      rounds,
      checks: limits.shardTargets,
      host: "127.0.0.1",
      port,
      // What is not there is only known at the end of what is read.
      spec: { url_path: path, receive_string_absent: "nowhere" },
    };
    const before = residentBytes(system);
    let highest = await heap.usedBytes(false);
    let isDone = false;
    const driven = send(system.url, agent, { method: "POST", path: "/", body: JSON.stringify(drive) }, {}).finally(() => {
      isDone = true;
    });
    while (!isDone) {
      highest = Math.max(highest, await heap.usedBytes(false));
      await new Promise((resolve) => setTimeout(resolve, sampleMs));
    }
    const answered = await driven;
    assert(answered.status === 200, `the checks ended with ${answered.status}: ${answered.body.slice(0, 500)}`);
    const { passed } = JSON.parse(answered.body) as Driven;
    assert(passed === rounds * limits.shardTargets, `${passed} of ${rounds * limits.shardTargets} checks passed`);
    heap.close();
    return { heap: highest, process: residentBytes(system) - before };
  } finally {
    agent.destroy();
    await system.close();
  }
}

/** The most that the process ever had (proc(5): VmHWM). */
function residentBytes({ pid }: ScratchSystem): number {
  assert(pid !== null, "the runtime's process is known: its memory is read from /proc, which Linux has");
  return Number(/^VmHWM:\s+([0-9]+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

const megabytes = (bytes: number): string => `${(bytes / megabyte).toFixed(1)} MB`;
