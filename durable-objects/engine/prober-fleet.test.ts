import { describe, expect, it } from "vitest";
import type { Assignment } from "../rpc.ts";
import type { ProberKey } from "./ports.ts";
import { ProberFleet } from "./prober-fleet.ts";
import { World } from "./project.fixture.ts";
import type { Store } from "./store.ts";

/** A fleet whose Probers only note that they were knocked at. */
function fleetOf(world: World, awake: string[]) {
  const ports = {
    projectId: "default",
    prober: ({ region, shard, generation }: ProberKey) => ({
      assign: async ({ version }: Assignment) => ({ version }),
      confirm: async () => undefined,
      wake: async () => {
        awake.push(`${region}:${shard}:${generation}`);
        return { version: 1, checks: 2, next_due_at: null };
      },
    }),
    log: { warn: () => undefined, error: () => undefined },
  };
  const store = { saveShards: () => undefined } as unknown as Store;
  return new ProberFleet(ports, 1, world.project.catalog, store, new Map());
}

describe("Probers that fell silent", () => {
  it("are woken by an Engine that has only just started: it may be evicted between any two rounds of the watchdog", async () => {
    const awake: string[] = [];
    const world = new World();
    const fleet = fleetOf(world, awake);
    fleet.assign();
    await fleet.wakeSilent(Date.now());
    expect(awake.toSorted()).toEqual(["eeur:0:1", "enam:0:1", "weur:0:1"]);
  });

  it("are those from which nothing came for two periods", async () => {
    const awake: string[] = [];
    const fleet = fleetOf(new World(), awake);
    fleet.assign();
    const now = Date.now();
    for (const region of ["weur", "eeur", "enam"])
      fleet.heard({ project_id: "default", region, shard: 0, generation: 1, colo: "local", observations: [] }, now);
    await fleet.wakeSilent(now + 30_000);
    expect(awake).toEqual([]);
    await fleet.wakeSilent(now + 30_001);
    expect(awake).toHaveLength(3);
  });
});
