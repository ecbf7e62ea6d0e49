/** Agents in the deployment's Conductor, in the real runtime: D1 is the truth, and while it is away those that were known go on being known. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AgentsRpc } from "../../durable-objects/rpc-vantage.ts";
import { monitorWrite } from "../../plugins/index.ts";
import { by, startConductors, value } from "./conductor/conductor-harness.ts";

const facts = { version: "0.1.0", capabilities: ["tcp"], address_families: [4] } as const;
const hash = (letter: string) => letter.repeat(64);

describe("the agents of a deployment", () => {
  let system: Awaited<ReturnType<typeof startConductors>>;
  let agents: AgentsRpc;
  beforeAll(async () => {
    system = await startConductors();
    agents = system.deployment as unknown as AgentsRpc;
  });
  beforeEach(async () => {
    await system.faults({ d1: "none" });
  });
  afterAll(() => system.harness.close());

  const create = async (name: string, letter: string, project_id: string | null = null) => {
    const made = await agents.createAgent({ name, description: null, project_id }, hash(letter), by);
    if (!made.ok) throw new Error(made.error.detail);
    return made.value;
  };

  it("are known by their token's hash until they are removed", async () => {
    const made = await create("rack-1", "a", "default");
    expect(await agents.agentOf(hash("a"))).toEqual(made);
    expect(await agents.agentOf(hash("b"))).toBeNull();
    expect(await agents.readAgent(made.id)).toEqual({ ok: true, value: made });
    const second = await agents.createAgent({ name: "rack-1", description: null, project_id: null }, hash("b"), by);
    expect(second).toMatchObject({ ok: false, error: { type: "conflict" } });
    expect(await agents.removeAgent(made.id, by)).toEqual({ ok: true, value: null });
    expect(await agents.agentOf(hash("a"))).toBeNull();
    expect(await agents.removeAgent(made.id, by)).toMatchObject({ ok: false, error: { type: "not-found" } });
    expect(await agents.agents()).toEqual({ ok: true, value: [] });
  });

  it("that monitors name are removed only by force; those of projects that they do not serve do not matter", async () => {
    const used = async (agent: string, project: string) =>
      value(
        await system
          .of(project)
          .create("monitor", monitorWrite.parse({ type: "PING", name: `ping of ${agent}`, check_regions: ["weur", agent] }), by),
      );
    const [one, everywhere] = [await create("rack-5", "1", "one"), await create("rack-6", "2")];
    await used("rack-5", "other");
    expect(await agents.removeAgent(one.id, by)).toEqual({ ok: true, value: null });
    const users = [];
    for (const project of ["one", "other"]) {
      const { id, name } = await used("rack-6", project);
      users.push({ type: "monitor", id, name });
    }
    expect(await agents.removeAgent(everywhere.id, by)).toEqual({
      ok: false,
      error: { type: "in-use", detail: "the region rack-6 is named by 2 monitors", users },
    });
    expect(await agents.agentOf(hash("2"))).toEqual(everywhere);
    expect(await agents.removeAgent(everywhere.id, by, true)).toEqual({ ok: true, value: null });
    expect(await agents.agentOf(hash("2"))).toBeNull();
  });

  it("are noted when they are seen, with what they say of themselves", async () => {
    const made = await create("rack-2", "c");
    await agents.agentSeen(made.id, facts);
    const read = await agents.readAgent(made.id);
    expect(read).toMatchObject({ ok: true, value: { facts, last_seen_at: expect.stringMatching(/^\d{4}-/) } });
    await agents.removeAgent(made.id, by);
  });

  it("are recognised while D1 is away, also by an object that has just started, and are neither made nor removed then", async () => {
    const made = await create("rack-3", "d");
    await system.evict("deployment");
    await system.faults({ d1: "before", matching: "" });
    expect(await agents.agentOf(hash("d"))).toEqual(made);
    expect(await agents.agentOf(hash("e"))).toBeNull();
    await agents.agentSeen(made.id, facts);
    expect(await agents.removeAgent(made.id, by)).toMatchObject({ ok: false, error: { type: "unavailable" } });
    expect(await agents.agents()).toMatchObject({ ok: false, error: { type: "unavailable" } });
    await system.faults({ d1: "none" });
    expect(await agents.agentOf(hash("d"))).toMatchObject({ id: made.id });
    await agents.removeAgent(made.id, by);
  });

  it("that were removed stay so where the answer of D1 was lost", async () => {
    const made = await create("rack-4", "f");
    await system.faults({ d1: "after", matching: "DELETE FROM" });
    expect(await agents.removeAgent(made.id, by)).toMatchObject({ ok: false, error: { type: "unavailable" } });
    expect(await agents.agentOf(hash("f"))).toBeNull();
  });
});
