/**
 * What is well-formed and yet cannot be carried out in this deployment (422): addresses that are not public, regions that nobody serves,
 * flavors that do not exist, and what a flavor's provider cannot express. Whether a referenced resource exists is the Conductor's to say.
 */
import { localNameReason, privateReason } from "../../domain/address.ts";
import type { BackendPlugin } from "../../domain/backend.ts";
import { builtInFlavors } from "../../domain/flavor.ts";
import type { GslbWrite } from "../../domain/gslb.ts";
import type { MemberWrite } from "../../domain/member.ts";
import type { MonitorWrite } from "../../domain/monitor.ts";
import type { Problem } from "../../domain/problem.ts";
import { kindOf } from "../../domain/vantage-point.ts";
import { backendPlugins } from "../../plugins/backends/index.ts";
import type { ApiSettings } from "./bindings.ts";
import { summary } from "./fields.ts";
import { pointerOf } from "./json.ts";
import type { SeenVantage } from "./vantage.ts";

type PointerError = { readonly pointer: string; readonly detail: string };
type At = readonly PropertyKey[];

/** Null where nothing is in the way. */
export const unprocessableIf = (errors: readonly PointerError[]): Problem | null =>
  errors.length === 0 ? null : { type: "unprocessable", detail: summary(errors), errors };

export function memberErrors(member: MemberWrite, settings: ApiSettings, at: At = []): PointerError[] {
  const hosts: [At, string][] = member.endpoints.map((endpoint, index) => [["endpoints", index], endpoint]);
  if (member.monitor_address !== null) hosts.push([["monitor_address"], member.monitor_address]);
  return hosts.flatMap(([path, host]) => hostErrors(host, settings, [...at, ...path]));
}

/** `1` and `agents` both allow what is not public; who may check it then is a question of capabilities. */
export function hostErrors(host: string, settings: ApiSettings, at: At): PointerError[] {
  if (settings.KOSMOS_ALLOW_PRIVATE === "1" || settings.KOSMOS_ALLOW_PRIVATE === "agents") return [];
  const reason = privateReason(host) ?? privateReason(urlHost(host)) ?? localNameReason(host) ?? dotlessReason(host);
  return reason === null
    ? []
    : [{ pointer: pointerOf(at), detail: `must be public, and this is ${reason} (KOSMOS_ALLOW_PRIVATE is not set)` }];
}

/** The host that a URL makes of a name: "0x7f000001." is 127.0.0.1 there, and to a resolver as well. */
function urlHost(name: string): string {
  try {
    return new URL(`http://${name}`).hostname;
  } catch {
    return name;
  }
}

/** No top-level domain has addresses (RFC 7085): a single label is found by a search list or a hosts file. */
const dotlessReason = (name: string): string | null => (/^[^.:]+\.$/.test(name) ? "a local name" : null);

export const monitorErrors = (monitor: MonitorWrite, settings: ApiSettings, vantage: SeenVantage, at: At = []): PointerError[] => [
  ...(monitor.target === null ? [] : hostErrors(monitor.target, settings, [...at, "target"])),
  ...regionErrors(monitor.check_regions, vantage, at),
];

export const regionErrors = (regions: readonly string[], vantage: SeenVantage, at: At = []): PointerError[] =>
  regions.flatMap((region, index) =>
    vantage.points.some((point) => point.region === region) || mayBeAgent(region, vantage)
      ? []
      : [
          {
            pointer: pointerOf([...at, "check_regions", index]),
            detail: `is no region of this deployment; ${regionsOf(vantage)} (GET /v0.1/regions)`,
          },
        ],
  );

/** "wnam, enam; agents: rack-1". */
function regionsOf({ points }: SeenVantage): string {
  const agents = points.filter(({ kind }) => kind === "agent").map(({ region }) => region);
  const shown = agents.length > agentsShown ? [...agents.slice(0, agentsShown), "..."] : agents;
  const others = points.filter(({ kind }) => kind !== "agent").map(({ region }) => region);
  return `there are ${others.join(", ")}${agents.length === 0 ? "" : `; agents: ${shown.join(", ")}`}`;
}

const agentsShown = 20;

/** Nobody can say now whether there is such an agent. */
export const agentsAway = (regions: readonly string[], vantage: SeenVantage): Problem | null =>
  regions.some((region) => mayBeAgent(region, vantage))
    ? { type: "unavailable", detail: "which agents there are cannot be told now", retryAfterSeconds: 5 }
    : null;

const mayBeAgent = (region: string, vantage: SeenVantage): boolean => vantage.agents === null && kindOf(region) === "agent";

export const flavorErrors = (flavor: string | null, at: At): PointerError[] =>
  flavor === null || providerOf(flavor) !== null ? [] : [{ pointer: pointerOf(at), detail: "must be the name of a flavor that exists" }];

/** A GSLB against its flavor: one problem with all that is wrong; `capability` only where nothing else is. */
export function gslbProblem(gslb: GslbWrite, plugins: Providers = backendPlugins): Problem | null {
  const supports = providerOf(gslb.flavor, plugins)?.supports;
  if (supports === undefined) return unprocessableIf(flavorErrors(gslb.flavor, ["flavor"]));
  if (gslb.ttl !== null && gslb.ttl < supports.minTtl) {
    return unprocessableIf([{ pointer: "/ttl", detail: `must be at least ${supports.minTtl}, the minimum of flavor ${gslb.flavor}` }]);
  }
  const errors: PointerError[] = [];
  if (!supports.policies.includes(gslb.steering_policy)) {
    errors.push({
      pointer: "/steering_policy",
      detail: `must be one that flavor ${gslb.flavor} can carry out: ${supports.policies.join(", ")}`,
    });
  }
  if (gslb.max_answers !== null && gslb.max_answers > supports.maxAnswers) {
    errors.push({ pointer: "/max_answers", detail: `must be at most ${supports.maxAnswers}, the maximum of flavor ${gslb.flavor}` });
  }
  return errors.length === 0 ? null : { type: "capability", detail: summary(errors), errors };
}

/** The backend plugins by their provider, as far as they say what they can do. */
type Providers = Readonly<Record<string, Pick<BackendPlugin, "supports">>>;

function providerOf(flavor: string, plugins: Providers = backendPlugins) {
  const provider = builtInFlavors.find((candidate) => candidate.name === flavor)?.provider;
  return provider === undefined ? null : (plugins[provider] ?? null);
}
