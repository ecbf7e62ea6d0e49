/**
 * Create, read, replace, patch, remove and list, the same for every kind of resource; a `Noun` says in what they differ. The Conductor stores;
 * here a request becomes its arguments and its answer a response.
 */
import type { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { readOnlyFields } from "../../domain/schema.ts";
import type { Kind, Kinds, SortKey } from "../../durable-objects/rpc.ts";
import type { ApiSettings } from "./bindings.ts";
import { readObject } from "./body.ts";
import { entityTag, holdsAlready, meets, type Precondition, readIfMatch, versionMismatch } from "./conditional.ts";
import { type ApiContext, ask } from "./context.ts";
import { unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { answerPage } from "./list.ts";
import { mergePatch } from "./merge-patch.ts";
import { answerProblem } from "./problem.ts";
import { type ListFilter, readFlag, readListQuery } from "./query.ts";
import { judged } from "./vantage.ts";

type Stored<K extends Kind> = Kinds[K]["resource"];

export type Noun<K extends Kind> = {
  readonly kind: K;
  /** For people: "is not a field of a <name>". */
  readonly name: string;
  readonly collection: string;
  readonly write: z.ZodType<Kinds[K]["write"]>;
  /** What a client may send back beside `readOnlyFields`, whatever its value. */
  readonly readOnly: readonly string[];
  /** Fields of later versions that have one value yet: sent back with that value they are ignored, with another they are unknown. */
  readonly constants: JsonObject;
  /** Whether this is a read-only field as a GET shows it, where a client might also mean to write it; what it is not is unknown. */
  returned?(field: string, value: unknown): boolean;
  /** Fields that no write changes: how a client's value is brought into the stored form; null where it is not even well-formed. */
  readonly immutable: Readonly<Record<string, (value: unknown) => string | null>>;
  /** Other spellings that are accepted on input. */
  adapt?(body: JsonObject): Result<JsonObject, Problem>;
  /** What a patch of one spelling takes back of another. */
  adaptPatch?(patch: JsonObject): JsonObject;
  /** Fields that are refused not for their form, so that a mistake in them alone is 422. */
  infeasible?(pointer: string): boolean;
  /** Fields that are written and never shown, so that a merge with what is shown knows nothing of them. */
  writeOnly?(resource: Stored<K>): readonly string[];
  /** Of a patch what goes into such fields, merged into what is stored there. */
  mergeWriteOnly?(c: ApiContext, current: Stored<K>, patch: JsonObject): Promise<Result<JsonObject, Problem>>;
  /** The last that is done to a write: what must not go further as it is. */
  seal?(c: ApiContext, input: Kinds[K]["write"]): Promise<Result<Kinds[K]["write"], Problem>>;
  /** Why a well-formed resource cannot be had here. `current`: what it replaces. */
  refuse(input: Kinds[K]["write"], settings: ApiSettings, current?: Stored<K>): Problem | null;
  readonly filters: readonly ListFilter[];
  readonly sortKeys: readonly SortKey[];
  /** The second half of the entity tag. */
  revision(resource: Stored<K>): number;
  path(resource: Stored<K>): string;
  render(resource: Stored<K>, origin: string): JsonObject;
};

/** Whether a resource is where the path says it is. */
export type Belongs<K extends Kind> = (resource: Stored<K>) => boolean;
const anywhere = () => true;

export const originOf = (c: ApiContext): string => new URL(c.req.url).origin;

/** The client's body as what the Conductor takes. */
export function prepare<K extends Kind>(
  noun: Noun<K>,
  body: JsonObject,
  settings: ApiSettings,
  current?: Stored<K>,
): Result<Kinds[K]["write"], Problem> {
  const adapted = noun.adapt?.(body) ?? ok(body);
  if (!adapted.ok) return adapted;
  const parsed = parseFields(noun.write, adapted.value, noun.name);
  if (!parsed.ok) {
    const infeasible = parsed.error.every((error) => noun.infeasible?.(error.pointer) ?? false);
    return fail((infeasible ? unprocessableIf(parsed.error) : null) ?? invalidBody(parsed.error));
  }
  const refusal = noun.refuse(parsed.value, settings, current);
  return refusal === null ? parsed : fail(refusal);
}

export const sealed = async <K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  input: Kinds[K]["write"],
): Promise<Result<Kinds[K]["write"], Problem>> => noun.seal?.(c, input) ?? ok(input);

export async function find<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  id: string,
  belongs: Belongs<K> = anywhere,
): Promise<Result<Stored<K>, Problem>> {
  const found = await ask(c, (conductor) => conductor.read(noun.kind, id));
  return found.ok && !belongs(found.value) ? fail(notFound(noun.name)) : found;
}

export async function answerRead<K extends Kind>(c: ApiContext, noun: Noun<K>, id: string, belongs?: Belongs<K>): Promise<Response> {
  return answerOne(c, noun, await find(c, noun, id, belongs));
}

export async function answerCreate<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  input: Result<Kinds[K]["create"], Problem>,
): Promise<Response> {
  if (!input.ok) return answerProblem(c, input.error);
  const created = await judged(c, (vantage) => ask(c, (conductor) => conductor.create(noun.kind, input.value, c.var.caller, vantage)));
  return answerOne(c, noun, created, 201);
}

export async function answerReplace<K extends Kind>(c: ApiContext, noun: Noun<K>, id: string, belongs?: Belongs<K>): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const replaced = await change(c, noun, id, belongs, (current) => {
    const sent = received(noun, body.value);
    if (!sent.ok) return sent;
    // An immutable field that has a default is not reset to it by leaving it out.
    const kept = noun.kind === "pool_member" && !("type" in sent.value) ? { type: noun.render(current, "").type } : {};
    return ok({ sent: sent.value, whole: { ...sent.value, ...kept } });
  });
  return answerOne(c, noun, replaced);
}

export async function answerPatch<K extends Kind>(c: ApiContext, noun: Noun<K>, id: string, belongs?: Belongs<K>): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  return answerOne(c, noun, await patch(c, noun, id, () => body, belongs));
}

/** Merges what `patchOf` makes of the current resource into it. */
export async function patch<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  id: string,
  patchOf: (current: Stored<K>) => Result<JsonObject, Problem>,
  belongs?: Belongs<K>,
): Promise<Result<Stored<K>, Problem>> {
  return change(c, noun, id, belongs, async (current) => {
    const made = patchOf(current);
    if (!made.ok) return made;
    const sent = received(noun, noun.adaptPatch?.(made.value) ?? made.value);
    if (!sent.ok) return sent;
    const known = received(noun, noun.render(current, ""));
    if (!known.ok) return known;
    const cleared = (noun.writeOnly?.(current) ?? []).filter((field) => sent.value[field] === null).map((field) => [field, null]);
    const unseen = (await noun.mergeWriteOnly?.(c, current, sent.value)) ?? ok({});
    if (!unseen.ok) return unseen;
    return ok({ sent: sent.value, whole: { ...mergePatch(known.value, sent.value), ...unseen.value, ...Object.fromEntries(cleared) } });
  });
}

export async function answerRemove<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  id: string,
  options: { readonly belongs?: Belongs<K>; readonly records?: "delete" | "keep" } = {},
): Promise<Response> {
  const precondition = readIfMatch(c);
  if (!precondition.ok) return answerProblem(c, precondition.error);
  const force = readFlag(c, "force");
  if (!force.ok) return answerProblem(c, force.error);
  let expected: number | null = null;
  if (options.belongs !== undefined || precondition.value.kind === "versions") {
    const current = await find(c, noun, id, options.belongs);
    if (!current.ok) return answerProblem(c, current.error);
    if (!meets(precondition.value, current.value.version)) return answerProblem(c, versionMismatch(current.value.version));
    expected = expectedVersion(precondition.value, current.value.version);
  }
  const removed = await ask(c, (conductor) =>
    conductor.remove(noun.kind, id, { expected, records: options.records ?? "delete", force: force.value }, c.var.caller),
  );
  return removed.ok ? c.body(null, 204) : answerProblem(c, removed.error);
}

export async function answerList<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  within: { readonly pool_id?: string } = {},
): Promise<Response> {
  const query = readListQuery(c, noun);
  if (!query.ok) return answerProblem(c, query.error);
  const page = await ask(c, (conductor) => conductor.list(noun.kind, { ...query.value, filters: { ...query.value.filters, ...within } }));
  if (!page.ok) return answerProblem(c, page.error);
  const origin = originOf(c);
  return answerPage(
    c,
    noun.collection,
    page.value.items.map((item) => noun.render(item, origin)),
    { next: page.value.next, total: query.value.count ? page.value.total : null },
  );
}

/** `whole` is the resource to be; `sent` is what of it the client wrote, which alone can try to change what is immutable. */
type Wish = { readonly sent: JsonObject; readonly whole: JsonObject };

/**
 * Reads, computes, and writes on condition that nobody wrote in between; without If-Match that is tried again from the read, so that no
 * concurrent change is undone by fields that this client never mentioned.
 */
async function change<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  id: string,
  belongs: Belongs<K> | undefined,
  wishOf: (current: Stored<K>) => Result<Wish, Problem> | Promise<Result<Wish, Problem>>,
): Promise<Result<Stored<K>, Problem>> {
  const precondition = readIfMatch(c);
  if (!precondition.ok) return precondition;
  const force = readFlag(c, "force");
  if (!force.ok) return force;
  for (let attempt = 0; attempt < limits.patchAttempts; attempt += 1) {
    // Writers that were overtaken together would meet again.
    if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, Math.random() * pauseMs * 2 ** attempt));
    const current = await find(c, noun, id, belongs);
    if (!current.ok) return current;
    const { version } = current.value;
    if (!meets(precondition.value, version)) return fail(versionMismatch(version));
    const wish = await wishOf(current.value);
    if (!wish.ok) return wish;
    const immutable = immutableErrors(noun, wish.value.sent, noun.render(current.value, ""));
    if (immutable !== null) return fail(immutable);
    const prepared = prepare(noun, wish.value.whole, c.env.settings, current.value);
    const input = prepared.ok ? await sealed(c, noun, prepared.value) : prepared;
    if (!input.ok) return input;
    const replaced = await judged(c, (vantage) =>
      ask(c, (conductor) => conductor.replace(noun.kind, id, input.value, version, c.var.caller, force.value, vantage)),
    );
    if (replaced.ok || replaced.error.type !== "version-mismatch" || precondition.value.kind === "versions") return replaced;
  }
  return fail({ type: "conflict", detail: "others are writing this resource at the same time; try again", retryAfterSeconds: 1 });
}

/** About what a write takes. */
const pauseMs = 20;

const expectedVersion = (precondition: Precondition, version: number): number | null => (precondition.kind === "versions" ? version : null);

/** The client's words in the resource's own, less what it may only send back. */
function received<K extends Kind>(noun: Noun<K>, body: JsonObject): Result<JsonObject, Problem> {
  const adapted = noun.adapt?.(body) ?? ok(body);
  return adapted.ok ? ok(withoutReadOnly(noun, adapted.value)) : adapted;
}

export function withoutReadOnly<K extends Kind>(noun: Noun<K>, body: JsonObject): JsonObject {
  const readOnly: readonly string[] = [...readOnlyFields, ...noun.readOnly];
  return Object.fromEntries(
    Object.entries(body).filter(([field, value]) => {
      if (readOnly.includes(field) || noun.returned?.(field, value)) return false;
      return !(Object.hasOwn(noun.constants, field) && JSON.stringify(noun.constants[field]) === JSON.stringify(value));
    }),
  );
}

function immutableErrors<K extends Kind>(noun: Noun<K>, sent: JsonObject, current: JsonObject): Problem | null {
  return unprocessableIf(
    Object.entries(noun.immutable).flatMap(([field, canonical]) => {
      const value = canonical(sent[field]);
      return value === null || value === current[field]
        ? []
        : [{ pointer: `/${field}`, detail: `cannot be changed from ${current[field]}` }];
    }),
  );
}

export function answerOne<K extends Kind>(
  c: ApiContext,
  noun: Noun<K>,
  result: Result<Stored<K>, Problem>,
  status: 200 | 201 | 202 = 200,
): Response {
  if (!result.ok) return answerProblem(c, result.error);
  const resource = result.value;
  const tag = entityTag(resource.version, noun.revision(resource));
  const reading = c.req.method === "GET" || c.req.method === "HEAD";
  if (reading && holdsAlready(c, tag)) return c.body(null, 304, { ETag: tag });
  const headers = { ETag: tag, ...(status === 201 ? { Location: originOf(c) + noun.path(resource) } : {}) };
  return c.json(noun.render(resource, originOf(c)), status, headers);
}
