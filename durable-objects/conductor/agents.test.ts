/** The agents of a deployment while D1 comes and goes: whoever was recognised goes on being recognised. */
import { describe, expect, it } from "vitest";
import type { AgentFacts } from "../../domain/agent.ts";
import { Agents } from "./agents.ts";
import { StorageAway } from "./failure.ts";
import { memoryStorage } from "./storage.fixture.ts";
import type { Store } from "./store.ts";

const facts: AgentFacts = { version: "1.0.0", capabilities: ["tcp"], address_families: [4] };
const row = {
  id: "a",
  name: "lab",
  description: null,
  project_id: null,
  token_hash: "hash",
  created_at: 1,
  last_seen_at: null,
  facts: null,
};

describe("an agent that is seen while another cannot be made", () => {
  it("keeps its token: that D1 is away is nobody's end", async () => {
    let away: Promise<never> | null = null;
    const database = async <T>(answer: T): Promise<T> => (away === null ? answer : await away);
    const store = { read: () => database([row]), write: () => database([]) } as unknown as Store;
    const agents = new Agents(store, memoryStorage());
    expect((await agents.of("hash"))?.name).toBe("lab");

    const { promise, reject } = Promise.withResolvers<never>();
    away = promise;
    const made = agents.create({ name: "other", description: null, project_id: null }, "another hash", 2);
    const seen = agents.seen("a", facts, 3);
    reject(new StorageAway("away"));
    await expect(made).rejects.toThrow("away");
    await seen;
    expect((await agents.of("hash"))?.name).toBe("lab");
  });
});
