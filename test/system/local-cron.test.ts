import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { startLocalSystem } from "../../local/system.ts";
import { removeDirectory, temporaryDirectory } from "./npm-start.ts";
import { until } from "./until.ts";

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

it("the cron of a local system ticks on in the runtime that takes the place of one that died", async () => {
  const directory = await temporaryDirectory();
  const system = await startLocalSystem({
    port: await freePort(),
    dataPath: join(directory, "data"),
    bundlePath: join(directory, "worker"),
    vars: {},
    onLog: () => undefined,
    signal: new AbortController().signal,
    configPath: resolve(import.meta.dirname, "cron/wrangler.toml"),
    cronIntervalMs: 50,
  });
  try {
    const ticks = async () => {
      const answer = await fetch(system.url).catch(() => null);
      return answer?.ok ? Number(await answer.text()) : null;
    };
    const before = await until(ticks, { what: "ticks", is: (count) => count !== null && count >= 20 });
    system.kill();
    const after = await until(ticks, { what: "another runtime", is: (count) => count !== null && count < Number(before) });
    expect(await until(ticks, { what: "ticks there", is: (count) => Number(count) > Number(after) })).toBeGreaterThan(0);
  } finally {
    await system.close();
    await removeDirectory(directory);
  }
});
