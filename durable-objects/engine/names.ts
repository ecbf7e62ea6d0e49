/**
 * The names that a project has published: which shall go, which are kept, which were made again, and what the history says when a backend took
 * a plan or refused it. The rules of one publication are the domain's (`publish.ts`).
 */
import type { LiveRecords, WriteFailure } from "../../domain/backend.ts";
import { describe, type Looked } from "../../domain/drift.ts";
import type { Gslb } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { isPending, newPublication, type Publication, wantRemoved } from "../../domain/publish.ts";
import type { Configuration } from "../rpc.ts";
import type { Project } from "./project.ts";
import { type GslbState, newGslb, publicationKey } from "./state.ts";

/**
 * Takes over which names are gone, with the configuration that says so: those of GSLBs that were deleted, and those of flavors that a GSLB was
 * taken from. Returns the GSLBs that this concerns and that live on.
 */
export function takeNames(project: Project, configuration: Configuration, goneGslbs: readonly Gslb[], now: number): readonly string[] {
  const { catalog } = project;
  const wanted = new Set([...catalog.gslbs.values()].flatMap(({ flavors, fqdn }) => flavors.map((flavor) => publicationKey(flavor, fqdn))));
  const gone = new Set(goneGslbs.map(({ id }) => id));
  const buried = new Map(configuration.tombstones.map(({ gslb_id, flavor, remove }) => [`${gslb_id} ${flavor}`, remove]));
  for (const [key, known] of project.publications) {
    const owner = catalog.gslbs.get(known.gslbId);
    if (owner?.flavors.includes(known.flavor)) continue;
    const remove = buried.get(`${known.gslbId} ${known.flavor}`);
    const isLeft = owner !== undefined || gone.has(known.gslbId);
    // A removal goes on, unless it is to be forgotten.
    if (remove !== false && (!isLeft || known.wanted === "removed")) continue;
    const isToGo = remove === true;
    // Whoever moves serves on where it was, until it is published where it shall be.
    if (owner !== undefined && isToGo && !wanted.has(key)) continue;
    // Records that shall stay are not ours any more: no removal speaks for them.
    project.publish({ ...known, wanted: null, live: isToGo ? known.live : null });
  }
  const moving = new Set<string>();
  for (const tombstone of configuration.tombstones) {
    const { flavor, gslb_id: gslbId } = tombstone;
    const key = publicationKey(flavor, tombstone.fqdn);
    const known = project.publications.get(key) ?? newPublication(flavor, tombstone.fqdn, tombstone.zone, gslbId);
    const removed = known.wanted === "removed" && !isPending(known);
    // A name that was made again, or a flavor that was added again, supersedes the removal.
    if (!tombstone.remove || removed || wanted.has(key)) {
      project.unpublished(gslbId, flavor);
      continue;
    }
    if (catalog.gslbs.has(gslbId)) moving.add(gslbId);
    const isServing = known.gslbId === gslbId && (known.wanted !== null || known.live !== null);
    if (!moving.has(gslbId) || !isServing) project.publish({ ...wantRemoved(known), gslbId });
    if (moving.has(gslbId)) leave(project, gslbId, flavor, now);
  }
  const leaving = new Set(configuration.tombstones.map((tombstone) => publicationKey(tombstone.flavor, tombstone.fqdn)));
  for (const [key, publication] of project.publications) {
    if (!wanted.has(key) && !leaving.has(key) && !isPending(publication)) project.forget(key);
  }
  for (const [id, state] of project.gslbs) if (state.leaving.length > 0) keepLeaving(project, id, state);
  return [...moving];
}

function leave(project: Project, id: string, flavor: string, now: number): void {
  const state = project.gslbs.get(id) ?? newGslb(now);
  if (!state.leaving.includes(flavor)) state.leaving = [...state.leaving, flavor];
  project.gslbs.set(id, state);
  project.touched.gslbs.add(id);
}

/** Flavors that it was added to again, or that are known to have nothing of it any more, are not being left. */
function keepLeaving(project: Project, id: string, state: GslbState): void {
  const gslb = project.catalog.gslbs.get(id);
  const left = state.leaving.filter((flavor) => {
    if (gslb === undefined || gslb.flavors.includes(flavor)) return false;
    return project.publications.get(publicationKey(flavor, gslb.fqdn))?.gslbId === id;
  });
  if (left.length === state.leaving.length) return;
  state.leaving = left;
  project.touched.gslbs.add(id);
}

/** With whom a change went out: so many names of a zone in one write, after a write of more that was refused as a whole or not. */
export type WrittenBatch = { readonly names: number; readonly zone: string; readonly halved: boolean };
export type WriteFacts = { readonly seen: boolean; readonly batch?: WrittenBatch };

/** What the history says of a write: `next` is what became of `publication` by it. */
export function sayWritten(
  project: Project,
  publication: Publication,
  next: Publication,
  number: number,
  failure: WriteFailure | null,
  facts: WriteFacts,
  now: number,
): void {
  const { flavor, gslbId: gslb_id, fqdn } = publication;
  const about = { gslb_id, flavor, plan: number };
  const batch = facts.batch === undefined ? {} : { batch: facts.batch };
  const fresh = next.confirmed > publication.confirmed;
  if (fresh && next.wanted === "removed" && !isPending(next)) {
    project.unpublished(gslb_id, flavor);
    const reason = failure === null ? `${fqdn} is removed from ${flavor}` : `${failure.detail}: nothing is removed from ${flavor}`;
    project.say(now, { kind: "unpublished", severity: "info", ...about, rule: "unpublish", reason, evidence: batch });
  } else if (fresh && next.live !== publication.live && next.live !== null) {
    const { epoch, ttl, withdrawn, answers } = next.live.plan;
    const values = answers.flatMap((answer) => answer.values);
    const reason = `plan ${number}: ${withdrawn ? "no answer (withdrawn)" : values.join(", ")}`;
    const decided = decisionOf(project, gslb_id, flavor, number);
    const evidence = { epoch, ttl, withdrawn, answers, urgency: publication.urgency, ...decided, ...batch };
    const from = publication.live?.plan.answers.flatMap((answer) => answer.values).join(",") ?? null;
    project.say(now, { kind: "published", severity: "info", ...about, rule: "newest_plan", from, to: values.join(","), reason, evidence });
  } else if (failure !== null && publication.lastError?.detail !== next.lastError?.detail && next.lastError !== null) {
    const evidence = { class: failure.class, attempts: next.attempts, ...batch };
    project.say(now, { kind: "publish_failed", severity: "critical", ...about, rule: "retry", reason: failure.detail, evidence });
  }
}

/** What decided this plan; nothing of one that only got another number, or that an Engine before this one made. */
function decisionOf(project: Project, gslbId: string, flavor: string, number: number): object {
  const decision = project.gslbs.get(gslbId)?.decisions[flavor];
  return decision?.number === number ? { decided: { reason: decision.reason, cause: decision.cause, steps: decision.steps } } : {};
}

const endings = {
  drift: "written anew",
  conflict: `that is ${limits.conflictDrifts} times within ${limits.conflictMs / 60_000} minutes`,
  hand_edit: "changed while Kosmos neither judged nor published",
} as const;

/** Others' records were replaced, since people said that the name is Kosmos's. */
export function sayAdopted(
  project: Project,
  { flavor, gslbId: gslb_id, fqdn, number }: Publication,
  found: LiveRecords,
  now: number,
): void {
  project.say(now, {
    kind: "adopted",
    severity: "warning",
    gslb_id,
    flavor,
    plan: number,
    rule: "adopt",
    reason: `${fqdn} had ${describe(found.answers)} that this GSLB did not make: replaced, since adopt is set`,
    evidence: { found: found.answers, mark: found.gslbId ?? null },
  });
}

/** What the history says of what was read: nothing where it was as written. */
export function sayLooked(
  project: Project,
  publication: Publication,
  { publication: next, finding }: Looked,
  live: LiveRecords,
  now: number,
): void {
  if (finding !== "drift" && finding !== "conflict" && finding !== "hand_edit") return;
  const { flavor, gslbId: gslb_id, fqdn } = publication;
  const expected = publication.live?.plan;
  const held = next.hold !== null;
  const ending = held ? `${finding === "drift" ? "" : `${endings[finding]}, `}held until what is wanted changes` : endings[finding];
  project.say(now, {
    kind: finding,
    severity: finding === "conflict" ? "critical" : "warning",
    gslb_id,
    flavor,
    plan: expected?.number ?? null,
    rule: "drift",
    reason: `${fqdn} has ${describe(live.answers)} instead of ${describe(expected?.answers ?? [])}: ${ending}`,
    evidence: { found: live.answers, expected: expected?.answers ?? [], drifts: next.drifts.length, held },
  });
}
