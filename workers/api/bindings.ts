/** What the api Worker is handed: its settings and the ways to the parts it asks. It holds no storage and no queue. */
import type { Agent } from "../../domain/agent.ts";
import type { PlacedBindings } from "../../durable-objects/env.ts";
import type { AnswersRpc, Caller, ConductorRpc, EngineRpc } from "../../durable-objects/rpc.ts";
import type { BackendsRpc, CloudsRpc, FlavorsRpc } from "../../durable-objects/rpc-backends.ts";
import type { AgentsRpc, HeartbeatsRpc, TesterRpc, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import type { SealingKeys } from "../../durable-objects/seal.ts";
import type { KnownFlavors } from "./known-flavors.ts";
import type { KnownAgents } from "./vantage.ts";

export type ApiSettings = SealingKeys &
  PlacedBindings & {
    /** One value, or two separated by a comma while rotating. */
    readonly KOSMOS_ADMIN_TOKEN?: string;
    readonly KOSMOS_REGIONS?: string;
    /** "1": private addresses are allowed. */
    readonly KOSMOS_ALLOW_PRIVATE?: string;
    /** "off": `/dns-query` is closed. */
    readonly KOSMOS_DNS_QUERY?: string;
    /** What PowerDNS shows in the path; unset: there is no such path. And the name servers of the zones, separated by commas. */
    readonly KOSMOS_PDNS_SECRET?: string;
    readonly KOSMOS_PDNS_NS?: string;
  };

export type ApiBindings = {
  readonly settings: ApiSettings;
  /** The Conductor of the deployment, for `/readyz`. */
  deployment(): ConductorRpc;
  /** What the Conductor of the deployment knows of agents. */
  agents(): AgentsRpc;
  /** What the Conductor of the deployment knows of flavors. */
  flavors(): FlavorsRpc;
  /** What it knows of OpenStack's clouds. */
  clouds(): CloudsRpc;
  /** What the Engine does with backends. */
  backends(project: string): BackendsRpc;
  /** Whose heartbeats are whose: the Conductor of the deployment knows. */
  heartbeats(): HeartbeatsRpc;
  conductor(project: string): ConductorRpc;
  engine(project: string): EngineRpc;
  /** What the Engine knows of vantage points. */
  vantage(project: string): VantageRpc;
  /** Runs a monitor's test in a hinted or placed region. */
  tester(project: string, region: string): TesterRpc;
  /** The object that holds the name, or knows the zone. */
  answers(name: string): AnswersRpc;
  /** Every one of them. */
  allAnswers(): readonly AnswersRpc[];
  /** Whether this client may ask `/dns-query` once more. */
  mayAskDns(client: string): Promise<boolean>;
  /** Whether this client may send one more heartbeat. */
  mayBeat(client: string): Promise<boolean>;
};

/** Known of every request once it was let in. */
export type ApiVariables = {
  requestId: string;
  project: string;
  caller: Caller;
  agent: Agent | null;
  knownAgents: KnownAgents;
  knownFlavors: KnownFlavors;
};

export type ApiEnv = { Bindings: ApiBindings; Variables: ApiVariables };
