/**
 * Route 53's calls, signed (AWS Signature Version 4): find a zone, list sets, change them, ask whether a change is everywhere. Source:
 * docs.aws.amazon.com/Route53/latest/APIReference/; limits: docs.aws.amazon.com/Route53/latest/DeveloperGuide/DNSLimitations.html.
 */
import { AwsV4Signer } from "aws4fetch";
import { z } from "zod";
import { type Backend, BackendFailure, type WholeFailure } from "../../domain/backend.ts";
import { driftSettings } from "../../domain/flavor.ts";
import { failureOf, type HttpAnswer, isOk, request } from "./http.ts";
import { changeBatch, changeIn, errorIn, type FoundSet, type RecordPage, recordsIn, type SetChange, zonesIn } from "./route53-xml.ts";

export const settings = z.strictObject({
  /** As in the console: "Z0123456789ABCDEFGHIJ". Left out: the public zone of the GSLB's `domain_name`. */
  hosted_zone_id: z
    .string({ error: "must be a string" })
    .regex(/^[A-Z0-9]{1,32}$/, { error: "must be the id of a hosted zone" })
    .optional(),
  endpoint: z.url({ protocol: /^https?$/, error: "must be an http or https URL" }).default("https://route53.amazonaws.com"),
  ...driftSettings,
});

const key = (what: string, maximum: number) =>
  z.string({ error: "must be a string" }).regex(new RegExp(`^[\\x21-\\x7e]{1,${maximum}}$`), { error: `must be ${what}` });
export const credentials = z.strictObject({
  access_key_id: key("an access key id", 128),
  secret_access_key: key("a secret access key", 1_024),
});

export type Route53 = Backend<z.output<typeof settings>, z.output<typeof credentials>>;

/** The global service is signed for as if it were in this region, whatever the endpoint. */
const signedRegion = "us-east-1";
const pageOfSets = 300;

/** Throttled, and refused because the change before is under way, come with 400 and pass by themselves. */
const throttled = new Set(["Throttling", "ThrottlingException", "PriorRequestNotComplete"]);
const passing = new Set([...throttled, "LimitsExceeded", "ServiceUnavailable"]);
const again = 1_000;
const mostTries = 12;

export async function zoneIdOf(zone: string, backend: Route53): Promise<string> {
  const { settings: own, io } = backend;
  if (own.hosted_zone_id !== undefined) return own.hosted_zone_id;
  const kept = io.kept.get(`zone ${zone}`);
  if (typeof kept === "string") return kept;
  const { text } = await call(backend, "GET", `/2013-04-01/hostedzonesbyname?dnsname=${encodeURIComponent(zone)}&maxitems=100`);
  const [found, other] = zonesIn(text).filter(({ name }) => name === zone);
  if (found === undefined) throw new BackendFailure({ class: "not-found", detail: `there is no public hosted zone ${zone}` });
  if (other !== undefined) {
    throw new BackendFailure({ class: "not-found", detail: `there are several public hosted zones ${zone}: set hosted_zone_id` });
  }
  io.kept.set(`zone ${zone}`, found.id);
  return found.id;
}

/** All sets at these names. Pages are asked for from name to name: what lies between two of them is skipped where it fills a page. */
export async function listSets(zoneId: string, names: readonly string[], backend: Route53): Promise<readonly FoundSet[]> {
  const wanted = [...new Set(names)].toSorted(byOrder);
  const found = new Map<string, FoundSet>();
  for (let at = 0; at < wanted.length; ) {
    const from = wanted[at] ?? "";
    const page = await listPage(zoneId, from, backend);
    for (const set of page.sets) if (byOrder(set.name, from) >= 0) found.set(`${set.name} ${set.type} ${set.identifier ?? ""}`, set);
    if (page.next === null) break;
    const { next } = page;
    // A name of which the page holds but a part is asked for again, from its beginning; a set is kept once.
    const reached = wanted.findIndex((name) => byOrder(name, next) >= 0);
    if (reached === -1) break;
    if (reached === at) throw new BackendFailure({ class: "refused", detail: `${from} has more than ${pageOfSets} record sets` });
    at = reached;
  }
  const own = new Set(wanted);
  return [...found.values()].filter(({ name }) => own.has(name));
}

async function listPage(zoneId: string, from: string, backend: Route53): Promise<RecordPage> {
  const answer = await call(
    backend,
    "GET",
    `/2013-04-01/hostedzone/${zoneId}/rrset?maxitems=${pageOfSets}&name=${encodeURIComponent(from)}`,
  );
  const page = recordsIn(answer.text);
  if (page === null) throw new BackendFailure({ class: "retry", detail: "Route 53 answered with something else than record sets" });
  return page;
}

/** All of them or none. */
export async function changeSets(
  zoneId: string,
  changes: readonly SetChange[],
  backend: Route53,
): Promise<{ readonly id: string; readonly inSync: boolean }> {
  const answer = await call(backend, "POST", `/2013-04-01/hostedzone/${zoneId}/rrset/`, changeBatch(changes));
  const change = changeIn(answer.text);
  if (change === null) throw new BackendFailure({ class: "retry", detail: "Route 53 did not say what came of the change" });
  return change;
}

/** Whether a change is on every server; true also for one that is forgotten there. */
export async function isInSync(changeId: string, backend: Route53): Promise<boolean> {
  try {
    const { text } = await call(backend, "GET", `/2013-04-01/change/${encodeURIComponent(changeId)}`);
    return changeIn(text)?.inSync ?? false;
  } catch (error) {
    if (error instanceof BackendFailure && error.failure.class === "not-found") return true;
    throw error;
  }
}

/** The order of ListResourceRecordSets: names with their labels reversed and a final dot, by ASCII. */
export function byOrder(a: string, b: string): number {
  const [left, right] = [reversed(a), reversed(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

const reversed = (name: string): string => `${name.replace(/\.$/, "").split(".").toReversed().join(".")}.`;

/** Five requests a second are an account's: whoever asks more often is told to wait, and does so while the call's deadline lets it. */
async function call(backend: Route53, method: "GET" | "POST", path: string, body?: string): Promise<HttpAnswer> {
  const { io } = backend;
  for (let tries = 1; ; tries += 1) {
    const answer = await send(backend, method, path, body);
    if (isOk(answer)) return answer;
    const failure = failureIn(answer, io.now());
    if (!failure.isThrottled || tries >= mostTries) throw failure;
    await io.sleep(Math.min(again, 100 * 2 ** tries));
    if (io.signal.aborted) throw failure;
  }
}

async function send(
  { settings: own, credentials: keys, io }: Route53,
  method: "GET" | "POST",
  path: string,
  body?: string,
): Promise<HttpAnswer> {
  const signed = await new AwsV4Signer({
    method,
    url: `${own.endpoint.replace(/\/$/, "")}${path}`,
    ...(body === undefined ? {} : { body, headers: { "Content-Type": "application/xml" } }),
    accessKeyId: keys.access_key_id,
    secretAccessKey: keys.secret_access_key,
    service: "route53",
    region: signedRegion,
    datetime: new Date(io.now()).toISOString().replaceAll(/[:-]|\.[0-9]{3}/g, ""),
  }).sign();
  // Whoever sends the request writes the host itself.
  signed.headers.delete("Host");
  return request(io, {
    method,
    url: signed.url.toString(),
    headers: { ...Object.fromEntries(signed.headers), Accept: "application/xml" },
    ...(body === undefined ? {} : { body }),
  });
}

/** A failure with all that the service said, whatever of it fits a detail. */
export class Route53Failure extends BackendFailure {
  readonly messages: readonly string[];
  readonly isThrottled: boolean;

  constructor(failure: WholeFailure, code: string, messages: readonly string[]) {
    super(failure);
    this.messages = messages;
    this.isThrottled = throttled.has(code);
  }
}

function failureIn(answer: HttpAnswer, now: number): Route53Failure {
  const { code, messages } = errorIn(answer.text);
  return new Route53Failure(meaningOf(answer, code, messages, now), code, messages);
}

function meaningOf(answer: HttpAnswer, code: string, messages: readonly string[], now: number): WholeFailure {
  const said = [code, ...messages].filter((word) => word !== "").join(": ");
  if (passing.has(code)) return { class: "retry", detail: `${answer.status}: ${said}`, afterMs: again };
  if (code === "NoSuchHostedZone") return { class: "not-found", detail: said };
  // Somebody changed the sets between the look and the change.
  if (code === "InvalidChangeBatch" && messages.some((message) => stale.test(message))) return { class: "retry", detail: said };
  return failureOf(answer, now, said);
}

const stale = /not found|do not match the current values|already exists/i;
