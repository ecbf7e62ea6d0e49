/** What the README shows is what happens: its walk-through is run against a real `npm start`, block by block, and its outputs are compared. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { npmStarted, removeDirectory, type Started } from "./npm-start.ts";
import { startOrigin } from "./origins.ts";

let kosmos: Started;
beforeAll(async () => {
  kosmos = await npmStarted();
});
afterAll(async () => {
  await kosmos.end();
  await removeDirectory(kosmos.stateDirectory);
});

type Block = { readonly script: string; readonly expected: readonly string[] };

/** The `sh` blocks between the markers, each with the lines of the `text` block that follows it. */
function walkThrough(readme: string): readonly Block[] {
  const part = /<!-- walk-through.*?-->\n(.*?)<!-- \/walk-through -->/s.exec(readme)?.[1] ?? "";
  const blocks: { script: string; expected: string[] }[] = [];
  for (const [, language, content = ""] of part.matchAll(/^```(\w*)\n(.*?)^```$/gms)) {
    if (language === "sh") blocks.push({ script: content, expected: [] });
    else blocks.at(-1)?.expected.push(...content.trimEnd().split("\n"));
  }
  return blocks;
}

/** "…" stands for anything. */
const asPattern = (line: string) =>
  new RegExp(
    line
      .split("…")
      .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"))
      .join(".*"),
  );

/** Two ports that nobody uses, in place of those that the README names. */
async function freePorts(): Promise<readonly [number, number]> {
  const origins = [await startOrigin(), await startOrigin()] as const;
  for (const origin of origins) await origin.close();
  return [origins[0].port, origins[1].port];
}

/** A walk-through that broke off has not ended its servers. */
function endGroup(leader: number | undefined): void {
  try {
    if (leader !== undefined) process.kill(-leader, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

describe("the README", () => {
  it("has a walk-through that runs, and whose outputs are as it shows them", async () => {
    const blocks = walkThrough(await readFile(resolve(import.meta.dirname, "../../README.md"), "utf8"));
    expect(blocks.length).toBeGreaterThanOrEqual(7);
    expect(blocks.filter(({ expected }) => expected.length > 0).length).toBeGreaterThanOrEqual(4);

    const [one, two] = await freePorts();
    const mark = "\n@@ end of block\n";
    const script = blocks.map((block) => `${block.script}\nprintf '${mark.replaceAll("\n", "\\n")}'\n`).join("");
    const shell = spawn("bash", ["-c", `set -euo pipefail\n${script.replaceAll("9001", String(one)).replaceAll("9002", String(two))}`], {
      env: { ...process.env, KOSMOS: kosmos.url, TOKEN: kosmos.token },
      stdio: ["ignore", "pipe", "pipe"],
      // Its web servers are in its group: whatever happens, they end with it.
      detached: true,
    });
    let stdout = "";
    let stderr = "";
    shell.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    shell.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    const deadline = setTimeout(() => shell.kill("SIGKILL"), 50_000);
    const [code] = await once(shell, "exit");
    clearTimeout(deadline);
    endGroup(shell.pid);
    expect({ code, stderr, stdout: code === 0 ? "" : stdout }).toMatchObject({ code: 0 });

    const outputs = stdout.split(mark);
    blocks.forEach(({ expected, script: commands }, index) => {
      const output = outputs[index] ?? "";
      for (const line of expected) expect(output, `after:\n${commands}`).toMatch(asPattern(line));
    });
  });
});
