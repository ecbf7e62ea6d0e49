/**
 * PowerDNS Authoritative through its HTTP API: one PATCH for all names of a zone, with a mark at `_kosmos.<name>`. The server must be reachable over
 * HTTPS by a name where Kosmos is deployed to Cloudflare: a Worker can call neither addresses nor private networks.
 */
import { z } from "zod";
import { BackendFailure, type BackendPlugin } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import { sameUrl, shorten } from "./http.ts";
import { withMarkRoom } from "./mark-room.ts";
import { credentials, get, isCopy, missingZone, pathOf, settings } from "./powerdns-api.ts";
import { readNames } from "./powerdns-read.ts";
import { copyReason, writeChanges } from "./powerdns-write.ts";

const serverAnswer = z.looseObject({ daemon_type: z.string(), version: z.string() });
const zoneAnswer = z.looseObject({
  kind: z.string(),
  serial: z.number().default(0),
  dnssec: z.boolean().default(false),
  soa_edit_api: z.string().default(""),
  /** Left out by versions that always rectify, or never. */
  api_rectify: z.boolean().default(true),
});

export const powerdns: BackendPlugin<typeof settings, typeof credentials> = {
  provider: "powerdns",
  title: "PowerDNS Authoritative, through its HTTP API",
  settings,
  credentials,
  supports: {
    policies: ["failover", "round_robin"],
    recordTypes: ["A", "AAAA", "CNAME"],
    maxAnswers: limits.staticAnswersMax,
    minTtl: 1,
    batch: 500,
    readBack: true,
  },
  hosts: ({ api_url }) => ({ api_url }),
  identity: ({ api_url, server_id }) => `${sameUrl(api_url)} ${server_id}`,
  expected: rrsetsOf,
  ...withMarkRoom({ read: readNames, write: writeChanges }),
  test: async (zones, powerDns) => {
    const { server_id } = powerDns.settings;
    const { daemon_type, version } = await get(powerDns, "", serverAnswer, `there is no server ${server_id} at api_url`);
    if (daemon_type !== "authoritative") {
      throw new BackendFailure({ class: "refused", detail: shorten(`the server is PowerDNS's ${daemon_type}, not the authoritative one`) });
    }
    const details = [shorten(`PowerDNS Authoritative ${version} answers and takes the key`)];
    for (const zone of zones) {
      const found = await get(powerDns, `${pathOf(zone)}?rrsets=false`, zoneAnswer, missingZone(zone));
      if (isCopy(found.kind)) throw new BackendFailure({ class: "refused", detail: shorten(copyReason(zone, found.kind)) });
      details.push(shorten(`${zone} is there (${found.kind}, serial ${found.serial}${found.dnssec ? ", signed" : ""})${hintOf(found)}`));
    }
    return { details };
  },
};

/** What PowerDNS takes and yet does not do as people want it; a line for people. */
function hintOf({ kind, soa_edit_api, dnssec, api_rectify }: z.output<typeof zoneAnswer>): string {
  // Secondaries ask for a zone only when its serial has risen.
  const isStill = /^(master|primary|producer)$/i.test(kind) && soa_edit_api === "";
  const serial = "its soa_edit_api is empty, so its serial does not rise with a change, and secondaries do not hear of it";
  const rectify = "its api_rectify is off: names that are made through the API are not in the order that its proofs go by";
  const hints = [...(isStill ? [serial] : []), ...(dnssec && !api_rectify ? [rectify] : [])];
  return hints.map((hint) => `: ${hint}`).join("");
}
