/**
 * One project's decisions, composed: observations and configuration in, plans, statuses and history out. No clock, no storage, no network:
 * the Engine hands in the time, stores what `drain` lists, and carries the plans out. A change runs from members through pools to GSLBs,
 * and only as far as something moved.
 */

import type { WriteFailure } from "../../domain/backend.ts";
import type { Member } from "../../domain/member.ts";
import type { CheckReport } from "../../domain/observation.ts";
import { type Candidate, type PoolHealth, poolHealth, poolStatus } from "../../domain/pool-health.ts";
import { confirm, type Publication, refuse } from "../../domain/publish.ts";
import type { Configuration, Confirmation, WriteBack } from "../rpc.ts";
import { Catalog } from "./catalog.ts";
import { Doubts } from "./doubts.ts";
import { type EventDraft, event, memberReason, severityOf, votesFor } from "./evidence.ts";
import { type Judged, observe, restart, standIn, statusOf } from "./judging.ts";
import { sayWritten, takeNames } from "./names.ts";
import { isBlind } from "./silence.ts";
import { type GslbState, type MemberState, newMember, newPool, type PoolState, publicationKey } from "./state.ts";
import { adopt, steerGslb } from "./steer-gslb.ts";
import { VantageWatch } from "./vantage-watch.ts";
import { newDraft } from "./write-back.ts";

/** What has to be stored, or told to the Conductor, since the last `drain`. */
export type Changes = {
  readonly members: ReadonlySet<string>;
  readonly pools: ReadonlySet<string>;
  readonly gslbs: ReadonlySet<string>;
  readonly publications: ReadonlySet<string>;
  readonly writeBack: WriteBack;
};

export class Project {
  readonly catalog: Catalog;
  readonly members = new Map<string, MemberState>();
  readonly pools = new Map<string, PoolState>();
  readonly gslbs = new Map<string, GslbState>();
  readonly publications = new Map<string, Publication>();
  epoch = 0;
  /** Whether most of what is monitored is stale. */
  blind = false;
  /** Unix ms before which nobody is called blind: after the system was away the regions need a while to be heard again. */
  listensUntil = 0;
  /** When this Engine started, Unix ms. */
  startedAt = 0;
  readonly touched = { members: new Set<string>(), pools: new Set<string>(), gslbs: new Set<string>(), publications: new Set<string>() };
  /** GSLBs to steer again, pools to count again: emptied by `settle`. */
  private readonly dirtyPools = new Set<string>();
  private readonly dirtyGslbs = new Set<string>();
  /** Pools as they were last counted, until something in them moves: each is counted once however many GSLBs use it. */
  private readonly counted = new Map<string, PoolHealth>();
  private readonly doubts = new Doubts();
  readonly vantage = new VantageWatch();
  private draft = newDraft();
  private readonly newId: () => string;

  constructor(regions: readonly string[], newId: () => string) {
    this.catalog = new Catalog(regions);
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

    takeNames(this, configuration, taken.goneGslbs);
    for (const id of taken.members) this.rejudge(id, now);
    for (const id of [...taken.pools, ...taken.gonePools]) this.poolMoved(id);
    for (const id of taken.gslbs) this.dirtyGslbs.add(id);
    for (const { id, action } of configuration.gslbs) {
      const state = this.gslbs.get(id);
      // The Conductor does not know that it is settled, whatever was said before.
      if (state !== undefined && action !== "NONE") state.settledVersion = 0;
    }
    this.settle(now);
    for (const kind of ["pool", "pool_member"] as const) {
      for (const resource of kind === "pool" ? configuration.pools : configuration.members) {
        if (resource.action !== "NONE") this.draft.settled.push({ kind, id: resource.id, version: resource.version });
      }
    }
  }

  /** The deployment's regions changed: who is checked from them is judged anew. */
  setRegions(regions: readonly string[], now: number): void {
    this.catalog.regions = regions;
    for (const id of this.catalog.members.keys()) this.rejudge(id, now);
    this.settle(now);
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
        if (heard.endpointChanged) this.memberMoved(judged, state, now);
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
  tick(now: number): void {
    for (const [id, state] of this.members) {
      if (state.replaced === null || (state.replaced.until > now && standIn(state, now) !== null)) continue;
      state.replaced = null;
      this.touched.members.add(id);
      const member = this.catalog.members.get(id);
      if (member !== undefined) this.poolMoved(member.pool_id);
    }
    this.doubts.forget(now);
    this.vantage.look(this, now);
    const blind = this.vantage.blind || (now < this.listensUntil ? this.blind : isBlind(this, now));
    if (blind !== this.blind) {
      this.blind = blind;
      const why = this.vantage.blind ? "more than half of the regions disagree with the others" : "no fresh result for most members";
      const reason = blind ? `${why}: what was decided is held` : "results come in again, and the regions agree";
      this.say(now, { kind: "blind", severity: blind ? "critical" : "info", from: String(!blind), to: String(blind), rule: "4", reason });
    }
    for (const [id, state] of this.gslbs) if (!state.gateOpen && state.readySince !== null) this.dirtyGslbs.add(id);
    this.settle(now);
  }

  /** When `tick` has something to do next, Unix ms; null: nothing is waiting for time to pass. */
  nextTick(gateEnd: (gslbId: string) => number | null): number | null {
    const times: number[] = [];
    for (const state of this.members.values()) if (state.replaced !== null) times.push(state.replaced.until);
    for (const id of this.gslbs.keys()) {
      const end = gateEnd(id);
      if (end !== null) times.push(end);
    }
    return times.length === 0 ? null : Math.min(...times);
  }

  written(key: string, number: number, failure: WriteFailure | null, now: number, random: number): void {
    const publication = this.publications.get(key);
    if (publication === undefined) return;
    const next = failure === null ? confirm(publication, number, now) : refuse(publication, number, failure, now, random);
    this.publish(next);
    sayWritten(this, publication, next, number, failure, now);
    const { gslbId } = publication;
    if (this.catalog.gslbs.has(gslbId)) this.dirtyGslbs.add(gslbId);
    this.settle(now);
  }

  /** What changed since the last call; the caller stores it. */
  drain(): Changes {
    const take = (set: Set<string>) => {
      const copy = new Set(set);
      set.clear();
      return copy;
    };
    const { members, pools, gslbs, publications } = this.touched;
    const changes = {
      members: take(members),
      pools: take(pools),
      gslbs: take(gslbs),
      publications: take(publications),
      writeBack: this.draft,
    };
    this.draft = newDraft();
    return changes;
  }

  judged(memberId: string): Judged | null {
    const member = this.catalog.members.get(memberId);
    const pool = member === undefined ? undefined : this.catalog.pools.get(member.pool_id);
    if (member === undefined || pool === undefined) return null;
    return {
      member,
      monitors: this.catalog.monitorsOf(member),
      regionsOf: (monitor) => this.catalog.regionsOf(monitor),
      sickFor: (endpoint) => this.vantage.sickFor(endpoint),
      blind: this.vantage.blind,
      quorum: { quorumPercent: pool.quorum_percent, minRegions: pool.min_regions },
      startedAt: this.startedAt,
    };
  }

  candidates(poolId: string, now: number): Candidate[] {
    return this.catalog.membersOf(poolId).map((member) => {
      const state = this.members.get(member.id);
      const up = member.endpoints.filter((endpoint) => state?.endpoints[endpoint]?.state === "up");
      const old = up.length === 0 && state !== undefined ? standIn(state, now) : null;
      return {
        id: member.id,
        status: state?.status ?? "PENDING",
        adminStateUp: member.admin_state_up,
        weight: member.weight,
        judged: state !== undefined && state.status !== "PENDING",
        up: old === null ? up : [old],
        all: old === null ? member.endpoints : [old],
      };
    });
  }

  health(poolId: string, now: number): PoolHealth {
    const known = this.counted.get(poolId);
    if (known !== undefined) return known;
    const health = poolHealth(this.candidates(poolId, now), this.catalog.pools.get(poolId)?.min_healthy_percent ?? 0);
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

  private rejudge(id: string, now: number): void {
    const judged = this.judged(id);
    if (judged === null) return;
    const fingerprint = this.catalog.fingerprintOf(judged.member);
    const state = this.members.get(id) ?? newMember(now, "");
    this.members.set(id, state);
    const known = Object.keys(state.endpoints);
    const same = known.length === judged.member.endpoints.length && known.every((endpoint) => judged.member.endpoints.includes(endpoint));
    // Most members of a pool that changed are as they were: they cost nothing.
    if (same && state.fingerprint === fingerprint) return;
    restart(state, judged, fingerprint, now);
    this.touched.members.add(id);
    this.memberMoved(judged, state, now);
  }

  private memberMoved({ member, ...judged }: Judged, state: MemberState, now: number): void {
    this.poolMoved(member.pool_id);
    this.touched.members.add(member.id);
    const status = statusOf(state, member);
    const from = state.status;
    if (status === from) return;
    const votes = votesFor(state, { member, ...judged }, now);
    const reason = memberReason(status, votes, { member, ...judged });
    Object.assign(state, { status, since: now, reason });
    const evidence = { quorum_percent: judged.quorum.quorumPercent, min_regions: judged.quorum.minRegions, votes };
    const ids = { pool_id: member.pool_id, member_id: member.id };
    this.say(now, {
      kind: "member_status",
      severity: severityOf("member", status),
      ...ids,
      from,
      to: status,
      rule: "quorum",
      reason,
      evidence,
    });
  }

  private poolMoved(id: string): void {
    this.counted.delete(id);
    this.dirtyPools.add(id);
  }

  /** Members moved: count their pools, steer the GSLBs of those. */
  private settle(now: number): void {
    const pools = [...this.dirtyPools];
    this.dirtyPools.clear();
    for (const id of pools) {
      const pool = this.catalog.pools.get(id);
      if (pool === undefined) continue;
      const state = this.pools.get(id) ?? newPool(now);
      this.pools.set(id, state);
      const health = this.health(id, now);
      const status = poolStatus(state.status, health, this.catalog.membersOf(id).length);
      const numbers = { enabled: health.enabled.length, healthy: health.healthy.length, needed: health.needed };
      const reason = `${numbers.healthy} of ${numbers.enabled} enabled members healthy, ${numbers.needed} needed`;
      if (status !== state.status) {
        const { status: from } = state;
        this.say(now, {
          kind: "pool_status",
          severity: severityOf("pool", status),
          pool_id: id,
          from,
          to: status,
          rule: "usable",
          reason,
          evidence: numbers,
        });
        Object.assign(state, { status, since: now });
      }
      state.reason = reason;
      this.touched.pools.add(id);
      for (const gslb of this.catalog.gslbsOf(id)) this.dirtyGslbs.add(gslb);
    }
    const gslbs = [...this.dirtyGslbs];
    this.dirtyGslbs.clear();
    const movedPools = new Set(pools);
    for (const id of gslbs) for (const pool of steerGslb(this, id, now)) movedPools.add(pool);
    for (const id of movedPools) this.reportPool(id, now);
  }

  /** Tells the Conductor what it does not know yet of a pool and its members. */
  private reportPool(id: string, now: number): void {
    const state = this.pools.get(id);
    if (state === undefined || !this.catalog.pools.has(id)) return;
    if (state.reported !== state.status) {
      state.reported = state.status;
      this.touched.pools.add(id);
      this.report({ kind: "pool", id, status: state.status });
    }
    const healthy = new Set(this.health(id, now).healthy.map((member) => member.id));
    const served = new Set(this.catalog.gslbsOf(id).flatMap((gslb) => this.gslbs.get(gslb)?.memberIds ?? []));
    for (const member of this.catalog.membersOf(id)) this.reportMember(member, healthy.has(member.id) || served.has(member.id));
  }

  private reportMember(member: Member, inRotation: boolean): void {
    const state = this.members.get(member.id);
    if (state === undefined) return;
    const reported = `${state.status} ${inRotation}`;
    if (state.reported === reported) return;
    state.reported = reported;
    this.touched.members.add(member.id);
    this.report({ kind: "pool_member", id: member.id, status: state.status, in_rotation: inRotation });
  }
}
