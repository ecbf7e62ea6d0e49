/** What must be true when the world has been calm for long enough: the answers follow from the truth, nothing is written, nothing was lost. */
import type { Publication } from "../../domain/publish.ts";
import { expectedAnswer } from "./reference.ts";
import type { World } from "./world.ts";

/** Nothing may have been written for so long. */
const stillMs = 5 * 60_000;

export async function checkEnd(world: World, end: number): Promise<void> {
  answersFollowFromTheTruth(world);
  nothingIsWritten(world, end);
  noEventIsLost(world);
  noNameIsLeft(world);
  nothingIsPending(world);
  await statusesAreTheEngines(world);
}

function answersFollowFromTheTruth(world: World): void {
  const { tables } = world.conductor;
  const { now } = world.timeline;
  const truth = { tables, now, isUp: (endpoint: string, monitor: string) => world.targets.isUp(endpoint, monitor, now) };
  const places = [...tables.gslb.values()].flatMap((gslb) => gslb.flavors.map((flavor) => ({ gslb, flavor })));
  for (const { gslb, flavor } of places) {
    const expected = expectedAnswer(gslb, truth);
    const held = world.flavors.get(flavor).names.get(gslb.fqdn);
    const live = new Set(held?.kind === "publish" ? held.plan.answers.flatMap((set) => set.values) : []);
    if (expected === null || isHeld(world, gslb.fqdn, flavor)) continue;
    const missing = [...expected.must].filter((value) => !live.has(value));
    const surplus = [...live].filter((value) => !expected.must.has(value) && !expected.may.has(value));
    const cut = gslb.max_answers !== null && expected.must.size + expected.may.size > 0;
    const wrong = surplus.length > 0 || (!cut && missing.length > 0) || (!expected.empty && live.size === 0);
    if (!wrong) continue;
    const what = `${[...expected.must]}${expected.may.size > 0 ? ` and some of ${[...expected.may]}` : ""}`;
    world.violated("the answers follow from the truth", `${flavor} ${gslb.fqdn} (${gslb.steering_policy}): ${what}`, `${[...live]}`);
  }
}

function nothingIsWritten(world: World, end: number): void {
  if (world.sentAt > end - stillMs)
    world.violated("with stable targets nothing is written", "no write for five minutes", `one ${(end - world.sentAt) / 1_000} s ago`);
}

function noEventIsLost(world: World): void {
  const lost = [...world.owed].filter((id) => !world.conductor.everTaken.has(id));
  if (lost.length > 0) world.violated("no event is lost", `${world.owed.size} events`, `${lost.length} are missing, as ${lost[0]}`);
}

function noNameIsLeft(world: World): void {
  const left = [...world.conductor.tombstones.values()];
  for (const { fqdn, gslb_id } of left) {
    // Whoever moves stays where it was until it is wherever it shall be.
    const moving = world.conductor.tables.gslb.get(gslb_id);
    if (moving?.flavors.some((flavor) => isHeld(world, fqdn, flavor))) continue;
    // So does whoever has nothing to answer with anywhere: all of its pools are switched off.
    const pools = [...(moving?.pool_ids ?? []), moving?.fallback_pool_id ?? []].flat();
    if (moving !== undefined && pools.every((id) => world.conductor.tables.pool.get(id)?.admin_state_up === false)) continue;
    world.violated("every removal gets through", `no tombstone of ${fqdn}`, `one of ${gslb_id}`);
  }
}

function nothingIsPending(world: World): void {
  for (const [, row] of world.watcher.all("publication")) {
    const { flavor, fqdn, wanted, confirmed, number, live } = row as Publication;
    if (isHeld(world, fqdn, flavor) || wanted === null) continue;
    if (confirmed !== number) world.violated("every plan gets through", `${flavor} ${fqdn} at plan ${number}`, `${confirmed} is confirmed`);
    const there = world.flavors.get(flavor).names.get(fqdn);
    const held = there?.kind === "publish" ? JSON.stringify(there.plan.answers) : null;
    // Nothing at all reads like a name without an answer.
    if (live !== null && (held ?? "[]") !== JSON.stringify(live.plan.answers))
      world.violated("what is said to be live is", `${fqdn}: ${JSON.stringify(live.plan.answers)}`, String(held));
  }
}

async function statusesAreTheEngines(world: World): Promise<void> {
  const shell = world.host.peek();
  if (shell === null) return;
  const { tables } = world.conductor;
  for (const { id, name, status, in_rotation, action } of tables.pool_member.values()) {
    const view = await shell.memberStatus(id);
    const seen = `${status} ${in_rotation} ${action}`;
    if (view !== null && `${view.status} ${view.in_rotation} NONE` !== seen)
      world.violated("the Conductor has every status", `${name}: ${view.status} ${view.in_rotation} NONE`, seen);
  }
  for (const { id, name, status, action } of tables.pool.values()) {
    const view = await shell.poolStatus(id);
    if (view !== null && `${view.status} NONE` !== `${status} ${action}`)
      world.violated("the Conductor has every status", `${name}: ${view.status} NONE`, `${status} ${action}`);
  }
  for (const { id, name, status, action, fqdn, flavors } of tables.gslb.values()) {
    const view = await shell.gslbStatus(id);
    // What is held is not settled.
    const settled = flavors.some((flavor) => isHeld(world, fqdn, flavor)) ? action : "NONE";
    if (view !== null && `${view.status} ${settled}` !== `${status} ${action}`)
      world.violated("the Conductor has every status", `${name}: ${view.status} ${settled}`, `${status} ${action}`);
  }
}

/**
 * Somebody else writes the name, or did by hand: Kosmos leaves it alone until people have decided (rule 18). Nor is it written while others'
 * records, or another GSLB's, are there that nobody gave to Kosmos.
 */
function isHeld(world: World, fqdn: string, flavor: string): boolean {
  const publication = world.watcher.get("publication", `${flavor} ${fqdn}`) as Publication | undefined;
  if (publication === undefined) return false;
  if (publication.hold !== null) return true;
  const { names, others } = world.flavors.get(flavor);
  const there = names.get(fqdn);
  const isOthers = others.has(fqdn) || (there?.kind === "publish" && there.plan.gslb_id !== publication.gslbId);
  const isGiven = world.conductor.tables.gslb.get(publication.gslbId)?.adopt === true;
  return publication.lastError?.class === "foreign" && publication.live === null && isOthers && !isGiven;
}
