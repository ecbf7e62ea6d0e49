/**
 * What a deployment has by name, with credentials beside it: flavors, and OpenStack's clouds. Read, made, changed, tried and removed in one way; new
 * credentials are tried by an Engine before they take the place of those that work.
 */
import type { Hono } from "hono";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { readOnlyFields } from "../../domain/schema.ts";
import type { BackendsRpc, Sealed } from "../../durable-objects/rpc-backends.ts";
import { seal } from "../../durable-objects/seal.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { readNothing, readObject } from "./body.ts";
import { entityTag, holdsAlready, meets, readIfMatch, versionMismatch } from "./conditional.ts";
import { type ApiContext, away } from "./context.ts";
import type { JsonObject } from "./json.ts";
import { answerPage, notStored, pageOf } from "./list.ts";
import { notKept } from "./monitor-secrets.ts";
import { answerProblem, log } from "./problem.ts";
import { pagingParameters, readFlag, readPaging } from "./query.ts";
import { originOf } from "./resource.ts";
import { route } from "./route.ts";

type Named = { readonly id: string; readonly name: string; readonly version: number };
type Credentials = { readonly credentials?: Readonly<Record<string, unknown>> | null | undefined };
type Stored<Write> = Omit<Write, "credentials"> & { readonly sealed: string | null | undefined };
type Answered<T> = Promise<Result<T, Problem>>;

export type SharedNoun<Item extends Named, Write extends Credentials & { readonly name: string }> = {
  /** For people: "flavor". */
  readonly noun: string;
  /** The path's last part, and the list's field. */
  readonly collection: string;
  readonly builtIn: readonly Item[];
  path(item: Item): string;
  render(item: Item, origin: string): JsonObject;
  /** Asked of the deployment's Conductor. */
  list(c: ApiContext): Answered<readonly Sealed<Item>[]>;
  read(c: ApiContext, name: string): Answered<Sealed<Item>>;
  create(c: ApiContext, input: Stored<Write>): Answered<Item>;
  replace(c: ApiContext, name: string, input: Stored<Write>, expected: number): Answered<Item>;
  remove(c: ApiContext, name: string, expected: number | null): Answered<null>;
  /** The body, in its form and as far as this deployment can carry it out. `current`: what it replaces. */
  prepare(body: JsonObject, settings: ApiSettings, current: Item | null): Result<Write, Problem>;
  /** A merge patch on what is stored. */
  patched(current: Item, patch: JsonObject): Result<JsonObject, Problem>;
  /** Whether credentials that are left out stay those that are stored. */
  keeps(input: Write, current: Item): boolean;
  /** Where its credentials belong. */
  place(name: string): string;
  /** Asked of the Engine of the caller's project. */
  test(engine: BackendsRpc, item: Sealed<Item>): ReturnType<BackendsRpc["testFlavor"]>;
};

/** The client's words, less what it may only send back. */
export const writable = (body: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(body).filter(([field]) => !(readOnlyFields as readonly string[]).includes(field)));

export function sharedRoutes<Item extends Named, Write extends Credentials & { readonly name: string }>(
  app: Hono<ApiEnv>,
  noun: SharedNoun<Item, Write>,
): void {
  const at = `/v0.1/${noun.collection}`;
  const { list, create, answer, find, write, remove, test } = handlers(noun);
  route(app, at, { GET: { query: pagingParameters, handle: list }, POST: { handle: create } });
  route(app, `${at}/:name`, {
    GET: { tagged: true, handle: async (c) => answer(c, await find(c)) },
    PUT: { tagged: true, query: ["force"], handle: (c) => write(c, (_current, body) => ok(writable(body))) },
    PATCH: { tagged: true, query: ["force"], handle: (c) => write(c, noun.patched) },
    DELETE: { tagged: true, handle: remove },
  });
  route(app, `${at}/:name/test`, { POST: { handle: test } });
}

type Tested = { readonly ok: boolean; readonly class: string | null; readonly details: readonly string[] };

function handlers<Item extends Named, Write extends Credentials & { readonly name: string }>(noun: SharedNoun<Item, Write>) {
  async function list(c: ApiContext): Promise<Response> {
    const paging = readPaging(c);
    if (!paging.ok) return answerProblem(c, paging.error);
    const made = await noun.list(c);
    if (!made.ok) return answerProblem(c, made.error);
    const all: readonly Item[] = [...noun.builtIn, ...made.value.map(unsealed)];
    const page = pageOf(all, ({ name }) => name, paging.value);
    if (!page.ok) return answerProblem(c, page.error);
    const items = page.value.items.map((item) => noun.render(item, originOf(c)));
    return answerPage(c, noun.collection, items, { next: page.value.next, total: all.length });
  }

  async function create(c: ApiContext): Promise<Response> {
    const body = await readObject(c);
    if (!body.ok) return answerProblem(c, body.error);
    const input = noun.prepare(writable(body.value), c.env.settings, null);
    if (!input.ok) return answerProblem(c, input.error);
    if (builtIn(input.value.name) !== null) return answerProblem(c, { type: "conflict", detail: `${input.value.name} is built in` });
    const sealed = await sealCredentials(input.value, null, c.env.settings);
    if (!sealed.ok) return answerProblem(c, sealed.error);
    const made = await noun.create(c, stored(input.value, sealed.value));
    return answer(c, made, 201);
  }

  /** PUT and PATCH; without If-Match tried again where somebody else wrote in between. */
  async function write(c: ApiContext, wish: (current: Item, body: JsonObject) => Result<JsonObject, Problem>): Promise<Response> {
    const body = await readObject(c);
    if (!body.ok) return answerProblem(c, body.error);
    for (let attempt = 0; attempt < limits.patchAttempts; attempt += 1) {
      const written = await writeOnce(c, (current) => wish(current, body.value));
      const isOvertaken = !written.ok && written.error.type === "version-mismatch" && c.req.header("If-Match") === undefined;
      if (!isOvertaken) return answer(c, written);
    }
    return answerProblem(c, {
      type: "conflict",
      detail: `others are writing this ${noun.noun} at the same time; try again`,
      retryAfterSeconds: 1,
    });
  }

  async function writeOnce(c: ApiContext, wish: (current: Item) => Result<JsonObject, Problem>): Promise<Result<Item, Problem>> {
    const current = await changeable(c);
    if (!current.ok) return current;
    const before = current.value.sealed;
    const item = unsealed(current.value);
    const force = readFlag(c, "force");
    if (!force.ok) return force;
    const whole = wish(item);
    if (!whole.ok) return whole;
    const { name } = item;
    if (typeof whole.value.name === "string" && whole.value.name !== name) {
      return fail(unprocessable("/name", `cannot be changed from ${name}: a ${noun.noun} is known by it`));
    }
    const input = noun.prepare({ ...whole.value, name: whole.value.name ?? name }, c.env.settings, item);
    if (!input.ok) return input;
    const sealed = await sealCredentials(input.value, item, c.env.settings);
    if (!sealed.ok) return sealed;
    const next = stored(input.value, sealed.value);
    if (typeof sealed.value === "string" && !force.value) {
      const problem = await credentialsProblem(c, { ...item, ...next, sealed: sealed.value ?? before } as unknown as Sealed<Item>);
      if (problem !== null) return fail(problem);
    }
    return noun.replace(c, name, next, item.version);
  }

  async function remove(c: ApiContext): Promise<Response> {
    const current = await changeable(c);
    if (!current.ok) return answerProblem(c, current.error);
    const { name, version } = current.value;
    const expected = c.req.header("If-Match") === undefined ? null : version;
    const removed = await noun.remove(c, name, expected);
    return removed.ok ? c.body(null, 204) : answerProblem(c, removed.error);
  }

  async function test(c: ApiContext): Promise<Response> {
    const unwanted = await readNothing(c, "test");
    if (unwanted !== null) return answerProblem(c, unwanted);
    const item = await find(c);
    if (!item.ok) return answerProblem(c, item.error);
    const tested = await tried(c, item.value);
    return tested.ok ? c.json(tested.value, 200, notStored) : answerProblem(c, tested.error);
  }

  const builtIn = (name: string): Item | null => noun.builtIn.find((item) => item.name === name) ?? null;

  async function find(c: ApiContext): Promise<Result<Sealed<Item>, Problem>> {
    const name = c.req.param("name") ?? "";
    const own = builtIn(name);
    if (own !== null) return ok({ ...own, sealed: null });
    const found = await noun.read(c, name);
    return found.ok || found.error.type !== "not-found" ? found : fail(notFound(noun.noun));
  }

  /** The one of the path as If-Match wants it, where it is one that can be written at all. */
  async function changeable(c: ApiContext): Promise<Result<Sealed<Item>, Problem>> {
    const precondition = readIfMatch(c);
    if (!precondition.ok) return precondition;
    const found = await find(c);
    if (!found.ok) return found;
    const { name, version } = found.value;
    if (builtIn(name) !== null) return fail({ type: "forbidden", detail: `the ${noun.noun} ${name} is built in and stays as it is` });
    return meets(precondition.value, version) ? found : fail(versionMismatch(version));
  }

  const unsealed = ({ sealed: _, ...item }: Sealed<Item>): Item => item as unknown as Item;

  const stored = ({ credentials: _, ...input }: Write, sealed: string | null | undefined): Stored<Write> => ({ ...input, sealed });

  /** The credentials as they are stored: undefined: those that are there stay; null: none. */
  async function sealCredentials(
    input: Write,
    current: Item | null,
    settings: ApiSettings,
  ): Promise<Result<string | null | undefined, Problem>> {
    const { name, credentials } = input;
    if (credentials === undefined) return ok(current !== null && noun.keeps(input, current) ? undefined : null);
    if (credentials === null) return ok(null);
    const sealed = await seal(JSON.stringify(credentials), noun.place(name), settings);
    return sealed.ok ? sealed : fail(notKept(sealed.error));
  }

  /** Asked of the Engine of the caller's project. */
  async function tried(c: ApiContext, item: Sealed<Item>): Promise<Result<Tested, Problem>> {
    try {
      const tested = await noun.test(c.env.backends(c.var.project), item);
      if (tested.ok) return ok({ ok: true, class: null, details: tested.value });
      return ok({ ok: false, class: tested.error.class, details: [tested.error.detail] });
    } catch (error) {
      log(c, `the Engine did not test a ${noun.noun}`, error);
      return fail(away(`the ${noun.noun} cannot be tested now`));
    }
  }

  /** Null: they work. */
  async function credentialsProblem(c: ApiContext, item: Sealed<Item>): Promise<Problem | null> {
    const tested = await tried(c, item);
    if (!tested.ok) return tested.error;
    const { ok: works, class: kind, details } = tested.value;
    return works
      ? null
      : unprocessable("/credentials", `do not work (${kind}): ${details.join("; ")}; ?force=true takes them all the same`);
  }

  function answer(c: ApiContext, result: Result<Item | Sealed<Item>, Problem>, status: 200 | 201 = 200): Response {
    if (!result.ok) return answerProblem(c, result.error);
    const item = "sealed" in result.value ? unsealed(result.value as Sealed<Item>) : (result.value as Item);
    const tag = entityTag(item.version, 0);
    const isRead = c.req.method === "GET" || c.req.method === "HEAD";
    if (isRead && holdsAlready(c, tag)) return c.body(null, 304, { ETag: tag });
    const headers = { ETag: tag, ...(status === 201 ? { Location: originOf(c) + noun.path(item) } : {}) };
    return c.json(noun.render(item, originOf(c)), status, headers);
  }

  return { list, create, answer, find, write, remove, test };
}
