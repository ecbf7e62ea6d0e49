import { readFile, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { npmStart, npmStarted, removeDirectory, type Started, temporaryDirectory } from "./npm-start.ts";
import { until } from "./until.ts";

const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function directory(): Promise<string> {
  const path = await temporaryDirectory();
  cleanUps.push(() => removeDirectory(path));
  return path;
}

async function start(env: Record<string, string> = {}, stateDirectory?: string): Promise<Started> {
  const started = await npmStarted(env, stateDirectory ?? (await directory()));
  cleanUps.push(() => started.end("SIGKILL").then(() => allGone(started)));
  return started;
}

const allGone = (started: Started) =>
  until(() => started.processes(), { what: "every process to end", is: (left) => left.length === 0, timeoutMs: 20_000 });

const gslbs = (started: Started, token: string) => fetch(`${started.url}/v0.1/gslbs`, { headers: { "x-auth-token": token } });

const mode = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);

describe("npm start", () => {
  it("says in one line where it is and where its token is, keeps both secrets to its owner, and ends cleanly on SIGTERM", async () => {
    const state = await directory();
    const started = await start({}, state);
    expect(started.stdout()).toContain(`kosmos ready at ${started.url} token in ${join(state, "admin-token")}\n`);
    expect(await mode(join(state, "admin-token"))).toBe("600");
    expect(await mode(join(state, "secrets"))).toBe("600");
    expect((await gslbs(started, started.token)).status).toBe(200);
    expect((await gslbs(started, "wrong")).status).toBe(401);
    expect(started.processes().some(({ command }) => command.includes("workerd serve"))).toBe(true);
    expect(await started.end("SIGTERM")).toBe(0);
    expect(started.processes()).toEqual([]);
  });

  it("neither prints nor stores a token that it was given", async () => {
    const token = "a-token-of-the-operator";
    const state = await directory();
    const started = await start({ KOSMOS_ADMIN_TOKEN: token }, state);
    expect((await gslbs(started, token)).status).toBe(200);
    expect(started.stdout()).toMatch(/kosmos ready at \S+ token as given in KOSMOS_ADMIN_TOKEN\n/);
    expect(started.stdout() + started.stderr()).not.toContain(token);
    await expect(stat(join(state, "admin-token"))).rejects.toThrow("ENOENT");
    expect(await readFile(join(state, "secrets"), "utf8")).not.toContain(token);
  });

  it.each(["npm", "node local/start.ts"])(
    "leaves nothing behind when its %s process is killed, and goes on from its state",
    async (which) => {
      const state = await directory();
      const first = await start({}, state);
      const victim = first.processes().find(({ command }) => command.startsWith(which));
      expect(victim).toBeDefined();
      process.kill(victim?.pid ?? 0, "SIGKILL");
      await allGone(first);
      const second = await start({}, state);
      expect(second.token).toBe(first.token);
    },
  );

  it("refuses a state directory that another instance uses", async () => {
    const first = await start();
    const second = await npmStart({}, first.stateDirectory);
    expect(second).toMatchObject({ kind: "ended", code: 1 });
    expect("kind" in second && second.stderr).toContain(`the state directory ${first.stateDirectory} is in use by another kosmos\n`);
    expect((await gslbs(first, first.token)).status).toBe(200);
  });

  it("refuses a port that is taken, one that is none, a region or a setting that is none, and a state directory that cannot be", async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    cleanUps.push(() => new Promise((resolve) => server.close(resolve)));
    const taken = String((server.address() as AddressInfo).port);
    const state = await directory();
    const file = join(state, "a-file");
    await writeFile(file, "");
    const refused: [Record<string, string>, string][] = [
      [{ PORT: taken }, `kosmos: port ${taken} of 127.0.0.1 is in use\n`],
      [{ PORT: "65536" }, 'kosmos: PORT must be a number from 0 (a free one) to 65535, not "65536"\n'],
      [{ PORT: "http" }, 'kosmos: PORT must be a number from 0 (a free one) to 65535, not "http"\n'],
      [{ KOSMOS_REGIONS: "weur,atlantis" }, "kosmos: KOSMOS_REGIONS has no such region: atlantis\n"],
      [{ KOSMOS_REGIONS: "weur,sam" }, "kosmos: KOSMOS_REGIONS has sam: that needs a placed checker, and under npm start there is none\n"],
      [
        { KOSMOS_ENCRYPTION_KEY: "too-short" },
        "kosmos: KOSMOS_ENCRYPTION_KEY must be 32 bytes in base64, as openssl rand -base64 32 makes them\n",
      ],
      [
        { KOSMOS_ENCRYPTION_KEY_PREVIOUS: "too-short" },
        "kosmos: KOSMOS_ENCRYPTION_KEY_PREVIOUS must be 32 bytes in base64, as openssl rand -base64 32 makes them\n",
      ],
      [{ KOSMOS_ALLOW_PRIVATE: "yes" }, 'kosmos: KOSMOS_ALLOW_PRIVATE must be empty, 0, 1 or agents, not "yes"\n'],
      [{ KOSMOS_ANCHORS: "https://good.example,one" }, 'kosmos: KOSMOS_ANCHORS: "one" must be https://…, http://… or tcp://host:port\n'],
      [{ KOSMOS_STATE_DIR: file }, `kosmos: the state directory ${file} cannot be used: `],
    ];
    for (const [env, line] of refused) {
      const ended = await npmStart(env, state);
      expect(ended).toMatchObject({ kind: "ended", code: 1 });
      expect("kind" in ended && ended.stderr).toContain(line);
    }
  });
});
