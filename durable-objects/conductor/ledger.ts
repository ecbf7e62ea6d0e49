/**
 * The book of a project's configuration: each write raises the project's number by one, in the same transaction as the rows, the change log
 * and the history. A write that somebody overtook is decided anew; one that D1 does not remember (a restored backup) raises the epoch.
 */
import { eq, type SQL, sql } from "drizzle-orm";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Caller } from "../rpc.ts";
import { insertRows } from "./bulk.ts";
import type { Decision, Scope, Writing } from "./change.ts";
import { isClaimed, isOvertaken, StorageAway } from "./failure.ts";
import { compareHeads, type Head, later, start } from "./head.ts";
import { idsAt } from "./id.ts";
import type { Outbox } from "./outbox.ts";
import { changeLog, event, project as projectTable } from "./schema.ts";
import { Turns } from "./turns.ts";

const attempts = 3;

const nameTaken: Problem = {
  type: "conflict",
  detail: "/fqdn: a GSLB has this name already",
  errors: [{ pointer: "/fqdn", detail: "is the name of a GSLB already" }],
};

export class Ledger {
  private readonly scope: Omit<Scope, "now">;
  private readonly outbox: Outbox;
  /** Starts to tell the Engine; nobody waits for it. */
  private readonly tell: () => void;
  private readonly turns = new Turns();
  /** What D1 holds, as far as this instance knows for sure; null: to be read. The guard of each write proves it. */
  private head: Head | null = null;

  constructor(scope: Omit<Scope, "now">, outbox: Outbox, tell: () => void) {
    this.scope = scope;
    this.outbox = outbox;
    this.tell = tell;
  }

  /** Runs work that must not interleave with a write of configuration. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return this.turns.run(work);
  }

  /** Decides and writes, in its turn. */
  write<T>(by: Caller, decide: (writing: Writing) => Promise<Decision<T>>): Promise<Result<T, Problem>> {
    return this.turns.run(async () => {
      for (let attempt = 1; attempt <= attempts; attempt += 1) {
        // The head is read before anything that `decide` reads: whatever changes in between makes the guard fail.
        const head = this.head ?? (await this.load(start));
        const now = Date.now();
        const decided = await decide({ ...this.scope, by, now, newId: idsAt(now) });
        if (!decided.ok) return decided;
        const { value, statements, touched, events } = decided.value;
        if (touched.length === 0) return ok(value);

        await this.outbox.expect();
        this.head = null;
        const seq = head.seq + 1;
        const log = touched.map(({ kind, id, op }) => ({ project_id: this.scope.project, seq, kind, resource_id: id, op }));
        try {
          await this.scope.store.write([
            advance(this.scope.project, head),
            ...statements,
            ...insertRows(changeLog, log),
            ...insertRows(event, events),
          ]);
        } catch (error) {
          if (isOvertaken(error)) continue;
          if (!isClaimed(error)) throw error;
          this.head = head;
          return fail(nameTaken);
        }
        this.head = { epoch: head.epoch, seq };
        await this.outbox.saw(this.head);
        this.tell();
        return ok(value);
      }
      throw new StorageAway(`the configuration was written by somebody else ${attempts} times in a row`);
    });
  }

  /** Reads the head again and repairs it if D1 lost what this Conductor, or `witness`, has seen. */
  verify(witness: Head = start): Promise<Head> {
    return this.turns.run(() => this.load(witness));
  }

  private async load(witness: Head): Promise<Head> {
    const { store, project } = this.scope;
    const known = later(await this.outbox.highest(), witness);
    const [row] = await store.read((db) => db.select().from(projectTable).where(eq(projectTable.project_id, project)));
    let head = row === undefined ? start : { epoch: row.epoch, seq: row.seq };
    if (compareHeads(head, known) < 0) {
      const restored = { epoch: known.epoch + 1, seq: known.seq + 1 };
      console.warn(
        `conductor ${project}: D1 is at ${head.epoch}.${head.seq} and was at ${known.epoch}.${known.seq}: restored; the epoch rises`,
      );
      await store.write([
        sql`INSERT INTO ${projectTable} (project_id, epoch, seq, floor) VALUES (${project}, ${restored.epoch}, ${restored.seq}, ${restored.seq})
          ON CONFLICT (project_id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, floor = excluded.floor`,
        sql`DELETE FROM ${changeLog} WHERE project_id = ${project}`,
      ]);
      await this.outbox.expect();
      await this.outbox.saw(restored);
      head = restored;
      this.tell();
    }
    await this.outbox.saw(head);
    this.head = head;
    return head;
  }
}

/**
 * The guard, first in each batch: raises the number if it is the expected one, and else puts a null where none may be, which takes the
 * whole batch back. (An UPDATE that matches nothing would not stop it, and the rows beside it would be ghosts.)
 */
function advance(project: string, { epoch, seq }: Head): SQL {
  const found = sql`coalesce((SELECT epoch || '.' || seq FROM ${projectTable} WHERE project_id = ${project}), ${`${start.epoch}.${start.seq}`})`;
  return sql`INSERT INTO ${projectTable} (project_id, epoch, seq, floor)
    VALUES (${project}, ${epoch}, CASE WHEN ${found} = ${`${epoch}.${seq}`} THEN ${seq + 1} END, 0)
    ON CONFLICT (project_id) DO UPDATE SET seq = excluded.seq`;
}
