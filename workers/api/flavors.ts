/** `/v0.1/flavors`: the backends that names can be published to, by their names. `edge` is built in, and is what it is. */
import type { Hono } from "hono";
import { builtInFlavors, type Flavor, type FlavorWrite } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Sealed } from "../../durable-objects/rpc-backends.ts";
import type { ApiEnv } from "./bindings.ts";
import { readNothing, readObject } from "./body.ts";
import { entityTag, holdsAlready, meets, readIfMatch, versionMismatch } from "./conditional.ts";
import type { ApiContext } from "./context.ts";
import { credentialsProblem, patched, prepareFlavor, sealCredentials, testFlavor, writable } from "./flavor-body.ts";
import type { JsonObject } from "./json.ts";
import { askFlavors } from "./known-flavors.ts";
import { answerPage, notStored, pageOf } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { pagingParameters, readFlag, readPaging } from "./query.ts";
import { paths, renderFlavor } from "./render.ts";
import { originOf } from "./resource.ts";
import { route } from "./route.ts";

export function flavorRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/flavors", { GET: { query: pagingParameters, handle: list }, POST: { handle: create } });
  route(app, "/v0.1/flavors/:name", {
    GET: { tagged: true, handle: async (c) => answer(c, await find(c)) },
    PUT: { tagged: true, query: ["force"], handle: (c) => write(c, (_current, body) => ok(writable(body))) },
    PATCH: { tagged: true, query: ["force"], handle: (c) => write(c, patched) },
    DELETE: { tagged: true, handle: remove },
  });
  route(app, "/v0.1/flavors/:name/test", { POST: { handle: test } });
}

async function list(c: ApiContext): Promise<Response> {
  const paging = readPaging(c);
  if (!paging.ok) return answerProblem(c, paging.error);
  const made = await askFlavors(c, (flavors) => flavors.flavors());
  if (!made.ok) return answerProblem(c, made.error);
  const all: readonly Flavor[] = [...builtInFlavors, ...made.value.map(unsealed)];
  const page = pageOf(all, ({ name }) => name, paging.value);
  if (!page.ok) return answerProblem(c, page.error);
  const flavors = page.value.items.map((flavor) => renderFlavor(flavor, originOf(c)));
  return answerPage(c, "flavors", flavors, { next: page.value.next, total: all.length });
}

async function create(c: ApiContext): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const input = prepareFlavor(writable(body.value), c.env.settings, null);
  if (!input.ok) return answerProblem(c, input.error);
  if (builtIn(input.value.name) !== null) return answerProblem(c, { type: "conflict", detail: `${input.value.name} is built in` });
  const sealed = await sealCredentials(input.value, null, c.env.settings);
  if (!sealed.ok) return answerProblem(c, sealed.error);
  const made = await askFlavors(c, (flavors) => flavors.createFlavor(stored(input.value, sealed.value), c.var.caller));
  return answer(c, made, 201);
}

/** PUT and PATCH; without If-Match tried again where somebody else wrote in between. */
async function write(c: ApiContext, wish: (current: Flavor, body: JsonObject) => Result<JsonObject, Problem>): Promise<Response> {
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  for (let attempt = 0; attempt < limits.patchAttempts; attempt += 1) {
    const written = await writeOnce(c, (current) => wish(current, body.value));
    const isOvertaken = !written.ok && written.error.type === "version-mismatch" && c.req.header("If-Match") === undefined;
    if (!isOvertaken) return answer(c, written);
  }
  return answerProblem(c, { type: "conflict", detail: "others are writing this flavor at the same time; try again", retryAfterSeconds: 1 });
}

async function writeOnce(c: ApiContext, wish: (current: Flavor) => Result<JsonObject, Problem>): Promise<Result<Flavor, Problem>> {
  const current = await changeable(c);
  if (!current.ok) return current;
  const { sealed: before, ...flavor } = current.value;
  const force = readFlag(c, "force");
  if (!force.ok) return force;
  const whole = wish(flavor);
  if (!whole.ok) return whole;
  const { name } = flavor;
  if (typeof whole.value.name === "string" && whole.value.name !== name) {
    return fail(unprocessable("/name", `cannot be changed from ${name}: a flavor is known by it`));
  }
  const input = prepareFlavor({ ...whole.value, name: whole.value.name ?? name }, c.env.settings, flavor);
  if (!input.ok) return input;
  const sealed = await sealCredentials(input.value, flavor, c.env.settings);
  if (!sealed.ok) return sealed;
  const next = stored(input.value, sealed.value);
  if (typeof sealed.value === "string" && !force.value) {
    const problem = await credentialsProblem(c, { ...flavor, ...next, sealed: sealed.value ?? before });
    if (problem !== null) return fail(problem);
  }
  return askFlavors(c, (flavors) => flavors.replaceFlavor(name, next, flavor.version, c.var.caller));
}

async function remove(c: ApiContext): Promise<Response> {
  const current = await changeable(c);
  if (!current.ok) return answerProblem(c, current.error);
  const { name, version } = current.value;
  const expected = c.req.header("If-Match") === undefined ? null : version;
  const removed = await askFlavors(c, (flavors) => flavors.removeFlavor(name, expected, c.var.caller));
  return removed.ok ? c.body(null, 204) : answerProblem(c, removed.error);
}

async function test(c: ApiContext): Promise<Response> {
  const unwanted = await readNothing(c, "test");
  if (unwanted !== null) return answerProblem(c, unwanted);
  const flavor = await find(c);
  if (!flavor.ok) return answerProblem(c, flavor.error);
  const tested = await testFlavor(c, flavor.value);
  return tested.ok ? c.json(tested.value, 200, notStored) : answerProblem(c, tested.error);
}

const builtIn = (name: string): Flavor | null => builtInFlavors.find((flavor) => flavor.name === name) ?? null;

async function find(c: ApiContext): Promise<Result<Sealed<Flavor>, Problem>> {
  const name = c.req.param("name") ?? "";
  const own = builtIn(name);
  if (own !== null) return ok({ ...own, sealed: null });
  const found = await askFlavors(c, (flavors) => flavors.readFlavor(name));
  return found.ok || found.error.type !== "not-found" ? found : fail(notFound("flavor"));
}

/** The flavor as If-Match wants it, where it is one that can be written at all. */
async function changeable(c: ApiContext): Promise<Result<Sealed<Flavor>, Problem>> {
  const precondition = readIfMatch(c);
  if (!precondition.ok) return precondition;
  const found = await find(c);
  if (!found.ok) return found;
  const { name, version } = found.value;
  if (builtIn(name) !== null) return fail({ type: "forbidden", detail: `the flavor ${name} is built in and stays as it is` });
  return meets(precondition.value, version) ? found : fail(versionMismatch(version));
}

const unsealed = ({ sealed: _, ...flavor }: Sealed<Flavor>): Flavor => flavor;

const stored = ({ credentials: _, ...input }: FlavorWrite, sealed: string | null | undefined) => ({ ...input, sealed });

function answer(c: ApiContext, result: Result<Flavor | Sealed<Flavor>, Problem>, status: 200 | 201 = 200): Response {
  if (!result.ok) return answerProblem(c, result.error);
  const flavor = "sealed" in result.value ? unsealed(result.value) : result.value;
  const tag = entityTag(flavor.version, 0);
  const isRead = c.req.method === "GET" || c.req.method === "HEAD";
  if (isRead && holdsAlready(c, tag)) return c.body(null, 304, { ETag: tag });
  const headers = { ETag: tag, ...(status === 201 ? { Location: originOf(c) + paths.flavor(flavor) } : {}) };
  return c.json(renderFlavor(flavor, originOf(c)), status, headers);
}
