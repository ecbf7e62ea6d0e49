/**
 * `/dns-query`: the answers of the `edge` backend over HTTPS, as RFC 8484 (GET and POST) and as JSON. It speaks HTTP only; what is answered
 * is decided in `dns-answer.ts`. A DNS failure is a DNS message with status 200; a 4xx says that the HTTP request is none.
 */
import { Hono } from "hono";
import { limits } from "../../domain/limits.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiBindings, ApiEnv } from "./bindings.ts";
import { overLimit } from "./client.ts";
import { type Reply, rcodes, replyTo, without } from "./dns-answer.ts";
import { clientIn, clientOfRequest, type Network, networkIn, networkOf } from "./dns-client.ts";
import { jsonReply, typeNumber } from "./dns-json.ts";
import { type DnsWorld, lookUp } from "./dns-lookup.ts";
import { decodeQuery, encodeReply, plainQuery, type Query } from "./dns-message.ts";
import { nameBytes } from "./dns-name.ts";
import { answerProblem } from "./problem.ts";

const wireType = "application/dns-message";
const jsonType = "application/dns-json";

/** `subnet`: whom the question speaks for, where it says so; null: nobody that can be told. Left out: for whoever sends it. */
type Form = { readonly query: Query; readonly as: "wire" | "json"; readonly subnet?: Network | null };

export function dnsQuery(world: DnsWorld): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.all("/", async (c) => {
    if (c.env.settings.KOSMOS_DNS_QUERY === "off") return answerProblem(c, { type: "not-found", detail: "/dns-query is closed" });
    const refused = await overLimit(c, (client) => c.env.mayAskDns(client), "questions");
    if (refused !== null) return answerProblem(c, refused);
    const form = await read(c.req.raw);
    if (!form.ok) return answerProblem(c, form.error);
    return write(form.value, await answer(form.value, c.req.raw, c.env.answers, world));
  });
  return app;
}

async function answer({ query, subnet }: Form, request: Request, answers: ApiBindings["answers"], world: DnsWorld): Promise<Reply> {
  if (query.refusal !== null || query.question === null) return without(query.refusal ?? rcodes.FORMERR);
  const found = await lookUp(query.question.name, answers, world);
  if (found === null) return without(rcodes.SERVFAIL);
  const client = subnet === undefined ? clientOfRequest(request) : clientIn(subnet);
  return replyTo(query.question, found.finding, {
    random: world.random,
    client,
    ...(found.stale ? { ttlMax: limits.staleTtlSeconds } : {}),
  });
}

function write({ query, as, subnet }: Form, reply: Reply): Response {
  // What was chosen by the sender's place is nobody else's; what the question itself speaks for is in it.
  const sharing = reply.byPlace && subnet === undefined ? "private, " : "";
  const headers = {
    "content-type": as === "wire" ? wireType : jsonType,
    "cache-control": reply.maxAgeSeconds === null ? "no-store" : `${sharing}max-age=${reply.maxAgeSeconds}`,
    vary: "Accept",
  };
  return new Response(as === "wire" ? encodeReply(query, reply) : JSON.stringify(jsonReply(query, reply, subnet)), { headers });
}

/** A query in the wire format, with the network that it speaks for. */
function wireForm(query: Query): Form {
  const subnet = query.edns?.clientSubnet ?? null;
  return { query, as: "wire", ...(subnet === null ? {} : { subnet: networkIn(subnet) }) };
}

/** The query in the request, in whichever of the three forms. */
async function read(request: Request): Promise<Result<Form, Problem>> {
  if (request.method === "POST") return readPost(request);
  if (request.method !== "GET" && request.method !== "HEAD") {
    return fail({ type: "method-not-allowed", detail: `${request.method} is not allowed here`, allow: ["GET", "HEAD", "POST"] });
  }
  const parameters = new URL(request.url).searchParams;
  return parameters.has("dns") ? readGet(parameters) : readNamed(parameters, request.headers.get("accept"));
}

async function readPost(request: Request): Promise<Result<Form, Problem>> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== wireType) return fail({ type: "unsupported-media-type", detail: `the body must be ${wireType}` });
  const body = await boundedBody(request, limits.dnsMessageBytes);
  if (body === null) return fail({ type: "too-large", detail: `a DNS message has at most ${limits.dnsMessageBytes} bytes` });
  const query = decodeQuery(body);
  return query === null ? fail({ type: "invalid-body", detail: "the body is no DNS message" }) : ok(wireForm(query));
}

function readGet(parameters: URLSearchParams): Result<Form, Problem> {
  const unknown = unknownParameter(parameters, ["dns"]);
  if (unknown !== null) return fail(unknown);
  const bytes = base64Url(parameters.get("dns") ?? "");
  const query = bytes === null ? null : decodeQuery(bytes);
  return query === null ? fail(invalid("dns", "must be a DNS message in base64url without padding")) : ok(wireForm(query));
}

function readNamed(parameters: URLSearchParams, accept: string | null): Result<Form, Problem> {
  // `do` asks for signatures, of which there are none to leave out; `random_padding` is for the length of the request alone.
  const unknown = unknownParameter(parameters, ["name", "type", "cd", "do", "edns_client_subnet", "random_padding"]);
  if (unknown !== null) return fail(unknown);
  const text = parameters.get("name");
  if (text === null) return fail(invalid("name", "must be given, or dns"));
  const name = nameBytes(text);
  if (name === null) return fail(invalid("name", "must be a DNS name such as www.example.com"));
  const type = typeNumber(parameters.get("type") ?? "A");
  if (type === null) return fail(invalid("type", "must be a record type such as AAAA, or a number from 1 to 65535"));
  const checkingDisabled = /^(1|true)$/i.test(parameters.get("cd") ?? "");
  const given = parameters.get("edns_client_subnet");
  const subnet = given === null ? undefined : networkOf(given);
  if (subnet === null) return fail(invalid("edns_client_subnet", "must be a range of addresses such as 203.0.113.0/24"));
  const query = plainQuery(name, type, checkingDisabled);
  const form = { query, as: wantsWire(accept) ? ("wire" as const) : ("json" as const) };
  if (subnet === undefined) return ok(form);
  return ok({ ...form, subnet: subnet.bits === 0 ? null : subnet });
}

/** Only where the client takes the wire format and none of the others. */
function wantsWire(accept: string | null): boolean {
  const types = (accept ?? "*/*").split(",").map((part) => part.split(";")[0]?.trim().toLowerCase());
  return types.includes(wireType) && !types.some((type) => type === jsonType || type === "application/json");
}

function unknownParameter(parameters: URLSearchParams, known: readonly string[]): Problem | null {
  const names = [...parameters.keys()];
  const wrong = names.find((name, index) => !known.includes(name) || names.indexOf(name) !== index);
  return wrong === undefined ? null : invalid(wrong, known.includes(wrong) ? "must be given once" : "is not known");
}

const invalid = (parameter: string, detail: string): Problem => ({
  type: "invalid-query",
  detail: `${parameter}: ${detail}`,
  errors: [{ parameter, detail }],
});

/** RFC 4648, section 5, without padding (RFC 8484, section 4.1). */
function base64Url(text: string): Uint8Array | null {
  const tooLong = text.length > Math.ceil((limits.dnsMessageBytes * 4) / 3);
  if (tooLong || !/^[A-Za-z0-9_-]+$/.test(text) || text.length % 4 === 1) return null;
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}

/** The body, or null as soon as it is longer than `maxBytes`. */
async function boundedBody(request: Request, maxBytes: number): Promise<Uint8Array | null> {
  if (Number(request.headers.get("content-length")) > maxBytes) return null;
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
