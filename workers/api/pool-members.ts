/** `/v0.1/pools/{id}/pool_members`, where members are made and changed, and `/v0.1/pool_members`, where they are read across pools. */
import type { Hono } from "hono";
import { limits } from "../../domain/limits.ts";
import { type MemberWrite, memberReadOnly, memberSetWrite, memberTypeOf, memberWrite } from "../../domain/member.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { id } from "../../domain/schema.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { readObject } from "./body.ts";
import { inClouds } from "./clouds.ts";
import { type ApiContext, ask } from "./context.ts";
import { memberErrors, unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { answerPage } from "./list.ts";
import { answerProblem } from "./problem.ts";
import { listParameters, readFlag } from "./query.ts";
import { paths, renderMember } from "./render.ts";
import {
  answerCreate,
  answerList,
  answerPatch,
  answerRead,
  answerRemove,
  answerReplace,
  type Belongs,
  find,
  type Noun,
  originOf,
  prepare,
  sealed,
  withoutReadOnly,
} from "./resource.ts";
import { pathId, route } from "./route.ts";
import { judged } from "./vantage.ts";

export const memberNoun: Noun<"pool_member"> = {
  kind: "pool_member",
  name: "pool member",
  collection: "pool_members",
  write: memberWrite,
  readOnly: memberReadOnly.filter((field) => field !== "override"),
  constants: {},
  // A drain that is written here must not look as if it was taken.
  returned: (field, value) => field === "override" && (value === null || (isJsonObject(value) && "override_id" in value)),
  immutable: {
    type: (value) => (typeof value === "string" ? memberTypeOf(value) : null),
  },
  seal: async (c, input) => {
    const placed = await inClouds(c, [input], () => []);
    return placed.ok ? ok({ ...input, ...placed.value[0] }) : placed;
  },
  refuse: (input, settings) => unprocessableIf(memberErrors(input, settings)),
  filters: ["name", "status", "type", "region", "tags"],
  sortKeys: ["created_at", "updated_at", "name", "status"],
  revision: (member) => member.revision,
  path: paths.member,
  render: renderMember,
};

/** The member must be of the pool in the path. */
export const ofPool = (c: ApiContext): Belongs<"pool_member"> => {
  const poolId = pathId(c, "pool_id");
  return (member) => member.pool_id === poolId;
};

export function memberRoutes(app: Hono<ApiEnv>): void {
  const listQuery = [...listParameters, ...memberNoun.filters];
  const memberId = (c: ApiContext) => pathId(c, "member_id");
  route(app, "/v0.1/pool_members", { GET: { query: listQuery, handle: (c) => answerList(c, memberNoun) } });
  route(app, "/v0.1/pool_members/:member_id", {
    GET: { tagged: true, handle: (c) => answerRead(c, memberNoun, memberId(c)) },
  });
  route(app, "/v0.1/pools/:pool_id/pool_members", {
    GET: { query: listQuery, handle: (c) => answerList(c, memberNoun, { pool_id: pathId(c, "pool_id") }) },
    POST: { handle: create },
    PUT: { query: ["additive_only", "force"], handle: replaceAll },
  });
  route(app, "/v0.1/pools/:pool_id/pool_members/:member_id", {
    GET: { tagged: true, handle: (c) => answerRead(c, memberNoun, memberId(c), ofPool(c)) },
    PUT: { tagged: true, query: ["force"], handle: (c) => answerReplace(c, memberNoun, memberId(c), ofPool(c)) },
    PATCH: { tagged: true, query: ["force"], handle: (c) => answerPatch(c, memberNoun, memberId(c), ofPool(c)) },
    DELETE: { tagged: true, query: ["force"], handle: (c) => answerRemove(c, memberNoun, memberId(c), { belongs: ofPool(c) }) },
  });
}

async function create(c: ApiContext): Promise<Response> {
  const pool_id = pathId(c, "pool_id");
  const body = await readObject(c);
  const prepared = body.ok ? prepare(memberNoun, body.value, c.env.settings) : body;
  const input = prepared.ok ? await sealed(c, memberNoun, prepared.value) : prepared;
  return answerCreate(c, memberNoun, input.ok ? ok({ ...input.value, pool_id }) : input);
}

async function replaceAll(c: ApiContext): Promise<Response> {
  const additiveOnly = readFlag(c, "additive_only");
  if (!additiveOnly.ok) return answerProblem(c, additiveOnly.error);
  const force = readFlag(c, "force");
  if (!force.ok) return answerProblem(c, force.error);
  const body = await readObject(c, limits.bulkBodyBytes);
  if (!body.ok) return answerProblem(c, body.error);
  const prepared = prepareSet(body.value, c.env.settings);
  const set = prepared.ok ? await inClouds(c, prepared.value, (index) => ["pool_members", index]) : prepared;
  if (!set.ok) return answerProblem(c, set.error);
  const stored = await judged(c, (vantage) =>
    ask(c, (conductor) =>
      conductor.replaceMembers(pathId(c, "pool_id"), set.value, additiveOnly.value, c.var.caller, force.value, vantage),
    ),
  );
  if (!stored.ok) return answerProblem(c, stored.error);
  const origin = originOf(c);
  const members = stored.value.map((member) => renderMember(member, origin));
  return answerPage(c, "pool_members", members, { next: null, total: members.length });
}

type SetElement = MemberWrite & { readonly id: string | null };

/** The whole set, or every mistake in any of its elements. */
function prepareSet(body: JsonObject, settings: ApiSettings): Result<readonly SetElement[], Problem> {
  const set = parseFields(memberSetWrite, body, "set of pool members");
  if (!set.ok) return fail(invalidBody(set.error));
  const elements: SetElement[] = [];
  const invalid: { pointer: string; detail: string }[] = [];
  const seen = new Set<string>();
  set.value.pool_members.forEach((element, index) => {
    const at = ["pool_members", index];
    const known = element.id === undefined || element.id === null ? ok(null) : parseFields(id, element.id, "pool member", [...at, "id"]);
    const member = parseFields(memberWrite, withoutReadOnly(memberNoun, element), "pool member", at);
    if (!known.ok) invalid.push(...known.error);
    else if (known.value !== null && seen.has(known.value)) {
      invalid.push({ pointer: `/pool_members/${index}/id`, detail: "must not stand twice" });
    }
    if (known.ok && known.value !== null) seen.add(known.value);
    if (!member.ok) invalid.push(...member.error);
    if (known.ok && member.ok) elements.push({ ...member.value, id: known.value });
  });
  if (invalid.length > 0) return fail(invalidBody(invalid));
  const refusal = unprocessableIf(elements.flatMap((element, index) => memberErrors(element, settings, ["pool_members", index])));
  return refusal === null ? ok(elements) : fail(refusal);
}

/** The member of the path, for what hangs below it. */
export const findMember = (c: ApiContext) => find(c, memberNoun, pathId(c, "member_id"), ofPool(c));
