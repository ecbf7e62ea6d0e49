/**
 * What waits for time to pass in a project (engine.md, rules 7 to 10): members and pools that came back and are held for a while, addresses
 * that were replaced, GSLBs that wait for their first verdicts, overrides that begin or end. How long is the domain's to say.
 */
import { comeBack, fall, heldUntil, notAhead } from "../../domain/damping.ts";
import { limits } from "../../domain/limits.ts";
import type { Status } from "../../domain/status.ts";
import { healthOf, standIn } from "./judging.ts";
import { lookAtOverride } from "./overrides.ts";
import { failbackMs } from "./pools.ts";
import type { Project } from "./project.ts";
import type { MemberState } from "./state.ts";
import { nextLook } from "./steer-gslb.ts";

/** A fall of a member that was in, and its return. What people changed is no flap. */
export function fellOrRose(project: Project, state: MemberState, to: Status, now: number): void {
  const from = healthOf(state);
  const wasUp = from === "ACTIVE" || from === "DEGRADED";
  if (to === "DOWN") {
    if (wasUp && project.cause === "automatic") state.damping = fall(state.damping, now);
    state.yielded = false;
    return;
  }
  if (wasUp) return;
  state.damping = comeBack(state.damping, now);
  state.released = false;
}

/** After a start nothing waits yet. What may have ended while nobody looked is seen to by the first tick. */
export function setTimers(project: Project, now: number): void {
  for (const [id, { damping, replaced }] of project.members)
    if (damping.returnedAt !== null || replaced !== null) project.timers.set(`member ${id}`, now);
  for (const [id, { damping }] of project.pools) if (damping.returnedAt !== null) project.timers.set(`pool ${id}`, now);
  for (const id of project.gslbs.keys()) project.timers.set(`gslb ${id}`, nextLook(project, id, now));
  for (const id of project.catalog.overrides.keys()) project.timers.set(`override ${id}`, now);
}

export function setMemberTimer(project: Project, id: string, now: number): void {
  const state = project.members.get(id);
  const member = project.catalog.members.get(id);
  const held = state === undefined || member === undefined ? null : heldUntil(state.damping, failbackMs(project, member.pool_id), now);
  const until = state?.replaced?.until ?? null;
  project.timers.set(`member ${id}`, held === null ? until : until === null ? held : Math.min(held, until));
}

/** All that may wait, whether it does or not. */
export function everyKey(project: Project): string[] {
  const { members, pools, gslbs, catalog } = project;
  const keys = (kind: string, ids: Iterable<string>) => Array.from(ids, (id) => `${kind} ${id}`);
  return [
    ...keys("override", catalog.overrides.keys()),
    ...keys("member", members.keys()),
    ...keys("pool", pools.keys()),
    ...keys("gslb", gslbs.keys()),
  ];
}

/** A time has come for this key, or the clock was set. True: it is a GSLB that must be steered again. */
export function lookAgain(project: Project, key: string, now: number): boolean {
  const space = key.indexOf(" ");
  const id = key.slice(space + 1);
  switch (key.slice(0, space)) {
    case "gslb":
      return true;
    case "override":
      lookAtOverride(project, id, now, !project.overrides.has(id));
      return false;
    case "heartbeat":
      project.passive.look(id, now);
      return false;
    case "pool": {
      const state = project.pools.get(id);
      if (state !== undefined) state.damping = notAhead(state.damping, now);
      project.poolMoved(id);
      return false;
    }
    default:
      lookAtMember(project, id, now);
      return false;
  }
}

function lookAtMember(project: Project, id: string, now: number): void {
  const state = project.members.get(id);
  const member = project.catalog.members.get(id);
  if (state === undefined || member === undefined) return;
  state.damping = notAhead(state.damping, now);
  if (state.replaced !== null)
    state.replaced = { ...state.replaced, until: Math.min(state.replaced.until, now + limits.replacedAddressMs) };
  if (state.replaced !== null && (state.replaced.until <= now || standIn(state, now) === null)) state.replaced = null;
  project.touched.members.add(id);
  setMemberTimer(project, id, now);
  project.poolMoved(member.pool_id);
}
