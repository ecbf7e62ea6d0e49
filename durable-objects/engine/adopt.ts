/**
 * What an Engine goes on from where it has no state of its own, or cannot read a part of it: what the Conductor wrote last, and what is
 * published. It stands, as verdicts to be judged anew and as plans to go on from; nothing is written until then (engine.md, rule 10).
 */
import { undamped } from "../../domain/damping.ts";
import type { Place } from "../../domain/geo.ts";
import type { Gslb } from "../../domain/gslb.ts";
import type { Member } from "../../domain/member.ts";
import type { AnswerSet } from "../../domain/plan.ts";
import { newPublication } from "../../domain/publish.ts";
import type { Status } from "../../domain/status.ts";
import type { KnownMember } from "../../domain/steering.ts";
import type { Verdict } from "../../domain/verdict.ts";
import type { Configuration } from "../rpc.ts";
import type { Project } from "./project.ts";
import { newGslb, newMember, newPool } from "./state.ts";

type Standing = Configuration["standing"][number];

/** Who is out has fallen at some time: the time before which it does not come back begins when it does. */
const dampingOf = (status: Status, now: number) => (status === "DOWN" ? { ...undamped, fellAt: now } : undamped);

/** What its endpoints must have been judged: where only some are up, those that are answered; where none is, a warning may have been all. */
function verdictsOf({ status, in_rotation, endpoints }: Member, live: ReadonlySet<string>): (endpoint: string) => Verdict {
  const isLive = endpoints.some((endpoint) => live.has(endpoint));
  if (status === "DEGRADED" && isLive) return (endpoint) => (live.has(endpoint) ? "up" : "down");
  if (status === "ERROR") return () => (isLive || in_rotation ? "up" : "unknown");
  return () => (status === "DOWN" ? "down" : "up");
}

/** An Engine without any state. */
export function adopt(project: Project, configuration: Configuration, now: number): void {
  const live = new Set(configuration.standing.flatMap((standing) => standing.answers.flatMap((answer) => answer.values)));
  for (const member of configuration.members) {
    if (member.status === "PENDING") continue;
    adoptMember(project, member, member.status, verdictsOf(member, live), now, `${member.status} ${member.in_rotation}`);
  }
  for (const { id, status } of configuration.pools) {
    const damping = dampingOf(status, now);
    if (status !== "PENDING") project.pools.set(id, { ...newPool(now), status, damping, reported: status });
  }
  for (const gslb of configuration.gslbs) {
    // Also where it was published and shall not be any more: it serves on there.
    const standing = configuration.standing.filter((plan) => plan.gslb_id === gslb.id && mayStand(configuration, gslb, plan.flavor));
    const [first] = gslb.flavors.flatMap((flavor) => standing.find((plan) => plan.flavor === flavor) ?? []).concat(standing);
    if (first === undefined) continue;
    const stayAt = gslb.failback === "manual" ? (first.answers[0]?.pool_id ?? null) : null;
    const lastKnown = gslb.on_all_down === "last_known" ? knownIn(configuration.members, first.answers) : [];
    const state = { status: gslb.status, reported: gslb.status, adopted: true, stayAt, lastKnown };
    project.gslbs.set(gslb.id, { ...newGslb(now), ...state });
    for (const plan of standing) adoptPlan(project, gslb, plan, now);
  }
}

/** A flavor that the GSLB has, or is to be removed from: what was left at others is nobody's. */
const mayStand = ({ tombstones }: Configuration, { id, flavors }: Gslb, flavor: string): boolean =>
  flavors.includes(flavor) || tombstones.some((tombstone) => tombstone.gslb_id === id && tombstone.flavor === flavor && tombstone.remove);

function adoptPlan(project: Project, gslb: Gslb, { flavor, epoch, plan: number, answers }: Standing, now: number): void {
  const plan = {
    gslb_id: gslb.id,
    fqdn: gslb.fqdn,
    zone: gslb.domain_name,
    flavor,
    epoch,
    number,
    decided_at: now,
    ttl: gslb.ttl,
    withdrawn: answers.length === 0,
    policy: gslb.steering_policy,
    answers: [...answers],
    ...(gslb.steering_policy === "geo" ? { places: placesIn(answers) } : {}),
    pools: [],
  };
  // The history has no pools: of a backend that may hold them it is not known what a difference means, until it was written to.
  const unsure = project.backends.provider(flavor) === null || project.backends.carriesPools(flavor);
  const base = { ...newPublication(flavor, gslb.fqdn, gslb.domain_name, gslb.id), unsure };
  project.publish({ ...base, epoch, number, confirmed: number, wanted: plan, live: { plan, at: now } });
}

/** Whose the answers are, as far as they say it: a fence holds in doubt. */
function placesIn(answers: readonly AnswerSet[]): Place[] {
  const pools = new Map(answers.map(({ pool_id, locations, geofence }) => [pool_id, { pool_id, locations, own: geofence }]));
  return [...pools.values()];
}

/** Members whose stored state could not be read: who is published goes on as up until it was judged anew, since a lost row is no evidence. */
export function standInForUnread(project: Project, now: number): string[] {
  const unread = [...project.catalog.members.values()].filter((member) => !project.members.has(member.id));
  if (unread.length === 0) return [];
  const live = new Set(
    [...project.publications.values()].flatMap((publication) => publication.live?.plan.answers.flatMap((answer) => answer.values) ?? []),
  );
  for (const member of unread) {
    if (member.endpoints.some((endpoint) => live.has(endpoint))) adoptMember(project, member, "ACTIVE", () => "up", now, "");
  }
  return unread.map((member) => member.id);
}

function adoptMember(
  project: Project,
  member: Member,
  status: Status,
  verdict: (endpoint: string) => Verdict,
  now: number,
  reported: string,
): void {
  const endpoints = Object.fromEntries(
    member.endpoints.map((endpoint) => [endpoint, { state: verdict(endpoint), rejudging: true, monitors: {} }]),
  );
  const reason = "as it stood when the Engine started without state";
  const health = status !== "ERROR" ? null : Object.values(endpoints).some(({ state }) => state === "up") ? "ACTIVE" : "PENDING";
  project.members.set(member.id, { ...newMember(now, ""), status, health, reason, endpoints, damping: dampingOf(status, now), reported });
}

/** Whose endpoints stand in these answers. */
function knownIn(members: readonly Member[], answers: readonly AnswerSet[]): KnownMember[] {
  return members.flatMap((member): KnownMember[] => {
    const values = answers.filter((answer) => answer.pool_id === member.pool_id).flatMap((answer) => answer.values);
    const endpoints = member.endpoints.filter((endpoint) => values.includes(endpoint));
    return endpoints.length === 0 ? [] : [{ poolId: member.pool_id, memberId: member.id, endpoints }];
  });
}
