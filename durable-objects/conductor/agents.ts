/**
 * The agents of a deployment, which the Conductor named `deployment` keeps: in D1 as the truth, and in its own storage, so that an agent is
 * recognised, and goes on reporting, also while D1 is away. There is one such object, so what was removed here is known nowhere from then on.
 */
import { and, asc, eq, sql } from "drizzle-orm";
import type { Agent, AgentFacts, AgentWrite } from "../../domain/agent.ts";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, type User } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { insertRows, updateRow } from "./bulk.ts";
import { isAgentNamed, StorageAway } from "./failure.ts";
import { idsAt } from "./id.ts";
import { agent, monitor } from "./schema.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";
import { within } from "./within.ts";

type Row = typeof agent.$inferSelect;

const storageKey = "agents";
/** D1 that has not answered by then is away, as far as an agent that waits is concerned. */
const firstReadMs = 2_000;

export class Agents {
  private readonly store: Store;
  private readonly storage: DurableObjectStorage;
  private readonly turns = new Turns();
  /** As they were last read or written; null: not yet since this object started. */
  private known: readonly Row[] | null = null;

  constructor(store: Store, storage: DurableObjectStorage) {
    this.store = store;
    this.storage = storage;
  }

  create(input: AgentWrite, tokenHash: string, now: number): Promise<Result<Agent, Problem>> {
    return this.change(async () => {
      const row: Row = { id: idsAt(now)(), ...input, token_hash: tokenHash, created_at: now, last_seen_at: null, facts: null };
      try {
        await this.store.write(insertRows(agent, [row]));
      } catch (error) {
        if (!isAgentNamed(error)) throw error;
        const detail = `there is an agent named ${input.name} already`;
        return fail({ type: "conflict", detail, errors: [{ pointer: "/name", detail: "is the name of another agent" }] });
      }
      await this.reload();
      return ok(toAgent(row));
    });
  }

  async list(): Promise<readonly Agent[]> {
    return (await this.refresh()).map(toAgent);
  }

  async read(id: string): Promise<Result<Agent, Problem>> {
    const found = (await this.refresh()).find((row) => row.id === id);
    return found === undefined ? fail(notFound("agent")) : ok(toAgent(found));
  }

  /** `force`: also while monitors name its region. */
  remove(id: string, force: boolean): Promise<Result<null, Problem>> {
    return this.change(async () => {
      const rows = await this.reload();
      const found = rows.find((row) => row.id === id);
      if (found === undefined) return fail(notFound("agent"));
      const users = force ? [] : await this.monitorsOf(found);
      if (users.length > 0) return fail(inUse(found.name, users));
      await this.store.write([sql`DELETE FROM ${agent} WHERE ${agent.id} = ${id}`]);
      await this.keep(rows.filter((row) => row.id !== id));
      return ok(null);
    });
  }

  /** One more than are named, so that it can be said that there are more. */
  private async monitorsOf({ name, project_id }: Row): Promise<readonly User[]> {
    const named = sql`EXISTS (SELECT 1 FROM json_each(monitor.settings, '$.check_regions') WHERE value = ${name})`;
    const rows = await this.store.read((db) =>
      db
        .select({ id: monitor.id, name: monitor.name })
        .from(monitor)
        .where(and(named, project_id === null ? undefined : eq(monitor.project_id, project_id)))
        .orderBy(asc(monitor.created_at), asc(monitor.id))
        .limit(limits.problemErrors + 1),
    );
    return rows.map((row) => ({ type: "monitor", ...row }));
  }

  /** Whose token has this hash; null: nobody's. D1 is asked once after a start, and by `refresh`. */
  async of(tokenHash: string): Promise<Agent | null> {
    const rows = this.known ?? (await within(firstReadMs, this.refresh()).catch(() => this.remembered()));
    const found = rows.find((row) => row.token_hash === tokenHash);
    return found === undefined ? null : toAgent(found);
  }

  /** Written when it says something else, or once a minute. Never throws: an agent that is at work matters more than the note of it. */
  async seen(id: string, facts: AgentFacts, now: number): Promise<void> {
    const row = this.known?.find((candidate) => candidate.id === id);
    if (row === undefined) return;
    const same = JSON.stringify(row.facts) === JSON.stringify(facts);
    if (same && row.last_seen_at !== null && Math.abs(now - row.last_seen_at) < limits.agentSeenMs) return;
    const news = { facts, last_seen_at: now };
    try {
      await this.turns.run(async () => {
        // What failed meanwhile made them unknown, which is not the same as none.
        const rows = this.known ?? (await this.reload());
        await this.keep(rows.map((candidate) => (candidate.id === id ? { ...candidate, ...news } : candidate)));
        await this.store.write(updateRow(agent, id, news));
      });
    } catch (error) {
      console.warn(`conductor deployment: that agent ${row.name} was seen is not written: ${error}`);
    }
  }

  /** Reads D1 anew: it may have been restored. Throws `StorageAway`. */
  refresh(): Promise<readonly Row[]> {
    return this.turns.run(() => this.reload());
  }

  /** In turn; after a failure it is not known what D1 holds. */
  private change<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.run(async () => {
      try {
        return await work();
      } catch (error) {
        this.known = null;
        throw error;
      }
    });
  }

  private async reload(): Promise<readonly Row[]> {
    const rows = await this.store.read((db) => db.select().from(agent).orderBy(asc(agent.created_at), asc(agent.id)));
    if (JSON.stringify(rows) !== JSON.stringify(this.known)) await this.keep(rows);
    return rows;
  }

  private async keep(rows: readonly Row[]): Promise<void> {
    this.known = rows;
    await this.storage.put(storageKey, JSON.stringify(rows));
  }

  /** What D1 last said; without ever having heard it, nobody can be told that his token is wrong. */
  private async remembered(): Promise<readonly Row[]> {
    const kept = await this.storage.get<string>(storageKey);
    if (kept === undefined) throw new StorageAway("the agents are not known");
    const rows: readonly Row[] = JSON.parse(kept);
    this.known ??= rows;
    return rows;
  }
}

function inUse(name: string, users: readonly User[]): Problem {
  const { length } = users;
  const count =
    length === 1 ? "1 monitor" : length > limits.problemErrors ? `more than ${limits.problemErrors} monitors` : `${length} monitors`;
  return { type: "in-use", detail: `the region ${name} is named by ${count}`, users: users.slice(0, limits.problemErrors) };
}

function toAgent({ token_hash: _, created_at, last_seen_at, ...row }: Row): Agent {
  return {
    ...row,
    created_at: new Date(created_at).toISOString(),
    last_seen_at: last_seen_at === null ? null : new Date(last_seen_at).toISOString(),
  };
}
