/** `…/pool_members/{id}/override`: the shorthand for an override of one member. There is one at a time; it is shown as the member shows it. */
import type { Hono } from "hono";
import { memberOverrideWrite, type Override, overrideView } from "../../domain/override.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import { type ApiContext, ask } from "./context.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { notStored } from "./list.ts";
import { sourcesOf } from "./override-facts.ts";
import { findMember } from "./pool-members.ts";
import { planOverride } from "./preflight.ts";
import { answerProblem } from "./problem.ts";
import { readFlag } from "./query.ts";
import { route } from "./route.ts";

export function memberOverrideRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/pools/:pool_id/pool_members/:member_id/override", {
    GET: { handle: read },
    PUT: { query: ["force"], handle: put },
    DELETE: { handle: remove },
  });
}

async function read(c: ApiContext): Promise<Response> {
  const found = await standing(c);
  return found.ok ? c.json(overrideView(found.value), 200, notStored) : answerProblem(c, found.error);
}

async function put(c: ApiContext): Promise<Response> {
  const force = readFlag(c, "force");
  if (!force.ok) return answerProblem(c, force.error);
  const body = await readObject(c);
  if (!body.ok) return answerProblem(c, body.error);
  const parsed = parseFields(memberOverrideWrite, body.value, "member's override");
  if (!parsed.ok) return answerProblem(c, invalidBody(parsed.error));
  const member = await findMember(c);
  if (!member.ok) return answerProblem(c, member.error);
  const selector = { member_id: member.value.id };
  const input = { ...parsed.value, selector, starts_at: null, force: parsed.value.force || force.value };
  // One member that is too many for a percentage is its operator's to judge; none at all is not.
  const planned = await planOverride(c, input, sourcesOf(c), ["would_empty"]);
  if (!planned.ok) return answerProblem(c, planned.error);
  const stored = await ask(c, (conductor) => conductor.createOverride(input, true, c.var.caller));
  return stored.ok ? c.json(overrideView(stored.value), 200, notStored) : answerProblem(c, stored.error);
}

async function remove(c: ApiContext): Promise<Response> {
  const found = await standing(c);
  if (!found.ok) return answerProblem(c, found.error);
  const removed = await ask(c, (conductor) => conductor.removeOverride(found.value.id, c.var.caller));
  return removed.ok ? c.body(null, 204) : answerProblem(c, removed.error);
}

/** The one that stands; without one it is 404. */
async function standing(c: ApiContext): Promise<Result<Override, Problem>> {
  const member = await findMember(c);
  if (!member.ok) return member;
  const found = await ask(c, (conductor) => conductor.memberOverride(member.value.id));
  if (!found.ok) return found;
  return found.value === null ? fail(notFound("override of this member")) : ok(found.value);
}
