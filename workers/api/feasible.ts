/**
 * What is well-formed and yet cannot be carried out in this deployment (422): addresses that are not public, regions that nobody serves,
 * flavors that do not exist, and what a flavor's provider cannot express. Whether a referenced resource exists is the Conductor's to say.
 */
import { localNameReason, privateReason } from "../../domain/address.ts";
import type { BackendPlugin } from "../../domain/backend.ts";
import { type Flavor, flavorPointer, flavorRefusal } from "../../domain/flavor.ts";
import type { Gslb, GslbWrite, SteeringPolicy } from "../../domain/gslb.ts";
import type { MemberWrite } from "../../domain/member.ts";
import type { MonitorWrite } from "../../domain/monitor.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { kindOf } from "../../domain/vantage-point.ts";
import { backendPlugins } from "../../plugins/backends/index.ts";
import type { ApiSettings } from "./bindings.ts";
import { summary } from "./fields.ts";
import { pointerOf } from "./json.ts";
import { findFlavor, type SeenFlavors } from "./known-flavors.ts";
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

/** A GSLB against its flavors: one problem with all that is wrong; `capability`, what not all of them can do, only where nothing else is. */
export function gslbProblem(gslb: GslbWrite, seen: SeenFlavors, current?: Gslb, plugins: Providers = backendPlugins): Problem | null {
  const found = bound(gslb, seen, current, plugins);
  if (!found.ok) return found.error;
  const flavors = found.value;
  const slow = flavors.filter(({ supports }) => gslb.ttl !== null && gslb.ttl < supports.minTtl);
  const slowest = most(slow, ({ supports }) => supports.minTtl);
  if (slowest !== null) {
    const detail = `must be at least ${slowest.supports.minTtl}, the minimum of flavor ${slowest.name}`;
    return unprocessableIf([{ pointer: "/ttl", detail }]);
  }
  const errors: PointerError[] = [];
  const unable = flavors.filter(({ supports }) => !supports.policies.includes(gslb.steering_policy));
  if (unable.length > 0) {
    const [first, ...others] = flavors;
    const policies = (first?.supports.policies ?? []).filter((policy) =>
      others.every(({ supports }) => supports.policies.includes(policy)),
    );
    errors.push({
      pointer: "/steering_policy",
      detail: `must be one that ${words(unable, others.length > 0)} can carry out${listed(policies)}`,
    });
  }
  const { max_answers } = gslb;
  const small = flavors.filter(({ supports }) => max_answers !== null && max_answers > supports.maxAnswers);
  const smallest = most(small, ({ supports }) => -supports.maxAnswers);
  if (smallest !== null) {
    errors.push({
      pointer: "/max_answers",
      detail: `must be at most ${smallest.supports.maxAnswers}, the maximum of flavor ${smallest.name}`,
    });
  }
  return errors.length === 0 ? null : { type: "capability", detail: summary(errors), errors };
}

/** The backend plugins by their provider, as far as they say what they can do. */
type Providers = Readonly<Record<string, Pick<BackendPlugin, "supports">>>;
type Bound = Pick<Flavor, "name"> & Pick<BackendPlugin, "supports">;

/** The flavors that are named; what the GSLB has already, it may keep. */
function bound(gslb: GslbWrite, seen: SeenFlavors, current: Gslb | undefined, plugins: Providers): Result<readonly Bound[], Problem> {
  const errors: PointerError[] = [];
  const found: Bound[] = [];
  for (const [index, name] of gslb.flavors.entries()) {
    const flavor = findFlavor(seen, name);
    if (!flavor.ok) return flavor;
    const supports = flavor.value === null ? undefined : plugins[flavor.value.provider]?.supports;
    if (flavor.value === null || supports === undefined) {
      errors.push({ pointer: flavorPointer(index, gslb.flavors), detail: "must be the name of a flavor that exists" });
      continue;
    }
    const refused = current?.flavors.includes(name) ? null : flavorRefusal(flavor.value, seen.project, gslb.domain_name);
    if (refused !== null) return fail(refused);
    found.push({ name, supports });
  }
  const unknown = unprocessableIf(errors);
  return unknown === null ? ok(found) : fail(unknown);
}

/** Of several the one of which this is the highest. */
const most = <T>(list: readonly T[], number: (item: T) => number): T | null =>
  list.reduce<T | null>((highest, item) => (highest === null || number(item) > number(highest) ? item : highest), null);

const words = (flavors: readonly Bound[], isOneOfSeveral: boolean): string => {
  const names = flavors.map(({ name }) => name).join(" and ");
  return `${isOneOfSeveral ? "all its flavors, so also" : ""} ${flavors.length === 1 ? "flavor" : "flavors"} ${names}`.trim();
};

const listed = (policies: readonly SteeringPolicy[]): string => (policies.length === 0 ? "; there is none" : `: ${policies.join(", ")}`);
