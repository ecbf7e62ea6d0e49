/** History events as rows, and the ones that the Conductor itself writes: who changed which configuration. */
import type { HistoryEvent } from "../../domain/history.ts";
import type { Override, OverrideState } from "../../domain/override.ts";
import type { Kind } from "../rpc.ts";
import type { Writing } from "./change.ts";
import type { event } from "./schema.ts";

export type EventRow = typeof event.$inferInsert;

export const eventRow = (project: string, { at, ...rest }: HistoryEvent): EventRow => ({
  ...rest,
  project_id: project,
  // A time that cannot be read must not make the Engine's write-back fail for ever.
  at: Number.isNaN(Date.parse(at)) ? 0 : Date.parse(at),
});

export const toEvent = ({ project_id: _, at, ...rest }: typeof event.$inferSelect): HistoryEvent => ({
  ...rest,
  at: new Date(at).toISOString(),
});

const words: Readonly<Record<Kind, string>> = { gslb: "GSLB", pool: "pool", pool_member: "pool member", monitor: "monitor" };

/** Something happened to the configuration of one resource. */
export function configEvent(
  writing: Writing,
  what: {
    readonly kind: Kind;
    readonly id: string;
    readonly name: string;
    /** Completes "the pool web was …". */
    readonly happened: string;
    readonly gslb_id?: string;
    readonly pool_id?: string;
    readonly member_id?: string;
    readonly evidence?: Readonly<Record<string, unknown>>;
  },
): EventRow {
  return {
    ...blank(writing),
    kind: "config",
    gslb_id: what.gslb_id ?? null,
    pool_id: what.pool_id ?? null,
    member_id: what.member_id ?? null,
    reason: `the ${words[what.kind]} ${what.name === "" ? what.id : what.name} was ${what.happened}`,
    evidence: { resource: { type: what.kind, id: what.id, name: what.name }, actor_id: writing.by.id, ...what.evidence },
  };
}

/** An override was made, took the place of another, or was removed. When it begins and expires is for the Engine to tell. */
export function overrideEvent(
  writing: Writing,
  { id, selector, state, reason, starts_at, expires_at, force }: Override,
  target: { readonly of_pool_id: string; readonly words: string },
  happened: { readonly from: OverrideState | null; readonly to: OverrideState | null; readonly replaced: string | null },
): EventRow {
  const { from, to, replaced } = happened;
  const begin = starts_at === null || to === null ? "" : ` from ${starts_at}`;
  const end = expires_at === null || to === null ? "" : ` until ${expires_at}`;
  const what = to === null ? "removed" : replaced === null ? "made" : `made in the place of ${from}`;
  return {
    ...blank(writing),
    kind: "override",
    pool_id: target.of_pool_id,
    member_id: selector.member_id ?? null,
    from,
    to,
    reason: `the override ${state} of ${target.words} was ${what}${begin}${end}${reason === null ? "" : `: ${reason}`}`,
    evidence: { override_id: id, selector, state, starts_at, expires_at, force, replaced, actor_id: writing.by.id },
  };
}

/** What every event has that somebody caused, and none of the rest. */
const blank = ({ project, by, now, newId }: Writing) =>
  ({
    id: newId(),
    project_id: project,
    at: now,
    severity: "info",
    gslb_id: null,
    pool_id: null,
    member_id: null,
    flavor: null,
    from: null,
    to: null,
    rule: null,
    by: by.name,
    plan: null,
    incident_id: null,
    request_id: by.requestId,
  }) as const;

/** "changed (delay, timeout)", with the fields as the pointers that the API uses. */
export const changedWords = (fields: readonly string[]): { happened: string; evidence: { changed: string[] } } => ({
  happened: `changed (${fields.join(", ")})`,
  evidence: { changed: fields.map((field) => `/${field}`) },
});
