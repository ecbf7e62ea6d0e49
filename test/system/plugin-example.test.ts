/** The worked example of docs/plugins.md is a plugin: one file and one line in a copy of the repository, and everything else follows. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "../../domain/check.ts";
import { type RawServer, startRawServer } from "../raw-server.ts";
import { temporaryFolder } from "../servers/daemon.ts";
import { whereInstalled } from "../servers/installed.ts";
import { startRedis } from "../servers/redis.ts";

const root = resolve(import.meta.dirname, "../..");
const path = "plugins/checks/redis.ts";
const registry = "plugins/checks/registry.ts";
/** What git does not know, and what is in the copy by a link. */
const left = new Set([".git", ".wrangler", ".kosmos", "node_modules", "dist", "coverage"]);

type Folder = Awaited<ReturnType<typeof temporaryFolder>>;
type Contents = ReadonlyMap<string, string>;
let copy: Folder;
let before: Contents;
let registryBefore: string;
beforeAll(async () => {
  copy = await temporaryFolder("plugin");
  await cp(root, copy.path, {
    recursive: true,
    filter: (source) =>
      !relative(root, source)
        .split("/")
        .some((part) => left.has(part)),
  });
  await symlink(join(root, "node_modules"), join(copy.path, "node_modules"));
  before = await contents(copy.path);
  registryBefore = await readFile(join(copy.path, registry), "utf8");

  const page = await readFile(join(root, "docs/plugins.md"), "utf8");
  await writeFile(join(copy.path, path), blockOf(page, "file", path));
  const lines = registryBefore.trimEnd().split("\n");
  const line = blockOf(page, "line", registry).trimEnd();
  const at = lines.findIndex((other) => other.startsWith("export ") && other > line);
  await writeFile(join(copy.path, registry), `${lines.toSpliced(at === -1 ? lines.length : at, 0, line).join("\n")}\n`);
});
afterAll(() => copy.remove());

/** The code between the markers for a path: `<!-- file: x -->`, a `ts` block, `<!-- /file -->`. */
function blockOf(page: string, kind: "file" | "line", of: string): string {
  const [, code] = page.split(`<!-- ${kind}: ${of} -->\n\`\`\`ts\n`)[1]?.match(/^(.*?)^```\n<!-- \/(?:file|line) -->/ms) ?? [];
  if (code === undefined) throw new Error(`docs/plugins.md has no ${kind} ${of}`);
  return code;
}

/** A hash of each file, by its path. */
async function contents(folder: string): Promise<Contents> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hashed = files.map(async (file) => [relative(folder, file), hash(await readFile(file))] as const);
  return new Map(await Promise.all(hashed));
}
const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

/** A program of the repository's, in the copy; its output, or the error that has it. */
const run = async (program: string, ...args: string[]): Promise<string> => {
  // What is counted is this run's tests, not those of the copy.
  const { KOSMOS_TEST_REPORTS: _, ...env } = process.env;
  const done = promisify(execFile)(join(root, "node_modules/.bin", program), args, { cwd: copy.path, env, maxBuffer: 10_000_000 });
  const { stdout } = await done.catch((error: { stdout?: string; stderr?: string; message: string }) => {
    throw new Error(`${program} ${args.join(" ")}: ${error.message}\n${error.stdout ?? ""}\n${error.stderr ?? ""}`);
  });
  return stdout;
};

type Checked = { type: string; spec: object; target: object; timeout_ms: number };
type Modules = {
  readonly registry: Record<string, unknown>;
  readonly plugins: { monitorWrite: { parse(body: unknown): Record<string, unknown> }; secretsOf(type: string): string[] };
  check(port: number, more?: object, timeout_ms?: number): Promise<readonly [string, string]>;
};
/** The copy's own modules: its registry, its schema of monitors, its checker on an agent's sockets. */
async function modules(): Promise<Modules> {
  const load = (file: string) => import(/* @vite-ignore */ join(copy.path, file));
  const { checkPlugins } = await load("plugins/checks/index.ts");
  const { runCheck } = (await load("workers/checker/run-checks.ts")) as { runCheck(check: Checked, io: unknown): Promise<Outcome> };
  const { agentIo } = await load("agent/node-io.fixture.ts");
  return {
    registry: checkPlugins,
    plugins: await load("plugins/index.ts"),
    check: async (port, more = {}, timeout_ms = 2_000) => {
      const target = { host: "127.0.0.1", port, hostHeader: null, endpoint: "127.0.0.1" };
      const { outcome, detail } = await runCheck({ type: "REDIS", spec: more, target, timeout_ms }, agentIo);
      return [outcome, detail];
    },
  };
}

describe("the worked example of docs/plugins.md", () => {
  it("is exactly one new file and one added line", async () => {
    const after = await contents(copy.path);
    expect([...after.keys()].filter((file) => !before.has(file))).toEqual([path]);
    expect([...before.keys()].filter((file) => !after.has(file))).toEqual([]);
    expect([...before].filter(([file, was]) => after.get(file) !== was).map(([file]) => file)).toEqual([registry]);
    const lines = (await readFile(join(copy.path, registry), "utf8")).split("\n");
    const old = registryBefore.split("\n");
    const added = lines.filter((line) => !old.includes(line));
    expect(added).toHaveLength(1);
    expect(lines.filter((line) => line !== added[0])).toEqual(old);
  });

  it("is a type of the registry and of the schema of monitors, with a secret of its own", async () => {
    const { registry: known, plugins } = await modules();
    const { checkPlugins: knownHere } = await import("../../plugins/checks/index.ts");
    expect(Object.keys(known).filter((type) => !Object.hasOwn(knownHere, type))).toEqual(["REDIS"]);
    expect(Object.keys(known)).toHaveLength(Object.keys(knownHere).length + 1);
    expect(plugins.monitorWrite.parse({ type: "redis" })).toMatchObject({ type: "REDIS", port: 6379, username: null, delay: 20 });
    expect(() => plugins.monitorWrite.parse({ type: "REDIS", pasword: "x" })).toThrow("pasword");
    expect(plugins.secretsOf("REDIS")).toEqual(["password"]);
  });

  it("passes the suite of all plugins, the house rules, the format and the compiler", async () => {
    const report = join(copy.path, "report.json");
    const files = ["plugins/checks/index.test.ts", "plugins/index.test.ts", "test/tidy.test.ts"];
    // What failed is in the report, by its name.
    const ended = await run("vitest", "run", "--project", "unit", "--reporter=json", `--outputFile=${report}`, ...files).catch(String);
    const { testResults } = JSON.parse(await readFile(report, "utf8").catch(() => Promise.reject(new Error(ended)))) as {
      testResults: { assertionResults: { fullName: string; status: string; failureMessages: string[] }[] }[];
    };
    const results = testResults.flatMap(({ assertionResults }) => assertionResults);
    expect(results.filter(({ status }) => status !== "passed")).toEqual([]);
    const own = results.filter(({ fullName }) => fullName.includes("plugin REDIS"));
    // Two of the plugin, and at least as many of each example as there are ways to misbehave.
    expect(own.length).toBeGreaterThanOrEqual(2 + 2 * 8);
    for (const title of ["a cache answers", "one that wants to know who asks"])
      expect(own.map(({ fullName }) => fullName).join()).toContain(title);
    await run("biome", "check", "--vcs-enabled=false", path, registry);
    await run("tsc", "-p", "tsconfig.json");
  }, 120_000);
});

describe("the example against a Redis", () => {
  const redis = whereInstalled(["redis"], startRedis);
  beforeAll(redis.start);
  afterAll(redis.stop);

  /** An inline command, and the server's first line. */
  async function tell(port: number, line: string): Promise<string> {
    const socket = createConnection({ host: "127.0.0.1", port });
    socket.write(`${line}\r\n`);
    const [bytes] = (await once(socket, "data")) as [Buffer];
    socket.destroy();
    return bytes.toString().trim();
  }

  it("passes where PING is answered, with a password or without, and fails in words where it is refused", async (context) => {
    const { port } = redis.get(context);
    const { check } = await modules();
    expect(await check(port)).toEqual(["pass", "PONG"]);
    expect(await check(port, { password: "none is wanted" })).toEqual(["fail", "AUTH is refused: -ERR"]);

    expect(await tell(port, "ACL SETUSER kosmos on >correct-horse +ping")).toBe("+OK");
    expect(await tell(port, "CONFIG SET requirepass hush")).toBe("+OK");
    expect(await check(port)).toEqual(["fail", "expected +PONG, got -NOAUTH Authentication required."]);
    expect(await check(port, { password: "hush" })).toEqual(["pass", "PONG"]);
    expect(await check(port, { password: "wrong" })).toEqual(["fail", "AUTH is refused: -WRONGPASS"]);
    expect(await check(port, { username: "kosmos", password: "correct-horse" })).toEqual(["pass", "PONG"]);
    expect(await check(port, { username: "kosmos", password: "hush" })).toEqual(["fail", "AUTH is refused: -WRONGPASS"]);
    expect(await check(port, { password: "hush\r\nPING" })).toEqual(["fail", "AUTH is refused: -WRONGPASS"]);
  });
});

describe("the example against what is no Redis", () => {
  const servers: RawServer[] = [];
  afterAll(() => Promise.all(servers.map((server) => server.close())));
  const answering = async (text: string, end = false): Promise<number> => {
    const server = await startRawServer((socket) => {
      socket.write(text);
      if (end) socket.end();
    });
    servers.push(server);
    return server.port;
  };

  it.each([
    ["+PONG\r\n", "pass", "PONG"],
    ["-LOADING Redis is loading the dataset in memory\r\n", "fail", "expected +PONG, got -LOADING Redis is loading the dataset in memory"],
    ["$4\r\nPONG\r\n", "fail", "expected +PONG, got $4"],
    ["HTTP/1.1 400 Bad Request\r\n\r\n", "fail", "expected +PONG, got HTTP/1.1 400 Bad Request"],
    ["\u0000\u0007\r\n", "fail", "expected +PONG, got ??"],
    ["", "fail", "no answer within 200 ms"],
    ["+PON", "fail", "no answer within 200 ms"],
    ["x".repeat(40_000), "fail", "the answer is too long"],
  ])("that says %j, is a %s", async (text, outcome, detail) => {
    const { check } = await modules();
    expect(await check(await answering(text), {}, 200)).toEqual([outcome, detail]);
  });

  it("never shows the password, also where the server repeats it", async () => {
    const { check } = await modules();
    const port = await answering("-ERR unknown command 'AUTH', with args beginning with: 'hush'\r\n");
    expect(await check(port, { password: "hush" })).toEqual(["fail", "AUTH is refused: -ERR"]);
    const closing = await answering("+OK\r\n", true);
    expect(await check(closing, { password: "hush" })).toEqual(["fail", "connection closed before the end of the answer"]);
  });

  it("sends commands that carry their length", async () => {
    const { check } = await modules();
    const port = await answering("+OK\r\n+PONG\r\n");
    expect(await check(port, { username: "ü", password: "a\r\nb" })).toEqual(["pass", "PONG"]);
    const [sent] = servers.at(-1)?.received ?? [];
    expect(Buffer.from(sent ?? "", "latin1").toString("utf8")).toMatch(/^\*3\r\n\$4\r\nAUTH\r\n\$2\r\nü\r\n\$4\r\na\r\nb\r\n/);
  });
});
