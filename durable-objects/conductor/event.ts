/** History events as rows, and the ones that the Conductor itself writes: who changed which configuration. */
import type { HistoryEvent } from "../../domain/history.ts";
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
  { project, by, now, newId }: Writing,
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
    id: newId(),
    project_id: project,
    at: now,
    kind: "config",
    severity: "info",
    gslb_id: what.gslb_id ?? null,
    pool_id: what.pool_id ?? null,
    member_id: what.member_id ?? null,
    flavor: null,
    from: null,
    to: null,
    reason: `the ${words[what.kind]} ${what.name === "" ? what.id : what.name} was ${what.happened}`,
    rule: null,
    by: by.name,
    plan: null,
    incident_id: null,
    request_id: by.requestId,
    evidence: { resource: { type: what.kind, id: what.id, name: what.name }, actor_id: by.id, ...what.evidence },
  };
}

/** "changed (delay, timeout)", with the fields as the pointers that the API uses. */
export const changedWords = (fields: readonly string[]): { happened: string; evidence: { changed: string[] } } => ({
  happened: `changed (${fields.join(", ")})`,
  evidence: { changed: fields.map((field) => `/${field}`) },
});
