/**
 * `/pdns/{secret}/…`: the answers of the `edge` backend for PowerDNS's remote backend, by which it serves them over UDP and TCP. All three forms of
 * its HTTP connector: a path for each method, `post`, `post_json` (doc.powerdns.com/authoritative/backends/remote.html). It reads and never
 * writes; whatever would write, transfer or sign a zone is answered `{"result": false}`, which PowerDNS takes for "not here".
 */
import type { Hono } from "hono";
import { limits } from "../../domain/limits.ts";
import { canonicalName } from "../../domain/name.ts";
import { notFound } from "../../domain/problem.ts";
import { isPdnsSecret } from "../../domain/settings.ts";
import type { ApiEnv } from "./bindings.ts";
import { readBytes } from "./body.ts";
import { type ApiContext, away } from "./context.ts";
import { sameSecret } from "./digest.ts";
import { type DnsWorld, lookUp } from "./dns-lookup.ts";
import { clientOf, pdnsRecords } from "./pdns-answer.ts";
import { answerProblem, log } from "./problem.ts";

/** Before the paths that want a token: the secret in the path is the whole credential. */
export function pdnsRoutes(app: Hono<ApiEnv>, world: DnsWorld): void {
  app.all("/pdns/*", async (c) => {
    const [, , secret = "", ...path] = new URL(c.req.url).pathname.split("/");
    const expected = c.env.settings.KOSMOS_PDNS_SECRET ?? "";
    // Compared also where there is none to compare with, so that both take the same time.
    const same = await sameSecret(secret, expected);
    if (!same || !isPdnsSecret(expected)) return answerProblem(c, notFound("path"));
    const call = await readCall(c.req.raw, path.filter((part) => part !== "").map(decoded));
    if (call === null) return answerResult(false);
    try {
      return answerResult(await carryOut(c, call, { freshMs: limits.pdnsCacheMs, ...world }));
    } catch (error) {
      log(c, "PowerDNS was not answered", error);
      return answerProblem(c, away("the answers cannot be reached now"));
    }
  });
}

type Call = { readonly method: string; readonly parameters: Readonly<Record<string, unknown>> };

const answerResult = (result: unknown): Response => Response.json({ result }, { headers: { "Cache-Control": "no-store" } });

/** Throws where the answers are away: PowerDNS then says SERVFAIL, and never that a name is not there. */
async function carryOut(c: ApiContext, { method, parameters }: Call, world: DnsWorld): Promise<unknown> {
  switch (method.toLowerCase()) {
    case "initialize":
      return true;
    case "lookup":
      return lookup(c, parameters, world);
    case "getdomaininfo": {
      const zone = canonicalName(text(parameters.name));
      return zone !== null && (await isZone(c, zone, world)) ? domainInfo(zone) : false;
    }
    case "getalldomains":
      return (await allZones(c)).map(domainInfo);
    case "getdomainmetadata":
      return [];
    case "getalldomainmetadata":
      return {};
    default:
      return false;
  }
}

async function lookup(c: ApiContext, parameters: Call["parameters"], world: DnsWorld): Promise<unknown> {
  const qname = rooted(text(parameters.qname));
  const found = await lookUp(qname, c.env.answers, world);
  if (found === null) throw new Error("the Answers objects do not answer");
  const client = clientOf(parameters["real-remote"], parameters.remote);
  const asking = { random: world.random, client, ...(found.stale ? { ttlMax: limits.staleTtlSeconds } : {}) };
  const question = { qname, qtype: text(parameters.qtype) };
  const records = pdnsRecords(question, found.finding, nameServersOf(c.env.settings.KOSMOS_PDNS_NS), asking);
  return records.length === 0 ? false : records;
}

async function isZone(c: ApiContext, zone: string, world: DnsWorld): Promise<boolean> {
  const found = await lookUp(zone, c.env.answers, world);
  if (found === null) throw new Error("the Answers objects do not answer");
  const { finding } = found;
  return finding.kind === "served" ? finding.served.zone === zone : finding.kind === "empty" && finding.zone === zone;
}

async function allZones(c: ApiContext): Promise<readonly string[]> {
  const zones = await Promise.all(c.env.allAnswers().map((answers) => answers.zones()));
  return zones.flat().toSorted();
}

const domainInfo = (zone: string) => ({ id: -1, zone, kind: "native", serial: 1 });

/** What is none is left out; `npm start` refuses it. */
export const nameServersOf = (setting: string | undefined): readonly string[] =>
  (setting ?? "").split(",").flatMap((name) => canonicalName(name.trim()) ?? []);

/** The method and what it is asked, in whichever form; null: it cannot be read. */
async function readCall(request: Request, path: readonly string[]): Promise<Call | null> {
  const [method = "", ...rest] = path;
  if (request.method !== "POST") return { method, parameters: inPath(method, rest, request.headers) };
  const bytes = await readBytes(request, limits.bodyBytes).catch(() => null);
  if (bytes === null) return null;
  const body = new TextDecoder().decode(bytes);
  if (method === "") {
    const call = object(parsed(body));
    return call === null ? null : { method: text(call.method), parameters: object(call.parameters) ?? {} };
  }
  const form = new URLSearchParams(body).get("parameters");
  return { method, parameters: form === null ? inPath(method, rest, request.headers) : (object(parsed(form)) ?? {}) };
}

/** `lookup/<name>/<type>`, `getDomainInfo/<name>`; what else it says is in headers. The root's name is lost on the way: a lone dot is no part of a path. */
function inPath(method: string, rest: readonly string[], headers: Headers): Call["parameters"] {
  const told = Object.fromEntries(["remote", "real-remote", "local", "zone-id"].map((key) => [key, headers.get(`x-remotebackend-${key}`)]));
  if (method.toLowerCase() !== "lookup") return { name: rest.at(-1) ?? "", ...told };
  // A backslash in a name, which escapes what is not to be printed, comes as a slash.
  return { qname: rest.slice(0, -1).join("\\"), qtype: rest.at(-1) ?? "", ...told };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const rooted = (name: string): string => (name.endsWith(".") ? name : `${name}.`);
const object = (value: unknown): Readonly<Record<string, unknown>> | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
