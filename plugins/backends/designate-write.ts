/**
 * One name's change, as calls of Designate's: it takes one recordset a call and nothing as a whole, so the order is what keeps a name right. What
 * is no longer wanted goes first (a CNAME stands alone), then what stays is changed, then what is new is made; the TXT mark of a withdrawn name comes
 * last. Each later call has a later serial: once that one is live, all are.
 */
import type { Change, WholeFailure, WriteFailure } from "../../domain/backend.ts";
import { nameOf, numberOf } from "../../domain/fence.ts";
import { markName, markText } from "../../domain/ownership.ts";
import { comparePlans } from "../../domain/plan.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import { type Api, kindOf, type Recordset, type RecordsetBody, type Zone } from "./designate-api.ts";
import { isMarked, liveAt, markOf } from "./designate-read.ts";
import type { HttpAnswer } from "./http.ts";

type Step =
  | { readonly kind: "remove"; readonly old: Recordset }
  | { readonly kind: "update"; readonly old: Recordset; readonly body: RecordsetBody }
  | { readonly kind: "create"; readonly body: RecordsetBody };

/** What is to stand there. Its description is its mark. */
export function wantedBy(change: Change): RecordsetBody[] {
  if (change.kind === "unpublish") return [];
  const { plan } = change;
  const mark = markText({ gslbId: plan.gslb_id, epoch: plan.epoch, number: plan.number });
  if (plan.withdrawn) return [{ name: markName(plan.fqdn), type: "TXT", records: [`"${mark}"`], ttl: plan.ttl, description: mark }];
  return rrsetsOf(plan).map(({ type, values, ttl }) => ({ name: plan.fqdn, type, records: [...values], ttl, description: mark }));
}

export function stepsOf(change: Change, there: readonly Recordset[]): Step[] {
  const wanted = wantedBy(change);
  const isAt = (one: { name: string; type: string }) => (other: { name: string; type: string }) =>
    one.name === other.name && one.type === other.type;
  const gone = there.filter((old) => !wanted.some(isAt(old)));
  const isMark = ({ type }: Recordset) => type === "TXT";
  const kept = wanted.flatMap((body): Step[] => {
    const old = there.find(isAt(body));
    return old === undefined || isSame(old, body) ? [] : [{ kind: "update", old, body }];
  });
  const fresh = wanted.filter((body) => !there.some(isAt(body))).map((body): Step => ({ kind: "create", body }));
  const remove = (old: Recordset): Step => ({ kind: "remove", old });
  // The mark of a name that is no longer withdrawn is the only one until the new records are there.
  return [...gone.filter((old) => !isMark(old)).map(remove), ...kept, ...fresh, ...gone.filter(isMark).map(remove)];
}

/** What failed on its way to the name servers is written again. */
function isSame(old: Recordset, { records, ttl, description }: RecordsetBody): boolean {
  const text = (values: readonly string[]) => values.toSorted().join("\n");
  return old.status !== "ERROR" && old.ttl === ttl && old.description === description && text(old.records) === text(records);
}

/** Brings a name to what is wanted of it. `there`: what is known to be there; where that was wrong, it is read once more. */
export async function carryOut(api: Api, zone: Zone, change: Change, there: readonly Recordset[]): Promise<Result<null, WriteFailure>> {
  const first = await goThrough(api, zone, stepsOf(change, there));
  if (first === null) return ok(null);
  if (!isStale(first.answer)) return fail(first.failure);
  const fqdn = nameOf(change);
  const now = (await api.at(zone, [fqdn], isMarked)).get(fqdn) ?? [];
  const other = objectionTo(change, fqdn, now, zone);
  if (other !== null) return fail(other);
  const second = await goThrough(api, zone, stepsOf(change, now));
  return second === null ? ok(null) : fail(second.failure);
}

async function goThrough(api: Api, zone: Zone, steps: readonly Step[]): Promise<{ answer: HttpAnswer; failure: WholeFailure } | null> {
  for (const step of steps) {
    const answer = await take(api, zone, step);
    // Somebody else removed it: that was what was wanted.
    if (step.kind === "remove" && kindOf(answer) === "recordset_not_found") continue;
    const failure = api.failure(answer);
    if (failure !== null) return { answer, failure };
  }
  return null;
}

function take(api: Api, zone: Zone, step: Step): Promise<HttpAnswer> {
  if (step.kind === "remove") return api.remove(zone, step.old);
  return step.kind === "update" ? api.update(zone, step.old, step.body) : api.create(zone, step.body);
}

const isStale = (answer: HttpAnswer): boolean => ["duplicate_recordset", "recordset_not_found"].includes(kindOf(answer) ?? "");

/** Who wrote there since it was read: our own plans give way or stand; of others the Engine is to judge, by reading again. */
function objectionTo(change: Change, fqdn: string, there: readonly Recordset[], zone: Zone): WriteFailure | null {
  const live = liveAt(fqdn, there, zone);
  if (live.answers.length === 0) return null;
  const mark = markOf(there);
  const owners = change.kind === "publish" ? [change.plan.gslb_id] : [change.gslbId, ...(change.also ?? [])];
  if (mark === null || !owners.includes(mark.gslbId))
    return { class: "retry", detail: `somebody made records at ${fqdn} while it was written` };
  if (comparePlans(mark, numberOf(change)) <= 0) return null;
  return { class: "superseded", detail: `${fqdn} is at plan ${mark.number} of epoch ${mark.epoch}`, ...mark };
}
