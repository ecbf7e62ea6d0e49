/**
 * What should be known of a member and takes nobody out: warnings of its checks ("the certificate expires in 5 days"), monitors that no vantage
 * point can run. A member that is up and has one is DEGRADED, and stays in rotation.
 */
import { limits } from "../../domain/limits.ts";
import { votesOf } from "../../domain/quorum.ts";
import { decides, type Judged } from "./judging.ts";
import { timingOf } from "./pace.ts";
import type { Project } from "./project.ts";
import { type MemberState, seriesOf } from "./state.ts";

type Warning = { readonly endpoint: string; readonly monitor_id: string; readonly region: string | null; readonly warning: string };

/** Why it is not known where it answers, or an endpoint cannot be checked: none of the monitors that shall judge it can be run from anywhere. Null: all can be. */
export function unableToCheck({ member, voters, regionsOf, unable, unresolved }: Judged): string | null {
  if (unresolved !== null) return unresolved;
  const asked = voters.filter((monitor) => monitor.admin_state_up);
  const [first] = asked;
  if (first === undefined) return null;
  const lost = member.endpoints.find((endpoint) => asked.every((monitor) => regionsOf(monitor, endpoint).length === 0));
  return lost === undefined ? null : unable(first, lost);
}

/** Whether a monitor of it, though it be switched off, cannot be run for one of its endpoints. */
export const isUnableInPart = ({ member, monitors, regionsOf }: Judged): boolean =>
  monitors.some((monitor) => member.endpoints.some((endpoint) => regionsOf(monitor, endpoint).length === 0));

/** Looks what its checks warn of now, and says so when that begins and when it ends. True: it is another thing than before. */
export function lookForWarnings(project: Project, judged: Judged, state: MemberState, now: number): boolean {
  const found = warningsOf(state, judged, now);
  // Nobody is heard: what was known stands.
  if (found === null) return false;
  const words = found.length === 0 ? null : wordsOf(found, judged.member.endpoints.length > 1);
  if (words === state.warning) return false;
  const before = state.warning;
  state.warning = words;
  if (words === null) project.warned.delete(judged.member.id);
  else project.warned.add(judged.member.id);
  if (words !== null && state.reason === before) state.reason = words;
  project.touched.members.add(judged.member.id);
  if ((before === null) === (words === null)) return true;
  project.say(now, {
    kind: "warning",
    severity: words === null ? "info" : "warning",
    pool_id: judged.member.pool_id,
    member_id: judged.member.id,
    from: String(before !== null),
    to: String(words !== null),
    rule: "warning",
    reason: words ?? `no longer: ${before}`,
    evidence: { warnings: found },
  });
  return true;
}

/** Null: nobody who could warn is heard. */
function warningsOf(state: MemberState, judged: Judged, now: number): readonly Warning[] | null {
  const found: Warning[] = [];
  let isHeard = judged.voters.length === 0;
  for (const monitor of judged.monitors) {
    if (!monitor.admin_state_up || !decides(judged, monitor)) continue;
    for (const endpoint of judged.member.endpoints) {
      const ids = { endpoint, monitor_id: monitor.id };
      const regions = judged.regionsOf(monitor, endpoint);
      // Where no other can be run either, that is the member's status.
      if (regions.length === 0 && judged.voters.some((voter) => judged.regionsOf(voter, endpoint).length > 0))
        found.push({ ...ids, region: null, warning: judged.unable(monitor, endpoint) ?? "" });
      if (!judged.voters.includes(monitor)) continue;
      const voices = seriesOf(state.endpoints[endpoint]?.monitors[monitor.id], regions);
      for (const [index, { region, hasVote }] of votesOf(voices, timingOf(monitor, now), judged.sickFor(endpoint)).entries()) {
        if (!hasVote) continue;
        isHeard = true;
        const warning = voices[index]?.[1]?.warning ?? null;
        if (warning !== null) found.push({ ...ids, region, warning });
      }
    }
  }
  return isHeard || found.length > 0 ? found : null;
}

/** "192.0.2.1: the certificate expires in 5 days; …": each thing once, in the order of monitors and endpoints. */
function wordsOf(found: readonly Warning[], severalEndpoints: boolean): string {
  const said = found.map(({ endpoint, warning }) => (severalEndpoints ? `${endpoint}: ${warning}` : warning));
  return [...new Set(said)].slice(0, limits.warningsNamed).join("; ");
}
