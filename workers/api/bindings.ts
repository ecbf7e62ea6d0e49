/** What the api Worker is handed: its settings and the ways to the parts it asks. It holds no storage and no queue. */
import type { AnswersRpc, Caller, ConductorRpc, EngineRpc } from "../../durable-objects/rpc.ts";

export type ApiSettings = {
  /** One value, or two separated by a comma while rotating. */
  readonly KOSMOS_ADMIN_TOKEN?: string;
  readonly KOSMOS_REGIONS?: string;
  /** "1": private addresses are allowed. */
  readonly KOSMOS_ALLOW_PRIVATE?: string;
  /** "off": `/dns-query` is closed. */
  readonly KOSMOS_DNS_QUERY?: string;
};

export type ApiBindings = {
  readonly settings: ApiSettings;
  /** The Conductor of the deployment, for `/readyz`. */
  deployment(): ConductorRpc;
  conductor(project: string): ConductorRpc;
  engine(project: string): EngineRpc;
  /** The object that holds the name, or knows the zone. */
  answers(name: string): AnswersRpc;
  /** Whether this client may ask `/dns-query` once more. */
  mayAskDns(client: string): Promise<boolean>;
};

/** Known of every request once it was let in. */
export type ApiVariables = { requestId: string; project: string; caller: Caller };

export type ApiEnv = { Bindings: ApiBindings; Variables: ApiVariables };
