import { describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import type { Assignment, Confirmation } from "../rpc.ts";
import type { AgentOrders, CheckResult, TestOrder } from "../rpc-vantage.ts";
import { AgentDesk } from "./agent-desk.ts";

/** A desk on a clock that the test moves. */
class Room {
  now = 1_000_000;
  version = 1;
  isKnown = true;
  private ids = 0;
  private sleepers: { readonly at: number; readonly wake: () => void }[] = [];
  readonly desk = new AgentDesk(
    {
      now: () => this.now,
      newId: () => `test-${++this.ids}`,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          this.sleepers.push({ at: this.now + ms, wake: resolve });
          signal?.addEventListener("abort", () => resolve());
        }),
    },
    (region) => (this.isKnown ? this.assignment(region) : null),
  );

  assignment(region: string): Assignment {
    return { project_id: "default", region, shard: 0, generation: 7, version: this.version, monitors: [], checks: [] };
  }

  async pass(ms: number): Promise<void> {
    this.now += ms;
    const due = this.sleepers.filter(({ at }) => at <= this.now);
    this.sleepers = this.sleepers.filter(({ at }) => at > this.now);
    for (const { wake } of due) wake();
    await settled();
  }

  /** A poll, and what came of it so far. */
  poll(tag: string | null, waitMs = 20_000, region = "dc-1") {
    const seen: { orders: AgentOrders | null } = { orders: null };
    void this.desk.poll({ region, tag, waitMs }).then((orders) => {
      seen.orders = orders;
    });
    return seen;
  }
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

const confirmation: Confirmation = { member_id: "m", endpoint: "192.0.2.1", monitor_id: "c", monitor_version: 1, doubt: "down" };
const order: TestOrder = {
  project_id: "default",
  region: "dc-1",
  monitor_id: null,
  type: "TCP",
  timeout_ms: 1_000,
  spec: { port: 1 },
  target: { host: "192.0.2.1", port: null, hostHeader: null, endpoint: "192.0.2.1" },
};
const result = { region: "dc-1", outcome: "pass" } as CheckResult;
const nothing = { assignment: null, confirmations: [], tests: [] };

describe("an agent at the desk", () => {
  it("gets what it lacks at once, with the tag that says what it has", async () => {
    const room = new Room();
    for (const tag of [null, "", "7.0", "6.1"]) {
      const seen = room.poll(tag);
      await settled();
      expect(seen.orders).toEqual({ tag: "7.1", assignment: room.assignment("dc-1"), confirmations: [], tests: [] });
    }
  });

  it("waits while there is nothing new, no longer than it wants and than is allowed", async () => {
    const room = new Room();
    const seen = room.poll("7.1", 5_000);
    await room.pass(4_999);
    expect(seen.orders).toBeNull();
    await room.pass(1);
    expect(seen.orders).toEqual({ tag: "7.1", ...nothing });
    const patient = room.poll("7.1", 10 * limits.agentPollMs);
    await room.pass(limits.agentPollMs);
    expect(patient.orders).toEqual({ tag: "7.1", ...nothing });
    const hasty = room.poll("7.1", -1);
    await settled();
    expect(hasty.orders).toEqual({ tag: "7.1", ...nothing });
  });

  it("is told as soon as its checks are other ones", async () => {
    const room = new Room();
    const seen = room.poll("7.1");
    await settled();
    room.desk.changed();
    await settled();
    expect(seen.orders).toBeNull();
    room.version = 2;
    room.desk.changed();
    await settled();
    expect(seen.orders).toMatchObject({ tag: "7.2", assignment: { version: 2 } });
  });

  it("is not told to check nothing by an Engine that does not know yet", async () => {
    const room = new Room();
    room.isKnown = false;
    const [kept, fresh] = [room.poll("7.1", 5_000), room.poll(null, 5_000, "dc-2")];
    await room.pass(5_000);
    expect(kept.orders).toEqual({ tag: "7.1", ...nothing });
    expect(fresh.orders).toEqual({ tag: "", ...nothing });
    room.isKnown = true;
    const after = room.poll("", 5_000, "dc-2");
    await settled();
    expect(after.orders?.assignment).not.toBeNull();
  });

  it("has one poll: the one before ends without anything, and not at once", async () => {
    const room = new Room();
    const [first, other] = [room.poll("7.1"), room.poll("7.1", 20_000, "dc-2")];
    await settled();
    const second = room.poll("7.1");
    await settled();
    expect(first.orders).toBeNull();
    await room.pass(1_000);
    expect(first.orders).toEqual({ tag: "7.1", ...nothing });
    room.desk.confirm("dc-1", [confirmation], room.now + 1_000);
    await settled();
    expect(second.orders?.confirmations).toEqual([confirmation]);
    expect(other.orders).toBeNull();
  });

  it("gets each confirmation once, and none that came too late", async () => {
    const room = new Room();
    room.desk.confirm("dc-1", [confirmation], room.now + 1_000);
    const seen = room.poll("7.1");
    await settled();
    expect(seen.orders).toEqual({ tag: "7.1", ...nothing, confirmations: [confirmation] });
    room.desk.confirm("dc-1", [confirmation], room.now + 1_000);
    await room.pass(1_000);
    const late = room.poll("7.1", 0);
    await settled();
    expect(late.orders).toEqual({ tag: "7.1", ...nothing });
  });

  it("keeps no heap of confirmations that nobody fetches", async () => {
    const room = new Room();
    for (let n = 0; n < limits.agentConfirmations + 5; n += 1) {
      room.desk.confirm("dc-1", [{ ...confirmation, monitor_version: n + 1 }], room.now + 1_000);
    }
    const seen = room.poll("7.1");
    await settled();
    expect(seen.orders?.confirmations).toHaveLength(limits.agentConfirmations);
    expect(seen.orders?.confirmations.at(-1)?.monitor_version).toBe(limits.agentConfirmations + 5);
  });
});

describe("a test by an agent", () => {
  it("is handed out, and its result handed back", async () => {
    const room = new Room();
    const seen = room.poll("7.1");
    const answer = room.desk.test(order);
    await settled();
    expect(seen.orders).toEqual({ tag: "7.1", ...nothing, tests: [{ id: "test-1", order }] });
    room.desk.tested("test-1", result);
    expect(await answer).toBe(result);
  });

  it("waits for an agent to come, and is nobody's when it was given up", async () => {
    const room = new Room();
    let answer: CheckResult | null | undefined;
    void room.desk.test(order).then((came) => {
      answer = came;
    });
    await room.pass(1_000 + limits.agentTestGraceMs - 1);
    expect(answer).toBeUndefined();
    await room.pass(1);
    expect(answer).toBeNull();
    const late = room.poll("7.1", 0);
    await settled();
    expect(late.orders).toEqual({ tag: "7.1", ...nothing });
    room.desk.tested("test-1", result);
  });

  it("of another id is no answer", async () => {
    const room = new Room();
    const answer = room.desk.test(order);
    room.desk.tested("test-9", result);
    await room.pass(1_000 + limits.agentTestGraceMs);
    expect(await answer).toBeNull();
  });
});
