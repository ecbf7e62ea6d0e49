import { describe, expect, it } from "vitest";
import { memoryBackend } from "../../plugins/backends/memory.ts";
import { Connections } from "./connections.ts";
import { FlavorClient } from "./flavor-client.ts";
import { noConnection } from "./project.fixture.ts";
import { settled } from "./shell.fixture.ts";

/** Flavors whose plugin asks for each name with a request of its own, all at once; hosts answer when they are told to. */
class World {
  readonly waiting: { readonly host: string; readonly answer: () => void }[] = [];
  readonly deadlines: (() => void)[] = [];
  private readonly connections: Connections;

  constructor(flavors: readonly string[]) {
    this.connections = new Connections(() => flavors);
  }

  /** How many requests wait for an answer, by host. */
  open(host: string): number {
    return this.waiting.filter((one) => one.host === host).length;
  }

  answer(host: string): void {
    const [first] = this.waiting.filter((one) => one.host === host);
    if (first === undefined) throw new Error(`nobody asked ${host}`);
    this.waiting.splice(this.waiting.indexOf(first), 1);
    first.answer();
  }

  client(flavor: string): FlavorClient {
    const plugin = memoryBackend(new Map());
    const read: typeof plugin.read = async (_zone, fqdns, { io }) => {
      await Promise.all(fqdns.map(() => io.fetch(`https://${flavor}.test/`, { signal: io.signal })));
      return fqdns.map((fqdn) => ({ fqdn, answers: [], epoch: null, number: null }));
    };
    return new FlavorClient(flavor, {
      now: () => 0,
      random: () => 0.5,
      sleep: (_ms, signal) =>
        new Promise((resolve) => {
          signal?.addEventListener("abort", () => resolve());
          this.deadlines.push(resolve);
        }),
      flavors: () => ({ plugin: { ...plugin, read }, settings: {}, credentials: {} }),
      backendIo: { now: () => 0, connect: noConnection, fetch: (input, init) => this.fetch(String(input), init?.signal ?? null) },
      connections: this.connections,
      log: { warn: () => {}, error: () => {} },
    });
  }

  private fetch(url: string, signal: AbortSignal | null): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const one = { host: new URL(url).host.replace(".test", ""), answer: () => resolve(new Response()) };
    this.waiting.push(one);
    signal?.addEventListener("abort", () => {
      this.waiting.splice(this.waiting.indexOf(one), 1);
      reject(new Error("aborted"));
    });
    return promise;
  }
}
const names = (count: number) => Array.from({ length: count }, (_, n) => `n${n}.example.com.`);

describe("the connections of an Engine", () => {
  it("that hang at one backend leave some to the others", async () => {
    const world = new World(["hung", "well"]);
    void world.client("hung").read("example.com.", names(9), 10_000);
    void world.client("hung").read("example.com.", names(9), 10_000);
    await settled();
    expect(world.open("hung")).toBe(3);
    const read = world.client("well").read("example.com.", names(3), 10_000);
    for (let answered = 0; answered < 3; answered += 1) {
      await settled();
      expect(world.open("well")).toBe(1);
      world.answer("well");
    }
    expect((await read).ok).toBe(true);
  });

  it("are all a flavor's that is alone, and come back when their time is over", async () => {
    const world = new World(["one"]);
    const read = world.client("one").read("example.com.", names(9), 10_000);
    await settled();
    expect(world.open("one")).toBe(4);
    for (const end of world.deadlines.splice(0)) end();
    expect((await read).ok).toBe(false);
    await settled();
    expect(world.open("one")).toBe(0);
    const again = world.client("one").read("example.com.", names(5), 10_000);
    for (let answered = 0; answered < 5; answered += 1) {
      await settled();
      world.answer("one");
    }
    expect((await again).ok).toBe(true);
  });

  it("are one for each of more flavors than there are connections", async () => {
    const flavors = ["a", "b", "c", "d", "e", "f", "g"];
    const world = new World(flavors);
    for (const flavor of flavors) void world.client(flavor).read("example.com.", names(5), 10_000);
    await settled();
    expect(flavors.map((flavor) => world.open(flavor))).toEqual(flavors.map(() => 1));
  });
});
