/** What OpenStack says of a project's members meets their state here: other endpoints, Octavia's word, and why nothing is known. */
import type { LoadBalancerWord } from "../../plugins/cloud.ts";
import { hearOwn } from "./judging.ts";
import { memberMoved, rejudge } from "./member-status.ts";
import { octaviaMonitor } from "./octavia-monitor.ts";
import type { Project } from "./project.ts";

/** It answers there now. True: it did not before. The caller steers. */
export function endpointsFound(project: Project, id: string, endpoints: readonly string[], now: number): boolean {
  const member = project.catalog.members.get(id);
  if (member === undefined) return false;
  const wasUnresolved = project.catalog.unresolved.delete(id);
  const isSame = endpoints.join() === member.endpoints.join();
  if (!isSame) {
    project.catalog.setEndpoints(id, endpoints);
    rejudge(project, id, now);
    const state = project.members.get(id);
    // The Conductor shows them.
    if (state !== undefined) state.reported = "";
  }
  if (isSame && wasUnresolved) again(project, id, now);
  return !isSame;
}

/** Octavia's word on all the addresses of its load balancer. */
export function hearOctavia(project: Project, id: string, word: LoadBalancerWord, now: number): void {
  const [judged, state] = [project.judged(id), project.members.get(id)];
  if (judged === null || state === undefined) return;
  const wasUnresolved = project.catalog.unresolved.delete(id);
  let moved = wasUnresolved;
  for (const endpoint of judged.member.endpoints) {
    const before = state.endpoints[endpoint]?.monitors[octaviaMonitor.id]?.series.kosmos?.warning ?? null;
    const heard = hearOwn(state, judged, endpoint, octaviaMonitor, word, now);
    if (heard.significant) project.touched.members.add(id);
    moved ||= heard.endpointChanged || (word.outcome !== "no_data" && before !== word.warning);
  }
  if (moved) memberMoved(project, judged, state, now);
}

/** Nobody says where it is, or how it is. What is known stands; of whom nothing ever was that is the status. */
export function unresolvable(project: Project, id: string, why: string, now: number): void {
  const [judged, state] = [project.judged(id), project.members.get(id)];
  if (judged === null || state === undefined) return;
  const isJudged = Object.values(state.endpoints).some((endpoint) => endpoint.state !== "unknown");
  const isKnown = judged.member.endpoints.length > 0 && (judged.member.type === "neutron_port" || isJudged);
  const words = isKnown ? null : `cannot be resolved: ${why}`;
  const before = project.catalog.unresolved.get(id) ?? null;
  if (words === before) return;
  if (words === null) project.catalog.unresolved.delete(id);
  else project.catalog.unresolved.set(id, words);
  again(project, id, now);
}

function again(project: Project, id: string, now: number): void {
  const [judged, state] = [project.judged(id), project.members.get(id)];
  if (judged !== null && state !== undefined) memberMoved(project, judged, state, now);
}
