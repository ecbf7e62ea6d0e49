/**
 * One project's decisions, composed: observations and configuration in, plans, statuses and history out. No clock, no storage, no network:
 * the Engine hands in the time, stores what `drain` lists, and carries the plans out. A change runs from members through pools to GSLBs,
 * and only as far as something moved.
 */

import type { WriteFailure } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import type { CheckReport } from "../../domain/observation.ts";
import type { Override } from "../../domain/override.ts";
import { type PoolHealth, poolHealth } from "../../domain/pool-health.ts";
import type { Problem } from "../../domain/problem.ts";
import { confirm, type Publication, refuse } from "../../domain/publish.ts";
import { type Resolve, unresolved } from "../../domain/records.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Caller, Configuration, Confirmation, Preflight, WriteBack } from "../rpc.ts";
import { adopt, standInForUnread } from "./adopt.ts";
import { Catalog } from "./catalog.ts";
import { Doubts } from "./doubts.ts";
import { type EventDraft, event } from "./evidence.ts";
import { type Backends, noBackends } from "./flavors.ts";
import { everyKey, lookAgain, setMemberTimer, setTimers } from "./holding.ts";
import { type Judged, observe } from "./judging.ts";
import { memberMoved, rejudge } from "./member-status.ts";
import { sayWritten, takeNames, type WriteFacts } from "./names.ts";
import { lookAtOverride, poolsOf, preflight } from "./overrides.ts";
import { Passive } from "./passive.ts";
import { candidatesOf, countPool, releasePool, reportPool, rulesOf } from "./pools.ts";
import { staleness } from "./silence.ts";
import { type GslbState, type MemberState, type OverrideState, type PoolState, publicationKey } from "./state.ts";
import { sendBack, steerGslb } from "./steer-gslb.ts";
import { Timers } from "./timers.ts";
import { reportAgain } from "./told.ts";
import { VantageWatch } from "./vantage-watch.ts";
import { lookForWarnings } from "./warnings.ts";
import { newDraft } from "./write-back.ts";

/** What has to be stored, or told to the Conductor, since the last `drain`. */
export type Changes = {
  readonly members: ReadonlySet<string>;
  readonly pools: ReadonlySet<string>;
  readonly gslbs: ReadonlySet<string>;
  readonly publications: ReadonlySet<string>;
  readonly overrides: ReadonlySet<string>;
  readonly writeBack: WriteBack;
};

export class Project {
  readonly catalog: Catalog;
  readonly members = new Map<string, MemberState>();
  readonly pools = new Map<string, PoolState>();
  readonly gslbs = new Map<string, GslbState>();
  readonly publications = new Map<string, Publication>();
  readonly overrides = new Map<string, OverrideState>();
  /** What waits for time to pass: `member`, `pool`, `gslb` or `override`, and an id. */
  readonly timers = new Timers();
  /** Who is behind what is happening: what people do is published first, and is no flap. */
  cause: "operator" | "automatic" = "automatic";
  epoch = 0;
  /** Whether most of what is monitored is stale. */
  blind = false;
  /** Unix ms before which nobody is called blind: after the system was away the regions need a while to be heard again. */
  listensUntil = 0;
  /** When this Engine started, Unix ms. */
  startedAt = 0;
  readonly touched = {
    members: new Set<string>(),
    pools: new Set<string>(),
    gslbs: new Set<string>(),
    publications: new Set<string>(),
    overrides: new Set<string>(),
  };
  private lastTick = 0;
  /** GSLBs to steer again, pools to count again: emptied by `settle`. */
  private readonly dirtyPools = new Set<string>();
  private readonly dirtyGslbs = new Set<string>();
  /** Pools as they were last counted, until something in them moves: each is counted once however many GSLBs use it. */
  private readonly counted = new Map<string, PoolHealth>();
  private readonly doubts = new Doubts();
  readonly vantage = new VantageWatch();
  readonly passive = new Passive(this);
  /** What is known of the flavors. */
  backends: Backends = noBackends;
  /** What host names come to. */
  resolve: Resolve = unresolved;
  /** Members that are warned of. */
  readonly warned = new Set<string>();
  private draft = newDraft();
  private readonly newId: () => string;

  constructor(regions: readonly string[], newId: () => string, allowPrivate?: string) {
    this.catalog = new Catalog(regions, allowPrivate);
    this.newId = newId;
  }

  /** Takes a configuration in. `empty`: this Engine has no state of its own and goes on from what the Conductor knows. */
  configure(configuration: Configuration, empty: boolean, now: number): void {
    this.epoch = Math.max(this.epoch, configuration.epoch);
    const taken = this.catalog.take(configuration);
    for (const { id } of taken.goneMembers) if (this.members.delete(id)) this.touched.members.add(id);
    for (const id of taken.gonePools) if (this.pools.delete(id)) this.touched.pools.add(id);
    for (const { id } of taken.goneGslbs) if (this.gslbs.delete(id)) this.touched.gslbs.add(id);
    if (empty) adopt(this, configuration, now);
    reportAgain(this, configuration);

    for (const id of takeNames(this, configuration, taken.goneGslbs, now)) this.dirtyGslbs.add(id);
    this.cause = "operator";
    for (const id of taken.members) rejudge(this, id, now);
    this.passive.configured(taken.members, now);
    for (const id of [...taken.pools, ...taken.gonePools]) this.poolMoved(id);
    for (const one of taken.goneOverrides) {
      this.timers.set(`override ${one.id}`, null);
      if (this.overrides.delete(one.id)) this.touched.overrides.add(one.id);
      for (const pool of poolsOf(this, one)) this.poolMoved(pool);
    }
    for (const { id } of taken.overrides) lookAtOverride(this, id, now, empty);
    // A failback delay may be another one now.
    for (const id of taken.members) setMemberTimer(this, id, now);
    for (const id of taken.gslbs) this.dirtyGslbs.add(id);
    for (const { id, action } of configuration.gslbs) {
      const state = this.gslbs.get(id);
      // The Conductor does not know that it is settled, whatever was said before.
      if (state !== undefined && action !== "NONE") state.settledVersion = 0;
    }
    this.settle(now);
    this.cause = "automatic";
    for (const kind of ["pool", "pool_member"] as const) {
      for (const resource of kind === "pool" ? configuration.pools : configuration.members) {
        if (resource.action !== "NONE") this.draft.settled.push({ kind, id: resource.id, version: resource.version });
      }
    }
  }

  /** After a start: what waits for time to pass is known again, and what could not be read is made anew. */
  resume(now: number): void {
    for (const id of standInForUnread(this, now)) rejudge(this, id, now);
    for (const id of this.catalog.gslbs.keys()) if (!this.gslbs.has(id)) this.dirtyGslbs.add(id);
    setTimers(this, now);
    this.passive.start(now);
    for (const [id, { warning }] of this.members) if (warning !== null) this.warned.add(id);
    if (this.dirtyGslbs.size + this.dirtyPools.size > 0) this.timers.set("start", now);
  }

  /** What the deployment's vantage points are, or can do, changed: who is checked by others now is judged anew. */
  setRegions(regions: readonly string[], allowPrivate: string | undefined, now: number): void {
    this.catalog.setRegions(regions, allowPrivate);
    for (const id of this.catalog.members.keys()) rejudge(this, id, now);
    this.settle(now);
  }

  /** What their answers depend on, beside health and configuration, is something else now. */
  steerAgain(gslbIds: readonly string[], now: number): void {
    for (const id of gslbIds) this.dirtyGslbs.add(id);
    this.settle(now);
  }

  /** A heartbeat. False: nobody waits for it. */
  beat(monitorId: string, memberId: string | null, now: number): boolean {
    const isExpected = this.passive.beat(monitorId, memberId, now);
    this.settle(now);
    return isExpected;
  }

  /** `confirmations`: what every region should look at again at once (rule 6). */
  observe(reports: readonly CheckReport[], now: number): { readonly counted: number; readonly confirmations: readonly Confirmation[] } {
    let counted = 0;
    const confirmations: Confirmation[] = [];
    const judgedById = new Map<string, Judged | null>();
    // Before anything is judged by what was heard last.
    this.vantage.look(this, now);
    for (const report of reports) {
      for (const observation of report.observations) {
        const state = this.members.get(observation.member_id);
        if (state === undefined) continue;
        let judged = judgedById.get(observation.member_id);
        if (judged === undefined) {
          judged = this.judged(observation.member_id);
          judgedById.set(observation.member_id, judged);
        }
        if (judged === null) continue;
        const heard = observe(state, judged, report, observation, now);
        if (heard.counted) counted += 1;
        if (observation.outcome === "fail" && heard.significant) this.vantage.suspect();
        if (heard.significant) this.touched.members.add(observation.member_id);
        if (heard.endpointChanged || (heard.mayWarn && lookForWarnings(this, judged, state, now))) memberMoved(this, judged, state, now);
        const { doubt } = heard;
        const { member_id, endpoint, monitor_id, monitor_version } = observation;
        const mayAsk = () => this.doubts.mayAsk(`${doubt} ${member_id} ${monitor_id} ${endpoint}`, heard.delayMs, now);
        if (doubt !== null && mayAsk()) confirmations.push({ member_id, endpoint, monitor_id, monitor_version, doubt });
      }
    }
    this.vantage.look(this, now);
    this.settle(now);
    return { counted, confirmations };
  }

  /** What time alone changes: gates that open, addresses whose time is over. */
  tick(now: number, wasSetBack = now < this.lastTick - limits.clockBackMs): void {
    // The clock was set: no time means what it did, and what was over may not be.
    const due = wasSetBack ? everyKey(this) : this.timers.due(now);
    this.lastTick = now;
    if (wasSetBack) this.passive.wasAway(now);
    const isPeoples = (key: string) => key.startsWith("override ");
    for (const key of due.filter(isPeoples)) lookAgain(this, key, now);
    // What people said before is one thing, what time and the checks say another.
    if (this.cause === "operator") this.asOperator(now);
    for (const key of due) if (!isPeoples(key) && lookAgain(this, key, now)) this.dirtyGslbs.add(key.slice(key.indexOf(" ") + 1));
    this.doubts.forget(now);
    this.vantage.look(this, now);
    this.passive.tick(now);
    for (const id of this.warned) this.lookAtWarned(id, now);
    const seen = staleness(this, now);
    const blind = this.vantage.blind || (now < this.listensUntil ? this.blind : seen.stale * 2 > seen.monitored);
    if (blind !== this.blind) {
      this.blind = blind;
      const why = this.vantage.blind ? "more than half of the regions disagree with the others" : "no fresh result for most members";
      const reason = blind ? `${why}: what was decided is held` : "results come in again, and the regions agree";
      this.say(now, {
        kind: "blind",
        severity: blind ? "critical" : "info",
        from: String(!blind),
        to: String(blind),
        rule: "blind",
        reason,
        evidence: { ...seen, regions_disagree: this.vantage.blind },
      });
    }
    for (const [id, state] of this.gslbs) if (!state.gateOpen && state.readySince !== null) this.dirtyGslbs.add(id);
    this.settle(now);
  }

  /** When `tick` has something to do next, Unix ms; null: nothing is waiting for time to pass. */
  nextTick(): number | null {
    return this.timers.next();
  }

  /** What an override would do if it began now. */
  preflight(override: Override, now: number): Preflight {
    return preflight(this, override, now);
  }

  /** Lets go what the removal budget holds in a pool; of one that is not known, nothing. */
  release(poolId: string, now: number, by: Caller): void {
    if (releasePool(this, poolId, by.name, now)) this.asOperator(now);
  }

  /** Sends traffic back to the preferred pool; of a GSLB that is not known, none. */
  failback(gslbId: string, now: number, by: Caller): Result<null, Problem> {
    const sent = sendBack(this, gslbId, by.name, now);
    if (sent === null) return ok(null);
    if (sent === "automatic") return fail({ type: "unprocessable", detail: "failback is auto: traffic goes back by itself", errors: [] });
    if (sent !== "sent") return fail({ type: "conflict", detail: sent.reason });
    this.dirtyGslbs.add(gslbId);
    this.asOperator(now);
    return ok(null);
  }

  endOverride(id: string, reason: string): void {
    this.draft.ended.push({ override_id: id, reason });
  }

  /** What came of a write. `seen`: it was read back, or nobody can; `batch`: what went out with it. */
  written(
    key: string,
    number: number,
    failure: WriteFailure | null,
    now: number,
    random: number,
    facts: WriteFacts = { seen: true },
  ): void {
    const publication = this.publications.get(key);
    if (publication === undefined) return;
    const next = failure === null ? confirm(publication, number, now, facts.seen) : refuse(publication, number, failure, now, random);
    sayWritten(this, publication, next, number, failure, facts, now);
    this.became(next, now);
  }

  /** A publication is another one by a write or a reading; the status of its GSLB may follow. */
  became(next: Publication, now: number): void {
    this.publish(next);
    if (this.catalog.gslbs.has(next.gslbId)) this.dirtyGslbs.add(next.gslbId);
    this.settle(now);
  }

  /** What changed since the last call; the caller stores it. */
  drain(): Changes {
    const take = (set: Set<string>) => {
      const copy = new Set(set);
      set.clear();
      return copy;
    };
    const { members, pools, gslbs, publications, overrides } = this.touched;
    const changes = {
      members: take(members),
      pools: take(pools),
      gslbs: take(gslbs),
      publications: take(publications),
      overrides: take(overrides),
      writeBack: this.draft,
    };
    this.draft = newDraft();
    return changes;
  }

  judged(memberId: string): Judged | null {
    const member = this.catalog.members.get(memberId);
    const pool = member === undefined ? undefined : this.catalog.pools.get(member.pool_id);
    if (member === undefined || pool === undefined) return null;
    const roster = this.catalog.rosterOf(member);
    return {
      member,
      monitors: roster.monitors,
      voters: roster.voters,
      regionsOf: (monitor, endpoint) => roster.regionsFor(monitor, endpoint),
      unable: (monitor, endpoint) => this.catalog.unable(member, endpoint, monitor),
      unresolved: this.catalog.unresolved.get(memberId) ?? null,
      sickFor: (endpoint) => this.vantage.sickFor(endpoint),
      blind: this.vantage.blind,
      quorum: { quorumPercent: pool.quorum_percent, minRegions: pool.min_regions },
      startedAt: this.startedAt,
    };
  }

  health(poolId: string, now: number): PoolHealth {
    const known = this.counted.get(poolId);
    if (known !== undefined) return known;
    const health = poolHealth(candidatesOf(this, poolId, now), rulesOf(this, poolId));
    this.counted.set(poolId, health);
    return health;
  }

  publish(publication: Publication): void {
    const key = publicationKey(publication.flavor, publication.fqdn);
    if (this.publications.get(key) === publication) return;
    this.publications.set(key, publication);
    this.touched.publications.add(key);
  }

  say(now: number, draft: EventDraft): void {
    this.draft.events.push(event(this.newId(), now, draft));
  }

  report(status: WriteBack["statuses"][number]): void {
    this.draft.statuses.push(status);
  }

  unpublished(gslbId: string, flavor: string): void {
    this.draft.unpublished.push({ gslb_id: gslbId, flavor });
  }

  forget(publicationKey: string): void {
    this.publications.delete(publicationKey);
    this.touched.publications.add(publicationKey);
  }

  settled(kind: "gslb", id: string, version: number): void {
    this.draft.settled.push({ kind, id, version });
  }

  /** Counts and steers what somebody's word changed. */
  private asOperator(now: number): void {
    this.cause = "operator";
    this.settle(now);
    this.cause = "automatic";
  }

  /** Who warned may not be heard any more. */
  private lookAtWarned(id: string, now: number): void {
    const [judged, state] = [this.judged(id), this.members.get(id)];
    if (judged === null || state === undefined) this.warned.delete(id);
    else if (lookForWarnings(this, judged, state, now)) memberMoved(this, judged, state, now);
  }

  /** What is known of the pool's count does not hold any more. */
  recount(id: string): void {
    this.counted.delete(id);
  }

  poolMoved(id: string): void {
    this.counted.delete(id);
    this.dirtyPools.add(id);
  }

  /** Members moved: count their pools, steer the GSLBs of those. */
  private settle(now: number): void {
    const pools = [...this.dirtyPools];
    this.dirtyPools.clear();
    for (const id of pools) {
      if (!this.catalog.pools.has(id)) continue;
      countPool(this, id, now);
      for (const gslb of this.catalog.gslbsOf(id)) this.dirtyGslbs.add(gslb);
    }
    const gslbs = [...this.dirtyGslbs];
    this.dirtyGslbs.clear();
    const movedPools = new Set(pools);
    for (const id of gslbs) for (const pool of steerGslb(this, id, now)) movedPools.add(pool);
    for (const id of movedPools) reportPool(this, id, now);
  }
}
