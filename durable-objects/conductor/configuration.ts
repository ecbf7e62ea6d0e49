/** What the Engine copies: the rows that changed since it last asked, or all of them. One round trip, so that it is all of one moment. */
import { and, asc, eq, gt, isNotNull, ne, type SQL, type SQLWrapper, sql } from "drizzle-orm";
import { z } from "zod";
import { answerSet } from "../../domain/plan.ts";
import type { Configuration, Kind } from "../rpc.ts";
import { isOf } from "./bulk.ts";
import type { Scope } from "./change.ts";
import { gslbColumns, toGslb, toTombstone } from "./gslb.ts";
import { type Head, start } from "./head.ts";
import { stands } from "./in-force.ts";
import { configuredMember, toMember } from "./member.ts";
import { monitorColumns, toMonitor } from "./monitor-row.ts";
import { toOverride } from "./override.ts";
import { configuredPool, toPool } from "./pool.ts";
import { changeLog, event, gslb, monitor, override, pool, poolMember, project as projectTable, tombstone } from "./schema.ts";

/** Everything that changed after `since`; null: everything. The log may not reach back so far: then it is everything, too. */
export async function configurationSince(scope: Scope, since: Head | null): Promise<Configuration> {
  if (since !== null) {
    const changes = await read(scope, since);
    if (changes !== null) return changes;
  }
  const all = await read(scope, null);
  return (
    all ?? {
      full: true,
      ...start,
      gslbs: [],
      pools: [],
      members: [],
      monitors: [],
      overrides: [],
      deleted: [],
      tombstones: [],
      standing: [],
    }
  );
}

/** Null: the log does not reach back to `since`, or there is no configuration yet. */
async function read({ store, project, now }: Scope, since: Head | null): Promise<Configuration | null> {
  const wanted = (column: SQLWrapper, kind: Kind | "override"): SQL =>
    since === null
      ? sql`${column} = ${project}`
      : sql`${isOf(column, project)} AND id IN
          (SELECT resource_id FROM change_log WHERE project_id = ${project} AND seq > ${since.seq} AND kind = ${kind})`;
  const [heads, gslbs, pools, members, monitors, overrides, log, tombstones, published] = await store.read((db) =>
    db.batch([
      db.select().from(projectTable).where(eq(projectTable.project_id, project)),
      // One that waits for its backends to let it go is gone, for the Engine.
      db
        .select(gslbColumns)
        .from(gslb)
        .where(and(wanted(gslb.project_id, "gslb"), ne(gslb.action, "DELETE"))),
      db.select(configuredPool).from(pool).where(wanted(pool.project_id, "pool")),
      db.select(configuredMember).from(poolMember).where(wanted(poolMember.project_id, "pool_member")),
      db.select(monitorColumns).from(monitor).where(wanted(monitor.project_id, "monitor")),
      db
        .select()
        .from(override)
        .where(and(wanted(override.project_id, "override"), stands(now))),
      db
        .select({ kind: changeLog.kind, resource_id: changeLog.resource_id, op: changeLog.op })
        .from(changeLog)
        .where(and(eq(changeLog.project_id, project), gt(changeLog.seq, since?.seq ?? Number.MAX_SAFE_INTEGER)))
        .orderBy(asc(changeLog.seq)),
      db.select().from(tombstone).where(eq(tombstone.project_id, project)),
      db
        .select({ gslb_id: event.gslb_id, flavor: event.flavor, plan: event.plan, evidence: event.evidence })
        .from(event)
        .where(
          and(
            eq(event.project_id, project),
            eq(event.kind, "published"),
            isNotNull(event.gslb_id),
            since === null ? isNewestPublished : sql`false`,
          ),
        ),
    ]),
  );
  const head = heads[0];
  if (head === undefined) return null;
  if (since !== null && (since.epoch !== head.epoch || since.seq < head.floor || since.seq > head.seq)) return null;
  // The newest entry of a resource is the last: what was deleted stays deleted, since ids are never used again.
  const newest = new Map(log.map((entry) => [entry.resource_id, entry]));
  return {
    full: since === null,
    epoch: head.epoch,
    seq: head.seq,
    gslbs: gslbs.map(toGslb),
    pools: pools.map(toPool),
    members: members.map((row) => toMember({ ...row, override: null })),
    monitors: monitors.map(toMonitor),
    overrides: overrides.map(toOverride),
    deleted: [...newest.values()].filter(({ op }) => op === "delete").map(({ kind, resource_id: id }) => ({ kind, id })),
    tombstones: tombstones.map(toTombstone),
    standing: published.flatMap(standingOf),
  };
}

/** Whether no later `published` event speaks of the same name at the same backend. */
export const isNewestPublished = sql`NOT EXISTS (SELECT 1 FROM event AS later WHERE later.kind = 'published'
  AND later.project_id = event.project_id AND later.gslb_id = event.gslb_id AND later.flavor = event.flavor
  AND (later.at, later.id) > (event.at, event.id))`;

/** What the Engine puts into the evidence of a `published` event, as far as it comes back to it. */
const published = z.object({ epoch: z.int(), answers: z.array(answerSet) });

function standingOf(row: {
  gslb_id: string | null;
  flavor: string | null;
  plan: number | null;
  evidence: unknown;
}): Configuration["standing"][number][] {
  const parsed = published.safeParse(row.evidence);
  if (row.gslb_id === null || row.flavor === null || row.plan === null || !parsed.success) return [];
  return [{ gslb_id: row.gslb_id, flavor: row.flavor, plan: row.plan, ...parsed.data }];
}
