/**
 * `POST /v0.1/heartbeats/{monitor_id}/{secret}`: the endpoints of a HEARTBEAT monitor say that they are alive. The secret is the whole
 * credential, so every path but the right one is answered alike. More than one beat a second of a member says nothing new and costs nothing.
 */
import type { Hono } from "hono";
import { limits } from "../../domain/limits.ts";
import { notFound, type Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { id } from "../../domain/schema.ts";
import type { ApiEnv } from "./bindings.ts";
import { overLimit } from "./client.ts";
import { type ApiContext, away } from "./context.ts";
import { sameSecret } from "./digest.ts";
import { notStored } from "./list.ts";
import { answerProblem, log } from "./problem.ts";
import { invalidQuery } from "./query.ts";
import { pathId, route } from "./route.ts";

/** Before the paths that want a token. */
export function heartbeatRoutes(app: Hono<ApiEnv>): void {
  const beats = new Beats();
  route(app, "/v0.1/heartbeats/:monitor_id/:secret", { POST: { query: ["pool_member_id"], handle: (c) => beat(c, beats) } });
}

type Owner = { readonly project_id: string; readonly secret: string };

/** What one isolate remembers of the monitors that beat. */
class Beats {
  private readonly owners = new Map<string, Owner & { readonly until: number }>();
  private readonly last = new Map<string, number>();

  owner(monitorId: string, now: number): Owner | null {
    const known = this.owners.get(monitorId);
    return known !== undefined && now < known.until ? known : null;
  }

  /** Whoever it was: a monitor's project and secret never change, and whether there still is one the Engine knows. */
  formerOwner(monitorId: string): Owner | null {
    return this.owners.get(monitorId) ?? null;
  }

  learn(monitorId: string, owner: Owner, now: number): void {
    bound(this.owners);
    this.owners.set(monitorId, { ...owner, until: now + limits.heartbeatCacheMs });
  }

  /** One that was told so shortly after another says nothing new. */
  isRepeated(key: string, now: number): boolean {
    const age = now - (this.last.get(key) ?? Number.NEGATIVE_INFINITY);
    return age >= 0 && age < limits.heartbeatMs;
  }

  told(key: string, now: number): void {
    bound(this.last);
    this.last.set(key, now);
  }
}

function bound(map: Map<string, unknown>): void {
  if (map.size >= limits.heartbeatCacheMonitors) map.clear();
}

/** No secret is this one; it is compared where there is none, so that both take the same time. */
const nobody: Owner = { project_id: "", secret: "" };
const unknown = notFound("heartbeat");

async function beat(c: ApiContext, beats: Beats): Promise<Response> {
  const refused = await overLimit(c, (client) => c.env.mayBeat(client), "heartbeats");
  if (refused !== null) return answerProblem(c, refused);
  const monitorId = pathId(c, "monitor_id");
  const member = readMember(c);
  if (!member.ok) return answerProblem(c, member.error);
  const owner = await ownerOf(c, beats, monitorId);
  if (!owner.ok) return answerProblem(c, owner.error);
  const { project_id, secret } = owner.value ?? nobody;
  const same = await sameSecret(c.req.param("secret") ?? "", secret);
  if (!same || owner.value === null) return answerProblem(c, unknown);
  const key = `${monitorId} ${member.value ?? ""}`;
  if (beats.isRepeated(key, Date.now())) return c.body(null, 204, notStored);
  try {
    const tell = () => c.env.vantage(project_id).beat(monitorId, member.value);
    // An Engine that was replaced a moment ago fails whoever asked the one before; a beat that comes twice is one.
    const awaited = await tell().catch(tell);
    if (!awaited) return answerProblem(c, unknown);
    beats.told(key, Date.now());
    return c.body(null, 204, notStored);
  } catch (error) {
    log(c, "a heartbeat was not taken", error);
    return answerProblem(c, away("the heartbeat cannot be taken now"));
  }
}

/** Also while D1 is away an endpoint that is known goes on being heard. */
async function ownerOf(c: ApiContext, beats: Beats, monitorId: string): Promise<Result<Owner | null, Problem>> {
  const known = beats.owner(monitorId, Date.now());
  if (known !== null) return ok(known);
  const found = await askForOwner(c, monitorId);
  if (found.ok && found.value !== null) beats.learn(monitorId, found.value, Date.now());
  const former = found.ok ? null : beats.formerOwner(monitorId);
  return former === null ? found : ok(former);
}

async function askForOwner(c: ApiContext, monitorId: string): Promise<Result<Owner | null, Problem>> {
  try {
    return await c.env.heartbeats().heartbeatOf(monitorId);
  } catch (error) {
    log(c, "whose heartbeat it is cannot be told", error);
    return fail(away("the heartbeat cannot be taken now"));
  }
}

function readMember(c: ApiContext): Result<string | null, Problem> {
  const given = c.req.query("pool_member_id");
  if (given === undefined) return ok(null);
  const read = id.safeParse(given);
  return read.success ? ok(read.data) : fail(invalidQuery([{ parameter: "pool_member_id", detail: "must be a UUID" }]));
}
