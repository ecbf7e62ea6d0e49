import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Outcome } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { type Misbehaving, startMisbehaving, type WayName, ways } from "../../test/misbehaving.ts";
import { until } from "../../test/system/until.ts";
import { target, worlds } from "../../test/worlds.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";
import { checkPluginOf, monitorWrite, specOf } from "../index.ts";
import { checkPlugins } from "./index.ts";

/**
 * The suite that every check plugin passes, by its own examples: whatever the other side does, there is an outcome, in time and in words; nothing
 * is left open; and a check that is called off ends.
 */
let others: Misbehaving;
beforeAll(async () => {
  others = await startMisbehaving();
});
afterAll(() => others.stop());

const plugins = Object.entries(checkPlugins);
const names = Object.keys(ways) as WayName[];
const hosts = ["127.0.0.1", "localhost."];
const timeout_ms = 100;
const patience = { timeoutMs: 10_000, intervalMs: 5 };
/** What an endpoint that is not there cannot make pass, but for those that ask this machine itself, or nobody. */
const needsSomebody = (type: string): boolean => type !== "PING";

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

  it("names only secrets that it may have", () => {
    for (const field of plugin.secrets ?? []) expect(plugin.spec).toHaveProperty(["shape", field]);
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
      const parsed = plugin.spec.parse(spec);
      expect(plugin.needs(parsed, null).length).toBeGreaterThan(0);
      for (const host of ["192.0.2.1", "origin.example.com."]) expect(plugin.needs(parsed, target(host)).length).toBeGreaterThan(0);
    });

    describe.each(worlds)("from %s", (_name, world) => {
      const outcomes = new Map<string, readonly Outcome[]>();
      beforeAll(async () => {
        const invocations = names.flatMap((name) =>
          hosts.map(async (host) => {
            const { io, open, end } = world.invoke();
            const outcome = await runCheck({ type, spec, target: target(host, others[name].port), timeout_ms }, io);
            await until(() => (open() ?? 0) === 0, { what: `the end of what a check of one that ${name} has opened`, ...patience });
            end();
            return [name, outcome] as const;
          }),
        );
        for (const [name, outcome] of await Promise.all(invocations)) outcomes.set(name, [...(outcomes.get(name) ?? []), outcome]);
      }, 20_000);

      it.each(names)("has an outcome when the other side %s", (name) => {
        expect(outcomes.get(name)).toHaveLength(hosts.length);
        for (const { outcome, latencyMs, detail } of outcomes.get(name) ?? []) {
          expect(["pass", "fail", "no_data"]).toContain(outcome);
          if (name === "is dead" && needsSomebody(type)) expect(outcome).not.toBe("pass");
          expect(latencyMs === null || (latencyMs >= 0 && latencyMs <= timeout_ms + limits.checkLateMs)).toBe(true);
          expect(detail).toMatch(/^[ -~]{2,200}$/);
          expect(detail).not.toMatch(/could not be carried out|no answer within \d+ ms.*no answer/);
        }
      });

      it("leaves nothing open", async () => {
        await until(() => others.open() === 0, { what: "the end of all connections", ...patience });
      }, 20_000);

      it("ends when it is called off, whatever it waits for, and lets go", async () => {
        const waits = [
          ...names.map((name) => target("127.0.0.1", others[name].port)),
          target("192.0.2.1", 81),
          target("hole.example.", 81),
        ];
        const routes = { "192.0.2.1:81": "hangs", "hole.example:81": "hangs" } as const;
        const checks = waits.map((to) => {
          const called = new AbortController();
          const { io, open, end } = world.invoke({ routes });
          const running = plugin.run(plugin.spec.parse(spec), to, { ...io, userAgent: "Kosmos/test", signal: called.signal });
          running.catch(() => undefined);
          return { called, running, open, end };
        });
        await new Promise((resolve) => setImmediate(resolve));
        for (const { called } of checks) called.abort("within no time");
        // Whatever it says now; one that went on would never end.
        await Promise.allSettled(checks.map(({ running }) => running));
        await until(() => checks.every(({ open }) => (open() ?? 0) === 0), { what: "the end of what is open", ...patience });
        for (const { end } of checks) end();
        await until(() => others.open() === 0, { what: "the end of all connections", ...patience });
      }, 20_000);
    });
  });
});
