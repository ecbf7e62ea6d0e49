/**
 * Where agents come for work: each waits here until its checks changed, a doubt is to be confirmed or a monitor tested. It is all in memory:
 * an agent whose Engine was evicted asks again, says what it has, and gets what it lacks. What nobody fetches in time is thrown away.
 */
import { limits } from "../../domain/limits.ts";
import type { Assignment, Confirmation } from "../rpc.ts";
import type { AgentOrders, AgentPoll, CheckResult, TestOrder } from "../rpc-vantage.ts";
import type { EnginePorts } from "./ports.ts";

/** What the region is to check, whole; null: it is not known yet. */
export type AssignmentFor = (region: string) => Assignment | null;

type Asked = { readonly confirmation: Confirmation; readonly expiresAt: number };
type Test = { readonly id: string; readonly order: TestOrder };

type Region = {
  /** Ends the wait of the poll that is there; null: none is. */
  wake: (() => void) | null;
  /** Counts the polls: only the newest is given anything. */
  poll: number;
  asked: Asked[];
  tests: Test[];
};

const replacedMs = 1_000;

export class AgentDesk {
  private readonly ports: Pick<EnginePorts, "now" | "sleep" | "newId">;
  private readonly assignmentFor: AssignmentFor;
  private readonly regions = new Map<string, Region>();
  private readonly testing = new Map<string, (result: CheckResult | null) => void>();

  constructor(ports: Pick<EnginePorts, "now" | "sleep" | "newId">, assignmentFor: AssignmentFor) {
    this.ports = ports;
    this.assignmentFor = assignmentFor;
  }

  async poll({ region: name, tag, waitMs }: AgentPoll): Promise<AgentOrders> {
    const region = this.region(name);
    region.wake?.();
    region.poll += 1;
    const mine = region.poll;
    const until = this.ports.now() + Math.min(Math.max(0, waitMs), limits.agentPollMs);
    for (;;) {
      if (region.poll !== mine) return this.replaced(tag);
      const orders = this.ordersFor(name, region, tag);
      const left = until - this.ports.now();
      if (left <= 0 || orders.assignment !== null || orders.confirmations.length > 0 || orders.tests.length > 0) return orders;
      const waiting = new AbortController();
      region.wake = () => waiting.abort();
      await this.ports.sleep(left, waiting.signal);
      if (region.poll === mine) region.wake = null;
    }
  }

  /** Assignments may be other ones now: who waits looks. */
  changed(): void {
    for (const region of this.regions.values()) region.wake?.();
  }

  /** `expiresAt`: after it a look would only disturb. */
  confirm(name: string, confirmations: readonly Confirmation[], expiresAt: number): void {
    const region = this.region(name);
    const asked = [...this.fresh(region), ...confirmations.map((confirmation) => ({ confirmation, expiresAt }))];
    region.asked = asked.slice(-limits.agentConfirmations);
    region.wake?.();
  }

  /** Null: nobody answered in time. */
  async test(order: TestOrder): Promise<CheckResult | null> {
    const region = this.region(order.region);
    const id = this.ports.newId();
    region.tests.push({ id, order });
    const over = new AbortController();
    const answered = new Promise<CheckResult | null>((resolve) => this.testing.set(id, resolve));
    region.wake?.();
    try {
      const late = this.ports.sleep(order.timeout_ms + limits.agentTestGraceMs, over.signal).then(() => null);
      return await Promise.race([answered, late]);
    } finally {
      over.abort();
      this.testing.delete(id);
      region.tests = region.tests.filter((test) => test.id !== id);
    }
  }

  /** What came of a test; of one that nobody waits for any more, nothing. */
  tested(id: string, result: CheckResult): void {
    this.testing.get(id)?.(result);
  }

  /** Not at once: two agents of one name would otherwise replace each other without a pause. */
  private async replaced(tag: string | null): Promise<AgentOrders> {
    await this.ports.sleep(replacedMs);
    return nothingNew(tag);
  }

  private ordersFor(name: string, region: Region, tag: string | null): AgentOrders {
    const assignment = this.assignmentFor(name);
    const tests = region.tests;
    region.tests = [];
    // A tag of an Engine that knows its configuration is never empty: who has the empty one gets the assignment when there is one.
    if (assignment === null) return { ...nothingNew(tag), tests };
    const current = `${assignment.generation}.${assignment.version}`;
    const confirmations = this.fresh(region).map(({ confirmation }) => confirmation);
    region.asked = [];
    return { tag: current, assignment: current === tag ? null : assignment, confirmations, tests };
  }

  private fresh(region: Region): Asked[] {
    const now = this.ports.now();
    return region.asked.filter(({ expiresAt }) => expiresAt > now);
  }

  private region(name: string): Region {
    const known = this.regions.get(name);
    if (known !== undefined) return known;
    const region: Region = { wake: null, poll: 0, asked: [], tests: [] };
    this.regions.set(name, region);
    return region;
  }
}

const nothingNew = (tag: string | null): AgentOrders => ({ tag: tag ?? "", assignment: null, confirmations: [], tests: [] });
