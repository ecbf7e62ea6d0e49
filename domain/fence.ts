/**
 * Which change may replace what a backend holds at a name: only one with a higher (epoch, number), and a removal only what its own GSLB
 * put there: two projects count their plans apart, so the number alone does not tell whose the name is. The same number with the same
 * content is a repetition and harmless; anything else is superseded, and the caller is told by what (engine.md, rules 17 and 20).
 */
import { type Change, type LiveRecords, liveSet, type WriteFailure } from "./backend.ts";
import { comparePlans } from "./plan.ts";
import { fail, ok, type Result } from "./result.ts";

export type Superseded = Extract<WriteFailure, { class: "superseded" }>;

/** The number a change carries, at either place. */
export const numberOf = (change: Change): { readonly epoch: number; readonly number: number } =>
  change.kind === "publish" ? change.plan : change;

const gslbOf = (change: Change): string => (change.kind === "publish" ? change.plan.gslb_id : change.gslbId);
export const nameOf = (change: Change): string => (change.kind === "publish" ? change.plan.fqdn : change.fqdn);
export const zoneOf = (change: Change): string => (change.kind === "publish" ? change.plan.zone : change.zone);

/** `take`: write it; `same`: it is there already. `held` is the newest change that was taken at this name, a removal included. */
export function fence(held: Change | null, change: Change): Result<"take" | "same", Superseded> {
  if (held === null) return ok("take");
  const order = comparePlans(numberOf(change), numberOf(held));
  if (order > 0 && !isForeign(held, change)) return ok("take");
  if (order === 0 && contentOf(change) === contentOf(held)) return ok("same");
  const { epoch, number } = numberOf(held);
  return fail({
    class: "superseded",
    detail: `${nameOf(held)} is at plan ${number} of epoch ${epoch}`,
    epoch,
    number,
    gslbId: gslbOf(held),
  });
}

/** What is live at a name by the newest change that was taken there. */
export function recordsOf(fqdn: string, held: Change | null): LiveRecords {
  if (held === null) return { fqdn, epoch: null, number: null, answers: [] };
  const { epoch, number } = numberOf(held);
  // A name that was removed is nobody's: the number stands, whoever comes next.
  if (held.kind === "unpublish") return { fqdn, epoch, number, answers: [] };
  return { fqdn, gslbId: gslbOf(held), epoch, number, answers: held.plan.answers.map(liveSet) };
}

/** Whether a removal would take away what another GSLB published. */
const isForeign = (held: Change, change: Change): boolean =>
  change.kind === "unpublish" && held.kind === "publish" && ![change.gslbId, ...(change.also ?? [])].includes(held.plan.gslb_id);

/** What a change does, without when and by what number it was decided. */
function contentOf(change: Change): string {
  if (change.kind === "unpublish") return JSON.stringify([change.kind, change.gslbId, change.zone]);
  const { gslb_id, zone, ttl, withdrawn, policy, answers, places, pools } = change.plan;
  const sets = answers.map((set) => [set.type, set.values, set.ttl, set.pool_id, set.weight, set.pool_weight, set.locations, set.geofence]);
  return JSON.stringify([change.kind, gslb_id, zone, ttl, withdrawn, policy, sets, pools, places ?? null]);
}
