/** Which monitors check what. A member without its own has its pool's. */
import { and, asc, eq, sql } from "drizzle-orm";
import { limits } from "../../domain/limits.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { Problem } from "../../domain/problem.ts";
import { notFound, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Vantage } from "../../domain/runnable.ts";
import type { Attached, AttachTarget, MonitorRef } from "../rpc.ts";
import { insertRows } from "./bulk.ts";
import { type Change, type Decision, nothing, type Scope, together, type Writing } from "./change.ts";
import { attachableProblem, checkedByPool, checkedMembers, checksProblem, pointsThatRun } from "./checked.ts";
import { configEvent } from "./event.ts";
import { createMonitor } from "./monitor.ts";
import { monitorColumns, readMonitor, toMonitor } from "./monitor-row.ts";
import { bump, embedded } from "./resource.ts";
import { monitor, monitorAttachment, pool, poolMember } from "./schema.ts";

type Target = AttachTarget & { readonly name: string; readonly pool_id: string; readonly heir: number };

export async function attach(writing: Writing, at: AttachTarget, ref: MonitorRef): Promise<Decision<Monitor>> {
  const target = await readTarget(writing, at);
  if (target === null) return fail(notFound(at.kind === "pool" ? "pool" : "pool member"));
  const own = await attachmentsTo(writing, target.id);
  if (own.length >= limits.monitorsPerAttachment) {
    return fail({ type: "conflict", detail: `at most ${limits.monitorsPerAttachment} monitors can be attached to one thing` });
  }
  const made = await monitorOf(writing, ref);
  if (!made.ok) return made;
  const { value } = made.value;
  if (own.some(({ monitor_id }) => monitor_id === value.id)) return fail({ type: "conflict", detail: "the monitor is attached already" });
  const pointer = "monitor" in ref ? "/type" : "/monitor_id";
  const refused = (await unbearable(writing, target, own, value, pointer)) ?? attachableProblem(writing, value, pointer);
  if (refused !== null) return fail(refused);
  const position = Math.max(-1, ...own.map((one) => one.position)) + 1;
  const row = { target_id: target.id, target_kind: target.kind, monitor_id: value.id, position };
  return ok(together(value, made.value, holderChange(writing, target, value, "attached to it", insertRows(monitorAttachment, [row]))));
}

/** The members that the monitor would check besides what checks them now; a member's first own one takes the place of its pool's. */
async function unbearable(
  writing: Writing,
  { kind, id }: Target,
  own: readonly { readonly monitor_id: string }[],
  added: Monitor,
  pointer: string,
): Promise<Problem | null> {
  if (writing.vantage === undefined) return null;
  const before = kind === "pool" ? await checkedByPool(writing, id) : await checkedMembers(writing, [id]);
  const monitorIds = [...own.map(({ monitor_id }) => monitor_id), added.id];
  const after = before.map(({ member }) => ({ member, monitorIds, pointerOf: () => pointer }));
  return checksProblem(writing, { before, after, monitors: [added] });
}

export async function detach(writing: Writing, at: AttachTarget, monitorId: string): Promise<Decision<null>> {
  const target = await readTarget(writing, at);
  if (target === null) return fail(notFound(at.kind === "pool" ? "pool" : "pool member"));
  const own = await attachmentsTo(writing, target.id);
  const found = own.some(({ monitor_id }) => monitor_id === monitorId) ? await readMonitor(writing, monitorId) : null;
  if (found === null) return fail(notFound("attached monitor"));
  const statement = sql`DELETE FROM ${monitorAttachment} WHERE target_id = ${target.id} AND monitor_id = ${monitorId}`;
  return ok(holderChange(writing, target, found, "detached from it", [statement]));
}

export async function attached(
  scope: Scope,
  at: AttachTarget,
  vantage: Vantage | undefined,
): Promise<Result<readonly Attached[], Problem>> {
  const target = await readTarget(scope, at);
  if (target === null) return fail(notFound(at.kind === "pool" ? "pool" : "pool member"));
  const rows = await scope.store.read((db) =>
    db
      .select({ ...monitorColumns, target_kind: monitorAttachment.target_kind })
      .from(monitorAttachment)
      .innerJoin(monitor, eq(monitor.id, monitorAttachment.monitor_id))
      .where(sql`${monitorAttachment.target_id} IN (${target.id}, ${target.heir ? target.pool_id : target.id})`)
      .orderBy(asc(monitorAttachment.position)),
  );
  const own = rows.filter((row) => row.target_kind === target.kind);
  const inherited = own.length === 0 && target.kind === "pool_member";
  const shown = inherited ? rows : own;
  const monitors = shown.map(({ target_kind: _, ...row }) => toMonitor(row));
  const points = vantage === undefined ? null : await pointsThatRun(scope, at, monitors, vantage);
  return ok(
    monitors.map((one, index) => ({
      monitor: one,
      attached_to: shown[index]?.target_kind ?? at.kind,
      inherited,
      vantage_points: points?.get(one.id),
    })),
  );
}

async function monitorOf(writing: Writing, ref: MonitorRef): Promise<Decision<Monitor>> {
  if ("monitor" in ref) return await createMonitor(writing, ref.monitor);
  const found = await readMonitor(writing, ref.monitor_id);
  return found === null ? fail(unprocessable("/monitor_id", `there is no monitor ${ref.monitor_id}`)) : ok(nothing(found));
}

/** What attaching and detaching do to the holder: its list of monitors is part of its configuration. */
function holderChange(
  writing: Writing,
  { kind, id, name, pool_id }: Target,
  { id: monitor_id, name: monitorName }: Monitor,
  what: string,
  statements: Change<null>["statements"],
): Change<null> {
  const table = kind === "pool" ? pool : poolMember;
  const ofMember = kind === "pool" ? {} : { member_id: id };
  return {
    value: null,
    statements: [...statements, bump(table, [id], writing.now), ...(kind === "pool" ? [] : [embedded([pool_id])])],
    touched: [{ kind, id, op: "put" }],
    events: [
      configEvent(writing, {
        kind,
        id,
        name,
        pool_id,
        ...ofMember,
        happened: `changed: the monitor ${monitorName ?? monitor_id} was ${what}`,
        evidence: { changed: ["/monitor_ids"], monitor_id },
      }),
    ],
  };
}

async function readTarget({ store, project }: Scope, { kind, id }: AttachTarget): Promise<Target | null> {
  const rows =
    kind === "pool"
      ? await store.read((db) =>
          db
            .select({ name: pool.name, pool_id: pool.id, heir: sql<number>`1` })
            .from(pool)
            .where(and(eq(pool.id, id), eq(pool.project_id, project))),
        )
      : await store.read((db) =>
          db
            // The pool's monitors are not run for a load balancer: Octavia is asked.
            .select({
              name: poolMember.name,
              pool_id: poolMember.pool_id,
              heir: sql<number>`${poolMember.type} <> 'neutron_lbaas_v2'`,
            })
            .from(poolMember)
            .where(and(eq(poolMember.id, id), eq(poolMember.project_id, project))),
        );
  return rows[0] === undefined ? null : { kind, id, ...rows[0] };
}

const attachmentsTo = ({ store }: Scope, id: string) =>
  store.read((db) =>
    db
      .select({ monitor_id: monitorAttachment.monitor_id, position: monitorAttachment.position })
      .from(monitorAttachment)
      .where(eq(monitorAttachment.target_id, id)),
  );
