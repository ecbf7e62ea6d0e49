/**
 * OpenStack Designate: a zone's recordsets, one call each, with a token of Keystone's. The mark is each recordset's `description`; of a withdrawn name,
 * which has none, the TXT record `_kosmos.<fqdn>`. What it takes is PENDING until its name servers have it; what it deletes is gone from its list at
 * once, so of a name that has nothing the zone tells.
 */
import type { BackendPlugin, Change, LiveRecords, WholeFailure, WriteFailure } from "../../domain/backend.ts";
import { BackendFailure } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { limits } from "../../domain/limits.ts";
import { fail, type Result } from "../../domain/result.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import { credentials, type Designate, designateApi, inParallel, type Recordset, settings, type Zone } from "./designate-api.ts";
import { isMarked, liveAt, stateOf } from "./designate-read.ts";
import { carryOut } from "./designate-write.ts";
import { sameUrl } from "./http.ts";

/** A change that is begun has this long to its end. */
const lastCallsMs = 3_000;

export const designate: BackendPlugin<typeof settings, typeof credentials> = {
  provider: "designate",
  title: "OpenStack Designate",
  settings,
  credentials,
  supports: {
    policies: ["failover", "round_robin"],
    recordTypes: ["A", "AAAA", "CNAME"],
    // Its quota of records in a recordset, unless an operator raised it.
    maxAnswers: 20,
    minTtl: 1,
    // A small Designate takes some ten recordsets a second.
    batch: 50,
    readBack: true,
  },
  hosts: ({ endpoint, auth_url }) => ({ endpoint, ...(auth_url === undefined ? {} : { auth_url }) }),
  identity: ({ endpoint }) => sameUrl(endpoint),
  expected: rrsetsOf,
  read,
  write,
  async test(zones, backend) {
    const api = designateApi(backend);
    await api.zones();
    const details = [`Designate answers at ${backend.settings.endpoint}`];
    for (const name of zones) {
      const { id, status, type } = await api.look(name);
      if (type !== "PRIMARY")
        throw new BackendFailure({ class: "refused", detail: `${name} is a zone of type ${type}: Designate takes no records for it` });
      details.push(`${name} is zone ${id}, ${status}`);
    }
    return { details };
  },
};

function read(name: string, fqdns: readonly string[], backend: Designate): Promise<readonly LiveRecords[]> {
  const api = designateApi(backend);
  return api.inZone(name, async (zone) => {
    const there = await api.at(zone, fqdns, isMarked);
    const isBare = fqdns.some((fqdn) => there.get(fqdn)?.length === 0);
    const gone = isBare ? stateOf([await api.zone(zone.id)]) : null;
    return fqdns.map((fqdn) => {
      const found = there.get(fqdn) ?? [];
      return { ...liveAt(fqdn, found, zone), ...(found.length === 0 && gone !== null ? { state: gone } : {}) };
    });
  });
}

function write(name: string, changes: readonly Change[], backend: Designate): Promise<readonly Result<null, WriteFailure>[]> {
  const api = designateApi(backend);
  const { io } = backend;
  const until = io.now() + limits.writeDeadlineMs - lastCallsMs;
  return api.inZone(name, async (zone) => {
    const unread = changes.filter(({ found }) => found === undefined).map(nameOf);
    const seen = unread.length === 0 ? new Map<string, Recordset[]>() : await api.at(zone, unread, isMarked);
    let ended: WholeFailure | null = null;
    const one = async (change: Change, at: Zone): Promise<Result<null, WriteFailure>> => {
      if (ended === null && io.now() > until) ended = { class: "retry", detail: "there was no time for it in this write" };
      if (ended !== null) return fail(ended);
      const there = change.found === undefined ? seen.get(nameOf(change)) : (change.found.handle as readonly Recordset[] | undefined);
      try {
        const result = await carryOut(api, at, change, there ?? []);
        if (!result.ok && isOfAll(result.error)) ended = result.error;
        return result;
      } catch (error) {
        // A zone that is gone is not this change's fault: it is looked up again.
        if (!(error instanceof BackendFailure) || error.failure.class === "not-found") throw error;
        ended = error.failure;
        return fail(ended);
      }
    };
    return inParallel(changes, (change) => one(change, zone));
  });
}

/** Nobody who knows us, or not so fast: the other changes are not tried now, as where nobody answers. */
const isOfAll = (failure: WriteFailure): failure is WholeFailure =>
  failure.class === "credentials" || (failure.class === "retry" && failure.afterMs !== undefined);
