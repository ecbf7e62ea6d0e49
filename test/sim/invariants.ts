/**
 * What must hold, whatever happens (engine.md): one function for each, asked of every row that the Engine writes and of every write that it sends
 * to a backend. Each derives what it needs anew from what was delivered and configured; none asks the Engine.
 */
import type { Change } from "../../domain/backend.ts";
import { nameOf, numberOf } from "../../domain/fence.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Member } from "../../domain/member.ts";
import type { Override } from "../../domain/override.ts";
import type { Publication } from "../../domain/publish.ts";
import type { MemberState, PoolState } from "../../durable-objects/engine/state.ts";
import type { WriteBack } from "../../durable-objects/rpc.ts";
import type { Tables } from "./conductor.ts";
import { overrideOf } from "./reference.ts";
import type { Votes } from "./votes.ts";

export type Turn = {
  readonly kind: string;
  /** "member endpoint" of which a pass or a fail is being told. */
  readonly heard: ReadonlySet<string>;
};

export type Facts = {
  /** The Engine's clock, and the true time. */
  readonly now: number;
  readonly trueNow: number;
  readonly turn: Turn;
  /** The configuration that the Engine has; null: none. */
  readonly known: Tables | null;
  readonly regions: readonly string[];
  readonly votes: Votes;
  /** When the Engine was last told something new, lost its memory, or its clock was set: what waits for an alarm may be late until a while after. */
  readonly disturbedAt: number;
  violated(invariant: string, expected: string, seen: string): void;
};

const values = (publication: Publication): readonly string[] =>
  publication.wanted === null || publication.wanted === "removed" ? [] : publication.wanted.answers.flatMap((set) => set.values);

const isPlan = (publication: Publication | undefined) =>
  publication !== undefined && publication.wanted !== null && publication.wanted !== "removed" ? publication.wanted : null;

export function planIsEmptyOnlyByWithdraw(facts: Facts, before: Publication | undefined, after: Publication): void {
  const plan = isPlan(after);
  // Where nothing can be served what is published stays, also if that was withdrawn.
  if (plan === null || values(after).length > 0 || isPlan(before)?.withdrawn === true) return;
  const gslb = facts.known?.gslb.get(plan.gslb_id);
  if (plan.withdrawn && (gslb === undefined || gslb.on_all_down === "withdraw" || plan.decided_at !== facts.now)) return;
  facts.violated("no plan is empty but by withdraw", "answers", `plan ${plan.number} of ${plan.fqdn} without any`);
}

export function numbersRise(facts: Facts, before: Publication | undefined, after: Publication): void {
  if (before === undefined) return;
  const falls = after.epoch < before.epoch || after.number < before.number || after.confirmed < before.confirmed;
  if (falls) facts.violated("numbers only rise", text(before), text(after));
  const changed = JSON.stringify(before.wanted) !== JSON.stringify(after.wanted);
  if (changed && after.wanted !== null && after.number <= before.number)
    facts.violated("another plan has a higher number", text(before), text(after));
}

/** Only plans that are decided just now: what is published stays where nothing can be served. */
export function nobodyTakenOutEntersAPlan(facts: Facts, before: Publication | undefined, after: Publication): void {
  const plan = isPlan(after);
  if (plan === null || plan.decided_at !== facts.now || isPlan(before)?.decided_at === plan.decided_at || facts.known === null) return;
  // Nor is it a decision to say the same again, above what somebody else has written.
  if (JSON.stringify(isPlan(before)?.answers) === JSON.stringify(plan.answers)) return;
  const { known } = facts;
  const gslb = known.gslb.get(plan.gslb_id);
  if (gslb === undefined) return;
  const pools = new Set([...gslb.pool_ids, ...(gslb.fallback_pool_id === null ? [] : [gslb.fallback_pool_id])]);
  const members = [...known.pool_member.values()].filter((member) => pools.has(member.pool_id));
  // One that was to begin later may have been found to leave too little, and the Conductor need not know it yet.
  const isAgreed = ({ force, starts_at, created_at }: Override) => force || starts_at === null || starts_at <= created_at;
  const agreed = { ...known, override: new Map([...known.override].filter(([, one]) => isAgreed(one))) };
  const out = (member: Member) => {
    if (!member.admin_state_up) return "its admin_state_up is false";
    const isDown = (tables: typeof known) =>
      overrideOf(member, { tables, now: facts.now }) === "down" && overrideOf(member, { tables, now: facts.now - 2_000 }) === "down";
    return isDown(known) && isDown(agreed) ? "its override is down" : null;
  };
  for (const value of values(after)) {
    const owners = members.filter((member) => member.endpoints.includes(value));
    const [first] = owners;
    const why = first === undefined ? null : out(first);
    if (why !== null && owners.every((owner) => out(owner) !== null))
      facts.violated("nobody who was taken out enters a new plan", `no ${value}: ${why}`, `${values(after)} at ${plan.fqdn}`);
  }
}

/** What is live changed: the history says so in the same transaction. */
export function publishedIsTold(
  facts: Facts,
  before: Publication | undefined,
  after: Publication,
  told: (gslbId: string, flavor: string, plan: number) => boolean,
): void {
  if (before === undefined || after.live === null || after.live.plan.number === before.live?.plan.number) return;
  const { gslb_id, number } = after.live.plan;
  if (!told(gslb_id, after.flavor, number))
    facts.violated("every live plan has its event", `published, plan ${number} of ${after.fqdn}`, "no such event");
}

export function statesMoveByVotes(facts: Facts, id: string, before: MemberState | undefined, after: MemberState): void {
  if (before === undefined) return;
  if (before.status !== "PENDING" && after.status === "PENDING")
    facts.violated("no member goes back to PENDING", before.status, `PENDING, ${id}`);
  for (const [endpoint, { state }] of Object.entries(after.endpoints)) {
    const was = before.endpoints[endpoint]?.state;
    if (was === undefined || was === state) continue;
    // Without a monitor it is up by definition (rule 10).
    if (after.fingerprint === "unmonitored") continue;
    const move = `${endpoint} of ${id} from ${was} to ${state}`;
    if (state === "unknown") facts.violated("a verdict is never forgotten", was, move);
    else if (!facts.turn.heard.has(`${id} ${endpoint}`))
      facts.violated("a state changes only by votes that were cast", "a result of it", `${move} by ${facts.turn.kind}`);
    // What was judged anew was voted for when it was; here it is only taken over, once every monitor has settled.
    else if (before.endpoints[endpoint]?.rejudging !== true) quorumSpoke(facts, id, endpoint, state, move);
  }
}

function quorumSpoke(facts: Facts, id: string, endpoint: string, state: "up" | "down", move: string): void {
  const member = facts.known?.pool_member.get(id);
  const pool = member === undefined ? undefined : facts.known?.pool.get(member.pool_id);
  if (member === undefined || pool === undefined) return;
  const ids = member.monitor_ids.length > 0 ? member.monitor_ids : pool.monitor_ids;
  const said = ids.flatMap((monitorId) => {
    const monitor = facts.known?.monitor.get(monitorId);
    if (monitor === undefined) return [];
    const regions = monitor.check_regions.length > 0 ? monitor.check_regions : facts.regions;
    const needed = Math.max(1, Math.min(pool.min_regions ?? Math.floor(regions.length / 2) + 1, regions.length));
    // So many must have said it, had no more than the needed voted.
    const enough = state === "down" ? Math.max(1, Math.ceil((pool.quorum_percent * needed) / 100)) : 1;
    const limit = { fails: monitor.max_retries, passes: monitor.rise };
    const who = facts.votes.saying(state, { memberId: id, endpoint, monitorId, regions }, limit);
    return [{ who, enough }];
  });
  if (said.some(({ who, enough }) => who.length >= enough)) return;
  const seen = said.map(({ who, enough }) => `${who.length} of ${enough}`).join(", ");
  facts.violated(`an endpoint is ${state} by a quorum's votes`, "enough regions that say so", `${move} with ${seen}`);
}

/** Rule 22. */
export function eventsCarryEvidence(facts: Facts, writeBack: WriteBack): void {
  const bare = (event: HistoryEvent) =>
    event.reason === "" || (decided.has(event.kind) && (event.rule === null || Object.keys(event.evidence).length === 0));
  for (const event of writeBack.events)
    if (bare(event)) facts.violated("every event carries its evidence", "rule, reason and numbers", JSON.stringify(event));
}
const decided = new Set(["member_status", "pool_status", "gslb_status", "published", "all_down", "held", "panic", "region_lost_vote"]);

/** Rule 14. */
export function budgetIsKept(facts: Facts, id: string, after: PoolState): void {
  const pool = facts.known?.pool.get(id);
  if (pool === undefined || after.held.length === 0) return;
  const members = [...(facts.known?.pool_member.values() ?? [])].filter((member) => member.pool_id === id && member.admin_state_up);
  const budget = Math.floor((pool.max_removal_percent * members.length) / 100);
  if (after.held.length > members.length - budget)
    facts.violated(
      "the budget holds no more than it must",
      `at most ${members.length - budget}`,
      `${after.held.length} of ${members.length}`,
    );
  if (!after.usable) facts.violated("the budget holds only in a usable pool", "none held", `${after.held.length} in ${pool.name}`);
}

/** Of what is sent to the backend: stored before, and the newest there is. */
export function onlyTheNewestIsWritten(facts: Facts, change: Change, stored: Publication | undefined): void {
  const { epoch, number } = numberOf(change);
  if (stored === undefined) facts.violated("a plan is stored before it is written", "a row", nameOf(change));
  else if (stored.number !== number || stored.epoch !== epoch)
    facts.violated("only the newest plan is written", text(stored), `plan ${number} of epoch ${epoch} at ${nameOf(change)}`);
}

/** What reaches the backend rises, as long as one Engine remembers. */
export function writesRise(facts: Facts, change: Change, sent: Map<string, { epoch: number; number: number }>): void {
  const name = nameOf(change);
  const { epoch, number } = numberOf(change);
  const last = sent.get(name);
  if (last !== undefined && (epoch < last.epoch || (epoch === last.epoch && number < last.number)))
    facts.violated("a stale plan never follows a newer", `above ${last.number} of epoch ${last.epoch}`, `${number} of ${epoch} at ${name}`);
  sent.set(name, { epoch, number });
}

const text = ({ fqdn, epoch, number, confirmed }: Publication): string =>
  `${fqdn} at plan ${number} of epoch ${epoch}, ${confirmed} confirmed`;
