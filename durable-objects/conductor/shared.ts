/**
 * What a deployment's Conductor keeps for all projects by name, with credentials beside it: in D1 as the truth, and in its own storage, so that the
 * Engines have it also while D1 is away. Credentials are kept as they come, sealed; nothing here opens them.
 */
import { asc, type SQL, sql } from "drizzle-orm";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, type User } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Sealed, SealedWrite } from "../rpc-backends.ts";
import { insertRows, updateRow } from "./bulk.ts";
import { changedFields, versionProblem } from "./change.ts";
import { isSharedNamed, isSharedUsed, StorageAway } from "./failure.ts";
import { idsAt } from "./id.ts";
import type { cloud, flavor } from "./schema.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";
import { within } from "./within.ts";

export type SharedRow = {
  readonly id: string;
  readonly name: string;
  readonly sealed: string | null;
  readonly version: number;
  readonly created_at: number;
  readonly updated_at: number;
};

/** In what one kind of them differs from the other. */
export type SharedKind<Row extends SharedRow, Write> = {
  /** For people, and the table's name: "flavor". */
  readonly noun: "flavor" | "cloud";
  readonly table: typeof flavor | typeof cloud;
  /** Where is kept beside D1 in how many parts they are; the parts are beside it. */
  readonly storageKey: string;
  /** The columns of a write's own fields. */
  readonly fieldsOf: (input: Write) => Omit<Row, keyof SharedRow> & { readonly name: string };
  /** Of what changed, the pointers of what may not while it is used. */
  readonly boundFields: (before: Row, next: Omit<Row, keyof SharedRow>, fields: readonly string[]) => readonly string[];
  /** `SELECT type, id, name` of who uses it, in all projects. */
  readonly users: (name: string) => SQL;
};

/** As it goes out: the times as people read them, and nothing sealed. */
export type SharedResource<Row extends SharedRow> = Omit<Row, "sealed" | "created_at" | "updated_at"> & {
  readonly created_at: string;
  readonly updated_at: string;
};

/** They are stored in parts: a value is bounded (2 MB), and flavors that name many projects and zones are not small. */
const partLength = 500_000;
/** D1 that has not answered by then is away, as far as an Engine that waits is concerned. */
const firstReadMs = 2_000;

export class Shared<Row extends SharedRow, Write extends { readonly name: string }> {
  private readonly kind: SharedKind<Row, Write>;
  private readonly store: Store;
  private readonly storage: DurableObjectStorage;
  private readonly turns = new Turns();
  /** As they were last read or written; null: not yet since this object started. */
  private known: readonly Row[] | null = null;

  constructor(kind: SharedKind<Row, Write>, store: Store, storage: DurableObjectStorage) {
    this.kind = kind;
    this.store = store;
    this.storage = storage;
  }

  create({ sealed, ...input }: SealedWrite<Write>, now: number): Promise<Result<SharedResource<Row>, Problem>> {
    const { noun, table, fieldsOf } = this.kind;
    return this.change(async () => {
      const own = fieldsOf(input as unknown as Write);
      const row = { ...own, sealed: sealed ?? null, id: idsAt(now)(), version: 1, created_at: now, updated_at: now } as unknown as Row;
      try {
        await this.store.write(insertRows(table, [row as never]));
      } catch (error) {
        if (!isSharedNamed(error, noun)) throw error;
        const detail = `there is a ${noun} named ${row.name} already`;
        return fail({ type: "conflict", detail, errors: [{ pointer: "/name", detail: `is the name of another ${noun}` }] });
      }
      await this.reload();
      return ok(shown(row));
    });
  }

  /** All, with what is sealed. D1 is asked once after a start, and by `refresh`: nobody else writes them. */
  async list(): Promise<readonly Sealed<SharedResource<Row>>[]> {
    const rows = this.known ?? (await within(firstReadMs, this.refresh()).catch(() => this.remembered()));
    return rows.map((row) => ({ ...shown(row), sealed: row.sealed }));
  }

  async read(name: string): Promise<Result<Sealed<SharedResource<Row>>, Problem>> {
    const found = (await this.list()).find((one) => (one as { name: string }).name === name);
    return found === undefined ? fail(notFound(this.kind.noun)) : ok(found);
  }

  replace(name: string, input: SealedWrite<Write>, expected: number | null, now: number): Promise<Result<SharedResource<Row>, Problem>> {
    const { table, fieldsOf, boundFields } = this.kind;
    return this.one(name, expected, async (before) => {
      const next = {
        ...fieldsOf(input as unknown as Write),
        name,
        sealed: input.sealed === undefined ? before.sealed : input.sealed,
      } as unknown as Row;
      const fields = changedFields(before, next);
      if (fields.length === 0) return ok(shown(before));
      const bound = boundFields(before, next, fields);
      const row = { ...before, ...next, version: before.version + 1, updated_at: now };
      const { id, ...columns } = row;
      const problem = await this.unused(name, bound, [...updateRow(table, id, columns as never)], bound.length > 0);
      if (problem !== null) return fail(problem);
      await this.reload();
      return ok(shown(row));
    });
  }

  remove(name: string, expected: number | null): Promise<Result<null, Problem>> {
    return this.one(name, expected, async (before) => {
      const problem = await this.unused(name, [], [sql`DELETE FROM ${this.kind.table} WHERE id = ${before.id}`], true);
      if (problem !== null) return fail(problem);
      await this.reload();
      return ok(null);
    });
  }

  /** Reads D1 anew: it may have been restored. Throws `StorageAway`. */
  refresh(): Promise<readonly Row[]> {
    return this.turns.run(() => this.reload());
  }

  /** A change of the one of that name, in the version that is expected. */
  private one<T>(name: string, expected: number | null, work: (before: Row) => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
    return this.change(async () => {
      const before = (await this.reload()).find((row) => row.name === name);
      if (before === undefined) return fail(notFound(this.kind.noun));
      const mismatch = versionProblem(before, expected);
      return mismatch === null ? await work(before) : fail(mismatch);
    });
  }

  /**
   * Writes, where `must` only if nobody uses it: a statement in the same batch proves it, since a project's Conductor may write at the same time.
   */
  private async unused(name: string, bound: readonly string[], statements: readonly SQL[], must: boolean): Promise<Problem | null> {
    const { noun, table, users } = this.kind;
    const proof = sql`UPDATE ${table} SET version = CASE WHEN NOT EXISTS (${users(name)}) THEN version END WHERE name = ${name}`;
    try {
      await this.store.write([...(must ? [proof] : []), ...statements]);
      return null;
    } catch (error) {
      if (!isSharedUsed(error, noun)) throw error;
      return inUse(`the ${noun} ${name}`, bound, await this.usersOf(name));
    }
  }

  /** One more than are named, so that it can be said that there are more. */
  private usersOf(name: string): Promise<readonly User[]> {
    const rows = sql<User>`SELECT type, id, name FROM (${this.kind.users(name)}) GROUP BY type, id ORDER BY type, name, id
      LIMIT ${limits.problemErrors + 1}`;
    return this.store.read((db) => db.all<User>(rows));
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
    const { table } = this.kind;
    const rows = (await this.store.read((db) => db.select().from(table).orderBy(asc(table.created_at), asc(table.id)))) as unknown as Row[];
    if (JSON.stringify(rows) !== JSON.stringify(this.known)) {
      this.known = rows;
      await this.remember(JSON.stringify(rows));
    }
    return rows;
  }

  private async remember(text: string): Promise<void> {
    const { storageKey } = this.kind;
    const count = Math.ceil(text.length / partLength);
    const keys = this.partKeys(count);
    const parts = keys.map((key, part) => [key, text.slice(part * partLength, (part + 1) * partLength)]);
    // In one call: all of them or none.
    await this.storage.put({ [storageKey]: count, ...Object.fromEntries(parts) });
  }

  private partKeys(count: number): string[] {
    return Array.from({ length: count }, (_, part) => `${this.kind.storageKey} ${part}`);
  }

  /** What D1 last said. */
  private async remembered(): Promise<readonly Row[]> {
    const count = await this.storage.get<number>(this.kind.storageKey);
    if (count === undefined) throw new StorageAway(`the ${this.kind.noun}s are not known`);
    const keys = this.partKeys(count);
    const parts = await this.storage.get<string>(keys);
    return JSON.parse(keys.map((key) => parts.get(key) ?? "").join("")) as readonly Row[];
  }
}

function inUse(what: string, bound: readonly string[], found: readonly User[]): Problem {
  const { length } = found;
  const count = length === 1 ? "one resource" : length > limits.problemErrors ? `more than ${limits.problemErrors} resources` : `${length}`;
  const words = bound.length === 0 ? "" : `; ${bound.join(", ")} cannot change until then`;
  return { type: "in-use", detail: `${what} is used by ${count}${words}`, users: found.slice(0, limits.problemErrors) };
}

function shown<Row extends SharedRow>({ sealed: _, created_at, updated_at, ...row }: Row): SharedResource<Row> {
  return { ...row, created_at: new Date(created_at).toISOString(), updated_at: new Date(updated_at).toISOString() };
}
