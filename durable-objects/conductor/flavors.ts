/**
 * The flavors of a deployment, which the Conductor named `deployment` keeps: in D1 as the truth, and in its own storage, so that the Engines get
 * what they publish with also while D1 is away. Credentials are kept as they come, sealed; nothing here opens them.
 */
import { asc, type SQL, sql } from "drizzle-orm";
import type { Flavor, FlavorWrite } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, type User } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Sealed, SealedWrite } from "../rpc-backends.ts";
import { insertRows, updateRow } from "./bulk.ts";
import { changedFields, versionProblem } from "./change.ts";
import { isFlavorNamed, isFlavorUsed, StorageAway } from "./failure.ts";
import { idsAt } from "./id.ts";
import { flavor } from "./schema.ts";
import type { Store } from "./store.ts";
import { Turns } from "./turns.ts";
import { within } from "./within.ts";

type Row = typeof flavor.$inferSelect;

/** How many parts they are stored in, and each part: a value is bounded (2 MB), and flavors that name many projects and zones are not small. */
const storageKey = "flavors";
const partKey = (part: number): string => `flavors ${part}`;
const partLength = 500_000;
/** D1 that has not answered by then is away, as far as an Engine that waits is concerned. */
const firstReadMs = 2_000;

/** What may change while GSLBs use it; of the settings, how drift is looked for. */
const free: readonly string[] = ["description", "project_ids", "domain_names", "sealed"];
const freeSettings: readonly string[] = ["drift_interval", "on_drift"];

export class Flavors {
  private readonly store: Store;
  private readonly storage: DurableObjectStorage;
  private readonly turns = new Turns();
  /** As they were last read or written; null: not yet since this object started. */
  private known: readonly Row[] | null = null;

  constructor(store: Store, storage: DurableObjectStorage) {
    this.store = store;
    this.storage = storage;
  }

  create({ sealed, ...input }: SealedWrite<FlavorWrite>, now: number): Promise<Result<Flavor, Problem>> {
    return this.change(async () => {
      const row = { ...fieldsOf(input), sealed: sealed ?? null, id: idsAt(now)(), version: 1, created_at: now, updated_at: now };
      try {
        await this.store.write(insertRows(flavor, [row]));
      } catch (error) {
        if (!isFlavorNamed(error)) throw error;
        const detail = `there is a flavor named ${input.name} already`;
        return fail({ type: "conflict", detail, errors: [{ pointer: "/name", detail: "is the name of another flavor" }] });
      }
      await this.reload();
      return ok(toFlavor(row));
    });
  }

  /** All, with what is sealed. D1 is asked once after a start, and by `refresh`: nobody else writes them. */
  async list(): Promise<readonly Sealed<Flavor>[]> {
    const rows = this.known ?? (await within(firstReadMs, this.refresh()).catch(() => this.remembered()));
    return rows.map((row) => ({ ...toFlavor(row), sealed: row.sealed }));
  }

  async read(name: string): Promise<Result<Sealed<Flavor>, Problem>> {
    const found = (await this.list()).find((one) => one.name === name);
    return found === undefined ? fail(notFound("flavor")) : ok(found);
  }

  replace(name: string, input: SealedWrite<FlavorWrite>, expected: number | null, now: number): Promise<Result<Flavor, Problem>> {
    return this.change(async () => {
      const before = (await this.reload()).find((row) => row.name === name);
      if (before === undefined) return fail(notFound("flavor"));
      const mismatch = versionProblem(before, expected);
      if (mismatch !== null) return fail(mismatch);
      const next = { ...fieldsOf(input), name, sealed: input.sealed === undefined ? before.sealed : input.sealed };
      const fields = changedFields(before, next);
      if (fields.length === 0) return ok(toFlavor(before));
      const bound = boundFields(before, next, fields);
      const row = { ...before, ...next, version: before.version + 1, updated_at: now };
      const { id, ...columns } = row;
      const problem = await this.unused(name, bound, [...updateRow(flavor, id, columns)], bound.length > 0);
      if (problem !== null) return fail(problem);
      await this.reload();
      return ok(toFlavor(row));
    });
  }

  remove(name: string, expected: number | null): Promise<Result<null, Problem>> {
    return this.change(async () => {
      const before = (await this.reload()).find((row) => row.name === name);
      if (before === undefined) return fail(notFound("flavor"));
      const mismatch = versionProblem(before, expected);
      if (mismatch !== null) return fail(mismatch);
      const problem = await this.unused(name, [], [sql`DELETE FROM ${flavor} WHERE id = ${before.id}`], true);
      if (problem !== null) return fail(problem);
      await this.reload();
      return ok(null);
    });
  }

  /** Reads D1 anew: it may have been restored. Throws `StorageAway`. */
  refresh(): Promise<readonly Row[]> {
    return this.turns.run(() => this.reload());
  }

  /**
   * Writes, where `must` only if nobody uses the flavor: a statement in the same batch proves it, since a project's Conductor may write a GSLB at
   * the same time.
   */
  private async unused(name: string, bound: readonly string[], statements: readonly SQL[], must: boolean): Promise<Problem | null> {
    const proof = sql`UPDATE ${flavor} SET version = CASE WHEN NOT EXISTS (${users(name)}) THEN version END WHERE name = ${name}`;
    try {
      await this.store.write([...(must ? [proof] : []), ...statements]);
      return null;
    } catch (error) {
      if (!isFlavorUsed(error)) throw error;
      return inUse(name, bound, await this.usersOf(name));
    }
  }

  /** One more than are named, so that it can be said that there are more. */
  private usersOf(name: string): Promise<readonly User[]> {
    const rows = sql<User>`SELECT type, id, name FROM (${users(name)}) GROUP BY type, id ORDER BY type, name, id
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
    const rows = await this.store.read((db) => db.select().from(flavor).orderBy(asc(flavor.created_at), asc(flavor.id)));
    if (JSON.stringify(rows) !== JSON.stringify(this.known)) {
      this.known = rows;
      await this.remember(JSON.stringify(rows));
    }
    return rows;
  }

  private async remember(text: string): Promise<void> {
    const count = Math.ceil(text.length / partLength);
    const parts = Array.from({ length: count }, (_, part) => [partKey(part), text.slice(part * partLength, (part + 1) * partLength)]);
    // In one call: all of them or none.
    await this.storage.put({ [storageKey]: count, ...Object.fromEntries(parts) });
  }

  /** What D1 last said. */
  private async remembered(): Promise<readonly Row[]> {
    const count = await this.storage.get<number>(storageKey);
    if (count === undefined) throw new StorageAway("the flavors are not known");
    const keys = Array.from({ length: count }, (_, part) => partKey(part));
    const parts = await this.storage.get<string>(keys);
    return JSON.parse(keys.map((key) => parts.get(key) ?? "").join("")) as readonly Row[];
  }
}

/** Who publishes by it, or is still to be removed there, or may be published by it alone; of all projects. */
const users = (name: string): SQL =>
  sql`SELECT 'gslb' AS type, id, name FROM gslb WHERE EXISTS (SELECT 1 FROM json_each(gslb.flavors) WHERE value = ${name})
    UNION ALL SELECT 'gslb', gslb_id, coalesce((SELECT name FROM gslb WHERE id = gslb_id), fqdn) FROM tombstone WHERE flavor = ${name} AND remove
    UNION ALL SELECT 'pool', id, name FROM pool WHERE flavor = ${name}`;

/** Of what changed the pointers of what may not, while it is used. */
function boundFields(before: Pick<Row, "settings">, next: Pick<Row, "settings">, fields: readonly string[]): string[] {
  return fields.flatMap((field) => {
    if (free.includes(field)) return [];
    if (field !== "settings") return [`/${field}`];
    const names = new Set([...Object.keys(before.settings), ...Object.keys(next.settings)]);
    return [...names]
      .filter((name) => !freeSettings.includes(name) && JSON.stringify(before.settings[name]) !== JSON.stringify(next.settings[name]))
      .map((name) => `/settings/${name}`);
  });
}

function inUse(name: string, bound: readonly string[], found: readonly User[]): Problem {
  const { length } = found;
  const count = length === 1 ? "one resource" : length > limits.problemErrors ? `more than ${limits.problemErrors} resources` : `${length}`;
  const what = bound.length === 0 ? "" : `; ${bound.join(", ")} cannot change until then`;
  return { type: "in-use", detail: `the flavor ${name} is used by ${count}${what}`, users: found.slice(0, limits.problemErrors) };
}

const fieldsOf = ({ name, provider, settings, description, project_ids, domain_names }: Omit<SealedWrite<FlavorWrite>, "sealed">) => ({
  name,
  provider,
  settings,
  description,
  project_ids,
  domain_names,
});

const toFlavor = ({ sealed: _, created_at, updated_at, ...row }: Row): Flavor => ({
  ...row,
  created_at: new Date(created_at).toISOString(),
  updated_at: new Date(updated_at).toISOString(),
});
