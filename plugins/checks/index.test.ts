import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CheckTarget } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { nodeIo } from "../../test/node-io.ts";
import { type RawServer, startRawServer } from "../../test/raw-server.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";
import { checkPluginOf, monitorWrite, specOf } from "../index.ts";
import { checkPlugins } from "./index.ts";

/** The suite that every check plugin passes, by its own examples: whatever the other side does, there is an outcome, in time and in words. */
const others: Record<string, RawServer> = {};

beforeAll(async () => {
  others.hangs = await startRawServer(() => undefined, { atOnce: true });
  others.closes = await startRawServer((socket) => socket.end(), { atOnce: true });
  others.resets = await startRawServer((socket) => socket.resetAndDestroy(), { atOnce: true });
  others["talks nonsense"] = await startRawServer((socket) => socket.write(Buffer.from([0, 255, 10, 13, 10, 10])), { atOnce: true });
  others.floods = await startRawServer(
    (socket) => {
      const flood = () => {
        while (socket.writable && socket.write("x".repeat(65_536)));
      };
      socket.on("drain", flood);
      flood();
    },
    { atOnce: true },
  );
  const dead = await startRawServer(() => undefined);
  await dead.close();
  others["is dead"] = dead;
});
afterAll(async () => {
  for (const server of Object.values(others)) await server.close();
});

const plugins = Object.entries(checkPlugins);
const timeout_ms = 100;

describe.each(plugins)("the check plugin %s", (type, plugin) => {
  it("is registered under its type, which is in capitals, and has examples", () => {
    expect(plugin.type).toBe(type);
    expect(type).toBe(type.toUpperCase());
    expect(plugin.title).not.toBe("");
    expect(plugin.examples.length).toBeGreaterThan(0);
  });

  it("refuses fields that it does not know", () => {
    const [example] = plugin.examples;
    const result = plugin.spec.safeParse({ ...(example?.spec as object), no_such_field: 1 });
    expect(result.success).toBe(false);
  });

  describe.each(plugin.examples.map(({ title, spec }) => [title, spec as Record<string, unknown>] as const))("%s", (_title, spec) => {
    it("is a monitor, and stays the same when it is written again", () => {
      const monitor = monitorWrite.parse({ type: type.toLowerCase(), ...spec });
      expect(monitor.type).toBe(type);
      expect(monitorWrite.parse(monitor)).toEqual(monitor);
      expect(plugin.spec.parse(specOf(monitor))).toEqual(plugin.spec.parse(spec));
      expect(checkPluginOf(type.toLowerCase())).toBe(plugin);
    });

    it("names what it needs of a vantage point", () => {
      for (const host of ["192.0.2.1", "origin.example.com."]) {
        expect(plugin.needs(plugin.spec.parse(spec), { host, port: null, hostHeader: null, endpoint: host }).length).toBeGreaterThan(0);
      }
    });

    it.each(["hangs", "closes", "resets", "talks nonsense", "floods", "is dead"])("has an outcome when the other side %s", async (what) => {
      for (const host of ["127.0.0.1", "localhost."]) {
        const target: CheckTarget = { host, port: others[what]?.port ?? 1, hostHeader: null, endpoint: host };
        const { outcome, latencyMs, detail } = await runCheck({ type, spec, target, timeout_ms }, nodeIo);
        expect(["pass", "fail", "no_data"]).toContain(outcome);
        if (what === "is dead") expect(outcome).not.toBe("pass");
        expect(latencyMs === null || (latencyMs >= 0 && latencyMs <= timeout_ms + limits.checkLateMs)).toBe(true);
        expect(detail).toMatch(/^[ -~]{2,200}$/);
      }
    });
  });
});

describe("a TCP check", () => {
  const tcp = (port: number) => {
    const target = { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1" };
    return runCheck({ type: "TCP", spec: { port }, target, timeout_ms: 1_000 }, nodeIo);
  };

  it("passes when the connection opens, even if nothing is ever said, and fails when it is refused", async () => {
    expect(await tcp(others.hangs?.port ?? 1)).toMatchObject({ outcome: "pass", detail: "connected" });
    expect(await tcp(others["is dead"]?.port ?? 1)).toMatchObject({ outcome: "fail", detail: "connection refused or unreachable" });
  });

  it("fails at its deadline when the connection does not open, without waiting for it to close", async () => {
    const never = new Promise<never>(() => undefined);
    const socket = { readable: new ReadableStream(), writable: new WritableStream(), opened: never, closed: never, close: () => never };
    const target = { host: "192.0.2.1", port: 81, hostHeader: null, endpoint: "192.0.2.1" };
    const outcome = await runCheck({ type: "TCP", spec: { port: 80 }, target, timeout_ms: 30 }, { ...nodeIo, connect: () => socket });
    expect(outcome).toEqual({ outcome: "fail", latencyMs: null, detail: "no connection within 30 ms" });
  });
});
