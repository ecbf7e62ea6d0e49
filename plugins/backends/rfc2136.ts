/**
 * Any primary name server that takes DNS UPDATE (RFC 2136) signed with TSIG (RFC 8945): BIND, Knot and others. A message is taken whole or not at all,
 * and its prerequisites compare and set; it never changes another name, or other types than A, AAAA, CNAME and its mark.
 */
import { z } from "zod";
import { type Backend, BackendFailure, type BackendPlugin } from "../../domain/backend.ts";
import { driftSettings } from "../../domain/flavor.ts";
import { host } from "../../domain/host.ts";
import { limits } from "../../domain/limits.ts";
import { fqdn } from "../../domain/name.ts";
import { rrsetsOf } from "../../domain/rrset.ts";
import { oneOf, port } from "../../domain/schema.ts";
import { type Session, withSession } from "./dns-session.ts";
import { exists } from "./dns-update.ts";
import { withMarkRoom } from "./mark-room.ts";
import { type Asking, update } from "./rfc2136-answers.ts";
import { query, readNames, zoneProblem } from "./rfc2136-read.ts";
import { nothing, writeChanges } from "./rfc2136-write.ts";
import { tsigAlgorithms, tsigKey } from "./tsig.ts";

const settings = z.strictObject({
  server: host,
  port: port.default(53),
  key_name: fqdn,
  algorithm: oneOf(tsigAlgorithms).default("hmac-sha256"),
  ...driftSettings,
});
const secretError = "must be the key's secret in base64";
const credentials = z.strictObject({
  key_secret: z
    .string({ error: secretError })
    .max(1_024, { error: secretError })
    .refine((text) => secretBytes(text) !== null, { error: secretError }),
});

type Rfc2136 = Backend<z.output<typeof settings>, z.output<typeof credentials>>;
export const rfc2136: BackendPlugin<typeof settings, typeof credentials> = {
  provider: "rfc2136",
  title: "DNS UPDATE (RFC 2136) with TSIG: BIND, Knot and others",
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
  hosts: ({ server }) => ({ server }),
  identity: (at) => `${at.server}:${at.port}`,
  expected: rrsetsOf,
  ...withMarkRoom<Rfc2136>({
    read: (zone, fqdns, backend) => ask(zone, backend, (session, asking) => readNames(session, fqdns, asking)),
    write: (zone, changes, backend) => ask(zone, backend, (session, asking) => writeChanges(session, changes, asking)),
  }),
  test: async (zones, backend) => {
    const details: string[] = [];
    for (const zone of zones) details.push(await ask(zone, backend, testZone));
    return {
      details: details.length > 0 ? details : ["without a zone nothing was tried: whether the key is good is known at the first write"],
    };
  },
};

async function ask<T>(
  zone: string,
  { settings, credentials, io }: Rfc2136,
  use: (session: Session, asking: Asking) => Promise<T>,
): Promise<T> {
  const key = await tsigKey(settings.key_name, settings.algorithm, secretBytes(credentials.key_secret) ?? new Uint8Array());
  return withSession(io, settings, key, (session) => use(session, { zone, key: settings.key_name, now: io.now }));
}

/** The secret as bytes; null: it is no base64, or none. */
function secretBytes(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** The zone's SOA, and two updates that change nothing: one is only a prerequisite, one deletes what is not there, which a policy judges too. */
async function testZone(session: Session, asking: Asking): Promise<string> {
  const { zone } = asking;
  const [soa] = await session.ask([query(zone, "SOA")]);
  const problem = soa === undefined ? null : zoneProblem(soa, asking);
  if (problem !== null) throw new BackendFailure(problem);
  for (const message of [{ zone, prerequisites: [exists(zone, "SOA")], updates: [] }, nothing(zone)]) {
    const verdict = await update(session, message, asking);
    if (verdict.kind === "whole") throw new BackendFailure(verdict.failure);
    if (verdict.kind === "denied") throw new BackendFailure({ class: "credentials", detail: `${zone}: ${verdict.detail}` });
    if (verdict.kind !== "done") throw new BackendFailure({ class: "retry", detail: `${zone}: ${verdict.detail}` });
  }
  return `${zone} takes updates signed with ${asking.key}`;
}
