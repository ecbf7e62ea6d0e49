/**
 * Writes changes of a zone in one PATCH, which PowerDNS takes whole or not at all. Whom it refuses it names, the first only: that one is left out,
 * and the others go at once.
 */
import type { Change, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { isOk, jsonOf, shorten } from "./http.ts";
import { ask, errorOf, failed, isCopy, missingZone, noSense, type PowerDns, pathOf } from "./powerdns-api.ts";
import { kindOf } from "./powerdns-read.ts";
import { culpritOf, rrsetsFor } from "./powerdns-rrsets.ts";

/** So many are left out in one write; more wait for the next. */
const culpritsMax = 16;

export async function writeChanges(zone: string, changes: readonly Change[], powerDns: PowerDns): Promise<WriteOutcome> {
  const kind = kindOf(powerDns, zone);
  // Nobody of them is to blame: as one failure of the whole it would be halved.
  if (kind !== null && isCopy(kind)) return changes.map(() => fail({ class: "refused", detail: copyReason(zone, kind) }));
  const refused = new Map<Change, WriteFailure>();
  for (;;) {
    const rest = changes.filter((change) => !refused.has(change));
    const resultsWith = (result: Result<null, WriteFailure>) =>
      changes.map((change) => {
        const failure = refused.get(change);
        return failure === undefined ? result : fail(failure);
      });
    const rrsets = rrsetsFor(rest);
    if (rrsets.length === 0) return resultsWith(ok(null));
    if (refused.size > culpritsMax) return resultsWith(fail({ class: "retry", detail: `${refused.size} names with it are refused` }));
    const answer = await ask(powerDns, { method: "PATCH", path: pathOf(zone), json: { rrsets } });
    if (answer.status === 204) return resultsWith(ok(null));
    // Versions before 4.0 answer with the zone.
    if (isOk(answer)) return jsonOf(answer) === null ? noSense : resultsWith(ok(null));
    const failure = failed(answer, powerDns, missingZone(zone));
    const said = errorOf(answer) ?? "";
    if (/does not support editing/.test(said)) return resultsWith(fail({ class: "refused", detail: shorten(said) }));
    const culprit = failure.class === "refused" ? culpritOf(said, rest) : null;
    // What was found out of some is lost then, and found out again by the halves.
    if (culprit === null) return refused.size > 0 && failure.class !== "refused" ? resultsWith(fail(failure)) : failure;
    refused.set(culprit, failure);
  }
}

export const copyReason = (zone: string, kind: string): string =>
  `${zone} is of kind ${kind}: its records come from another server, and what is written here would be gone with the next transfer`;
