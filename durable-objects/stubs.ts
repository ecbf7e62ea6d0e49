/** How each Durable Object is named, and the typed way to it. The only place where a name is spelled. */
import { limits } from "../domain/limits.ts";
import { hash32 } from "../domain/name.ts";
import type { AnswersRpc, ConductorRpc, EngineRpc, ProberRpc } from "./rpc.ts";
import type { BackendsRpc, CloudsRpc, FlavorsRpc } from "./rpc-backends.ts";
import type { AgentsRpc, HeartbeatsRpc, TesterRpc, VantageRpc } from "./rpc-vantage.ts";

/** The Conductor of projects, tokens and flavors. A project cannot have this name: project ids have no colon. */
const deploymentName = "deployment";

function stub<T>(namespace: DurableObjectNamespace, name: string, options?: DurableObjectNamespaceGetDurableObjectOptions): T {
  return namespace.get(namespace.idFromName(name), options) as unknown as T;
}

export const conductorOf = (namespace: DurableObjectNamespace, project: string): ConductorRpc =>
  stub<ConductorRpc>(namespace, `project:${project}`);

export const deploymentConductor = (namespace: DurableObjectNamespace): ConductorRpc => stub<ConductorRpc>(namespace, deploymentName);

export const engineOf = (namespace: DurableObjectNamespace, project: string): EngineRpc => stub<EngineRpc>(namespace, `project:${project}`);

/** What the Engine knows of the places from which is checked, and its desk for agents. */
export const vantageOf = (namespace: DurableObjectNamespace, project: string): VantageRpc =>
  stub<VantageRpc>(namespace, `project:${project}`);

/** Whose tokens are agents' is known by the Conductor of the deployment. */
export const agentsOf = (namespace: DurableObjectNamespace): AgentsRpc => stub<AgentsRpc>(namespace, deploymentName);

export const flavorsOf = (namespace: DurableObjectNamespace): FlavorsRpc => stub<FlavorsRpc>(namespace, deploymentName);

export const cloudsOf = (namespace: DurableObjectNamespace): CloudsRpc => stub<CloudsRpc>(namespace, deploymentName);

/** What the Engine does with backends beside publishing: it tests a flavor, and reads them anew. */
export const backendsOf = (namespace: DurableObjectNamespace, project: string): BackendsRpc =>
  stub<BackendsRpc>(namespace, `project:${project}`);

/** A heartbeat names no project: the Conductor of the deployment looks for its monitor in all of them. */
export const heartbeatsOf = (namespace: DurableObjectNamespace): HeartbeatsRpc => stub<HeartbeatsRpc>(namespace, deploymentName);

/** Only the first `get()` of an object respects the hint; a Prober never moves, so a new place needs a new generation. */
export const proberOf = (
  namespace: DurableObjectNamespace,
  key: { readonly project: string; readonly region: string; readonly shard: number; readonly generation: number },
): ProberRpc =>
  stub<ProberRpc>(namespace, `${key.project}:${key.region}:${key.shard}:${key.generation}`, {
    locationHint: key.region as DurableObjectLocationHint,
  });

/** A Prober that is assigned nothing: it is there to be in that region, and runs a monitor's test. */
export const testerOf = (namespace: DurableObjectNamespace, project: string, region: string): TesterRpc =>
  stub<TesterRpc>(namespace, `${project}:${region}:test`, { locationHint: region as DurableObjectLocationHint });

export const answersIndex = (name: string): number => hash32(name) % limits.answersObjects;

/** The object that holds a name, or knows a zone. */
export const answersOf = (namespace: DurableObjectNamespace, name: string): AnswersRpc =>
  stub<AnswersRpc>(namespace, `answers:${answersIndex(name)}`);

export const allAnswersOf = (namespace: DurableObjectNamespace): readonly AnswersRpc[] =>
  Array.from({ length: limits.answersObjects }, (_, index) => stub<AnswersRpc>(namespace, `answers:${index}`));

/** Which project a `project:<id>` object is for. Durable Objects know their own name (`ctx.id.name`). */
export function projectOf(name: string | undefined): string | null {
  return name?.startsWith("project:") ? name.slice("project:".length) : null;
}
