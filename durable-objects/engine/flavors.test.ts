/** What the Engine knows of flavors: which it asks for, what it forgets, and that a backend which never answers is not waited for. */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { BackendFailure, type BackendPlugin } from "../../domain/backend.ts";
import type { Flavor } from "../../domain/flavor.ts";
import { ok } from "../../domain/result.ts";
import { memoryBackend } from "../../plugins/backends/memory.ts";
import type { Sealed } from "../rpc-backends.ts";
import { flavorPlace, seal } from "../seal.ts";
import { Flavors } from "./flavors.ts";
import { noConnection, uuid } from "./project.fixture.ts";

const keys = { KOSMOS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64") };
const password = 'p"ss wörd';

const flavor = (name: string, over: Partial<Sealed<Flavor>> = {}): Sealed<Flavor> => ({
  id: uuid(700),
  name,
  provider: "memory",
  settings: {},
  description: null,
  project_ids: [],
  domain_names: [],
  version: 1,
  created_at: "2026-01-01T00:00:00Z",
  updated_at: "2026-01-01T00:00:00Z",
  sealed: null,
  ...over,
});

const idle = { now: () => 0, fetch, connect: noConnection, sleep: async () => undefined };

type Over = {
  readonly plugins?: Readonly<Record<string, BackendPlugin>>;
  readonly stored?: readonly Sealed<Flavor>[];
  readonly isLate?: boolean;
};

/** With what the Conductor has, which may be changed, and what was stored of it. */
function world({ plugins = { memory: memoryBackend() }, stored = [], isLate = false }: Over = {}) {
  const has: Sealed<Flavor>[] = [];
  const kept = new Map(stored.map((one) => [one.name, one]));
  const flavors = new Flavors(
    {
      flavors: (name) => (name === "edge" ? { plugin: memoryBackend(), settings: {}, credentials: {} } : null),
      flavorSource: { flavors: async () => ok([...has]), keys, plugins },
      backendIo: { ...idle, answers: { write: async () => [], read: async () => [] } },
      // Deadlines are over at once, or never.
      sleep: (_, signal) => new Promise((resolve) => (isLate ? resolve() : signal?.addEventListener("abort", () => resolve()))),
    },
    {
      flavors: () => [...kept.values()],
      putFlavors: (changed) => {
        for (const [name, one] of changed)
          if (one === null) kept.delete(name);
          else kept.set(name, one);
      },
    },
  );
  const reasonOf = async (name: string) => {
    const io = { ...idle, kept: new Map(), signal: AbortSignal.timeout(1_000) };
    const outcome = await flavors.bound(name)?.plugin.write("example.com.", [], { settings: {}, credentials: {}, io });
    return outcome !== undefined && "class" in outcome ? outcome : null;
  };
  return { flavors, has, kept, reasonOf };
}

describe("what the Engine knows of flavors", () => {
  it("is of those alone that are used, and of these no more once they are not", async () => {
    const { flavors, has, kept } = world();
    has.push(flavor("a"), flavor("b"));
    expect(await flavors.take(new Set(["edge", "a"]))).toEqual(["a"]);
    expect([[...kept.keys()], flavors.provider("a"), flavors.provider("b"), flavors.provider("edge")]).toEqual([
      ["a"],
      "memory",
      null,
      "memory",
    ]);
    expect(await flavors.take(new Set(["edge", "a"]))).toEqual([]);
    expect(await flavors.take(new Set(["edge"]))).toEqual(["a"]);
    expect([...kept.keys()]).toEqual([]);
  });

  it("is another one by another version, other credentials, or one made again by the same name", async () => {
    const { flavors, has } = world();
    for (const one of [
      flavor("a"),
      flavor("a", { version: 2 }),
      flavor("a", { version: 2, id: uuid(701) }),
      flavor("a", { version: 2, id: uuid(701), sealed: "v1.x.y" }),
    ]) {
      has.splice(0, 1, one);
      expect(await flavors.take(new Set(["a"]))).toEqual(["a"]);
      expect(await flavors.take(new Set(["a"]))).toEqual([]);
    }
  });

  it("tells what is not known yet from what is not there", async () => {
    const { flavors, reasonOf, has } = world();
    expect(await reasonOf("a")).toMatchObject({ class: "retry", detail: expect.stringContaining("is not known yet") });
    expect(await flavors.take(new Set(["a"]))).toEqual(["a"]);
    expect(flavors.bound("a")).toBeNull();
    expect(await reasonOf("b")).toMatchObject({ class: "retry" });
    // It is looked for again, since it may be made by now; who was told once is not told again.
    expect(flavors.lacks(["a"])).toBe(true);
    expect(await flavors.take(new Set(["a"]))).toEqual([]);
    has.push(flavor("a"));
    expect(await flavors.take(new Set(["a"]))).toEqual(["a"]);
    expect(flavors.bound("a")?.plugin.provider).toBe("memory");
  });

  it("is whether plans for it carry the pools, before anything was opened", () => {
    const plugins = { memory: memoryBackend(new Map(), { supports: { pools: true } }) };
    const { flavors } = world({ plugins, stored: [flavor("lb")] });
    expect([flavors.carriesPools("lb"), flavors.carriesPools("edge"), flavors.carriesPools("gone")]).toEqual([true, false, false]);
  });
});

describe("a flavor that is tried", () => {
  const tried = (test: NonNullable<BackendPlugin["test"]>) => {
    const { hosts: _, ...memory } = memoryBackend();
    const credentials = z.strictObject({ username: z.string(), password: z.string() });
    return { memory: { ...memory, credentials, test } as unknown as BackendPlugin };
  };
  const sealed = async () => {
    const made = await seal(JSON.stringify({ username: "kosmos", password }), flavorPlace("a"), keys);
    if (!made.ok) throw new Error(made.error);
    return flavor("a", { sealed: made.value });
  };

  it("is not waited for without end", async () => {
    let signal: AbortSignal | null = null;
    const plugins = tried((_, { io }) => {
      signal = io.signal;
      return new Promise(() => undefined);
    });
    expect(await world({ plugins, isLate: true }).flavors.test(await sealed())).toEqual({
      ok: false,
      error: { class: "retry", detail: "no answer within 10 s" },
    });
    expect(signal).toMatchObject({ aborted: true });
  });

  it.each<[string, (text: string) => never]>([
    [
      "throws",
      (text) => {
        throw new Error(text);
      },
    ],
    [
      "fails",
      (text) => {
        throw new BackendFailure({ class: "credentials", detail: text });
      },
    ],
  ])("says nothing of its secret where it %s, however it is spelled there", async (_, end) => {
    const plugins = tried(async () => end(`kosmos may not: ${password} ${encodeURIComponent(password)} ${JSON.stringify({ password })}`));
    expect(await world({ plugins }).flavors.test(await sealed())).toMatchObject({
      error: { detail: 'kosmos may not: *** *** {"password":"***"}' },
    });
  });

  it("gets no way to the answers of edge", async () => {
    const plugins = tried(async (_, { io }) => ({ details: [String("answers" in io)] }));
    expect(await world({ plugins }).flavors.test(await sealed())).toEqual({ ok: true, value: ["false"] });
  });
});
