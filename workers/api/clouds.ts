/**
 * `/v0.1/clouds`: OpenStack's clouds that members are read from, by their names; and which cloud a member is in, which is settled when it is
 * written, so that a cloud that is added later changes nothing.
 */
import type { Hono } from "hono";
import { type Cloud, type CloudWrite, cloudWrite } from "../../domain/cloud.ts";
import { isNeutron, type MemberWrite } from "../../domain/member.ts";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { CloudsRpc } from "../../durable-objects/rpc-backends.ts";
import { cloudPlace } from "../../durable-objects/seal.ts";
import { applicationCredential } from "../../plugins/cloud.ts";
import type { ApiEnv, ApiSettings } from "./bindings.ts";
import { type ApiContext, away } from "./context.ts";
import { unprocessableIf } from "./feasible.ts";
import { invalidBody, parseFields } from "./fields.ts";
import { calledErrors } from "./flavor-body.ts";
import { type JsonObject, pointerOf } from "./json.ts";
import { mergePatch } from "./merge-patch.ts";
import { log } from "./problem.ts";
import { paths, renderCloud } from "./render.ts";
import { type SharedNoun, sharedRoutes, writable } from "./shared-resource.ts";

/** A Worker's `fetch` trusts the public authorities, and nobody can tell it of another. */
const noAuthority =
  "cannot be kept to: a Worker's fetch trusts public authorities alone; give Keystone and the services certificates of one, or put a proxy with one before them";

function prepareCloud(body: JsonObject, settings: ApiSettings, current: Cloud | null): Result<CloudWrite, Problem> {
  const parsed = parseFields(cloudWrite, body, "cloud");
  if (!parsed.ok) return fail(invalidBody(parsed.error));
  const { credentials, ca_cert, auth_url } = parsed.value;
  if (credentials === null) return fail(invalidBody([{ pointer: "/credentials", detail: "must not be null: no cloud answers without" }]));
  if (credentials === undefined && current === null) return fail(invalidBody([{ pointer: "/credentials", detail: "is required" }]));
  const known =
    credentials === undefined ? ok(null) : parseFields(applicationCredential, credentials, "application credential", ["credentials"]);
  if (!known.ok) return fail(invalidBody(known.error));
  if (ca_cert !== null) return fail(unprocessable("/ca_cert", noAuthority));
  const refusal = unprocessableIf(calledErrors(["auth_url"], auth_url, settings));
  return refusal === null ? parsed : fail(refusal);
}

const clouds: SharedNoun<Cloud, CloudWrite> = {
  noun: "cloud",
  collection: "clouds",
  builtIn: [],
  path: paths.cloud,
  render: renderCloud,
  list: (c) => askClouds(c, (conductor) => conductor.clouds()),
  read: (c, name) => askClouds(c, (conductor) => conductor.readCloud(name)),
  create: (c, input) => askClouds(c, (conductor) => conductor.createCloud(input, c.var.caller)),
  replace: (c, name, input, expected) => askClouds(c, (conductor) => conductor.replaceCloud(name, input, expected, c.var.caller)),
  remove: (c, name, expected) => askClouds(c, (conductor) => conductor.removeCloud(name, expected, c.var.caller)),
  prepare: prepareCloud,
  patched: (current, patch) => {
    const { credentials, ...rest } = writable(patch);
    const { name, description, auth_url, interface: kind, regions, ca_cert } = current;
    const whole = mergePatch({ name, description, auth_url, interface: kind, regions, ca_cert } as JsonObject, rest);
    return ok({ ...whole, ...(credentials === undefined ? {} : { credentials }) });
  },
  keeps: () => true,
  place: cloudPlace,
  test: (engine, cloud) => engine.testCloud(cloud),
};

export const cloudRoutes = (app: Hono<ApiEnv>): void => sharedRoutes(app, clouds);

async function askClouds<T>(c: ApiContext, question: (conductor: CloudsRpc) => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
  try {
    return await question(c.env.clouds());
  } catch (error) {
    log(c, "the Conductor did not answer", error);
    return fail(away("the clouds cannot be reached now"));
  }
}

/** These with the cloud that each of them is in: the one that it names, else the only one that has its region. `at`: where they stand in the body. */
export async function inClouds<M extends MemberWrite>(
  c: ApiContext,
  members: readonly M[],
  at: (index: number) => readonly PropertyKey[],
): Promise<Result<readonly M[], Problem>> {
  if (!members.some(isNeutron)) return ok(members);
  const known = await askClouds(c, (conductor) => conductor.clouds());
  if (!known.ok) return known;
  const errors: { pointer: string; detail: string }[] = [];
  const placed = members.map((member, index) => {
    if (!isNeutron(member)) return member;
    const found = cloudOf(member, known.value);
    if (found.ok) return { ...member, parameters: { cloud: found.value } };
    errors.push({ pointer: pointerOf([...at(index), found.error.field]), detail: found.error.detail });
    return member;
  });
  const refusal = unprocessableIf(errors);
  return refusal === null ? ok(placed) : fail(refusal);
}

type Misplaced = { readonly field: string; readonly detail: string };

function cloudOf({ region, parameters }: MemberWrite, clouds: readonly Cloud[]): Result<string, Misplaced> {
  const having = clouds.filter(({ regions }) => regions.includes(region ?? ""));
  if (parameters.cloud === undefined) {
    const [only, ...others] = having;
    if (only === undefined) return fail({ field: "region", detail: `must be the region of a cloud; none of /v0.1/clouds has ${region}` });
    if (others.length === 0) return ok(only.name);
    const names = having.map(({ name }) => name).join(", ");
    return fail({ field: "parameters", detail: `must name the cloud: ${region} is a region of ${names}` });
  }
  const named = clouds.find(({ name }) => name === parameters.cloud);
  if (named === undefined) return fail({ field: "parameters", detail: `name a cloud that there is not: ${parameters.cloud}` });
  if (having.includes(named)) return ok(named.name);
  return fail({ field: "region", detail: `must be a region of the cloud ${named.name}: ${named.regions.join(", ")}` });
}
