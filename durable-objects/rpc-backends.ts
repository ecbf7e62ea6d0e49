/** What the deployment's Conductor keeps of backends, for all projects: flavors with their credentials, and OpenStack's clouds. Types only. */
import type { Cloud, CloudWrite } from "../domain/cloud.ts";
import type { Flavor, FlavorWrite } from "../domain/flavor.ts";
import type { Problem } from "../domain/problem.ts";
import type { Result } from "../domain/result.ts";
import type { Caller } from "./rpc.ts";

/**
 * `credentials` as they are stored: sealed JSON (`seal.ts`) for the place "deployment/flavor/<name>" or "deployment/cloud/<name>"; null: it has none.
 * Only the Engine opens them.
 */
export type Sealed<T> = T & { readonly sealed: string | null };

/** What a write says of the credentials: `undefined`: they stay; null: they go; else the sealed new ones. */
export type SealedWrite<T> = Omit<T, "credentials"> & { readonly sealed: string | null | undefined };

export interface FlavorsRpc {
  /** `conflict` where there is one of that name. */
  createFlavor(input: SealedWrite<FlavorWrite>, by: Caller): Promise<Result<Flavor, Problem>>;
  /** Those that were made; `edge` is not among them. Known also while D1 is away. */
  flavors(): Promise<Result<readonly Sealed<Flavor>[], Problem>>;
  readFlavor(name: string): Promise<Result<Sealed<Flavor>, Problem>>;
  /** `in-use` where a GSLB uses it and more changes than may. Every project's Engine hears of it. */
  replaceFlavor(name: string, input: SealedWrite<FlavorWrite>, expected: number | null, by: Caller): Promise<Result<Flavor, Problem>>;
  removeFlavor(name: string, expected: number | null, by: Caller): Promise<Result<null, Problem>>;
}

export interface CloudsRpc {
  createCloud(input: SealedWrite<CloudWrite>, by: Caller): Promise<Result<Cloud, Problem>>;
  clouds(): Promise<Result<readonly Sealed<Cloud>[], Problem>>;
  readCloud(name: string): Promise<Result<Sealed<Cloud>, Problem>>;
  replaceCloud(name: string, input: SealedWrite<CloudWrite>, expected: number | null, by: Caller): Promise<Result<Cloud, Problem>>;
  /** `in-use` while members are in it. */
  removeCloud(name: string, expected: number | null, by: Caller): Promise<Result<null, Problem>>;
}

/** The Engine's side. */
export interface BackendsRpc {
  /** Flavors or clouds changed: the Engine reads them again. Returns when it has. */
  backendsChanged(): Promise<void>;
  /** Calls the plugin's `test` with this flavor, stored or not. */
  testFlavor(flavor: Sealed<Flavor>): Promise<Result<readonly string[], { readonly class: string; readonly detail: string }>>;
  /** The same for a cloud: whether Keystone knows us, and Octavia and Neutron of each region answer. */
  testCloud(cloud: Sealed<Cloud>): Promise<Result<readonly string[], { readonly class: string; readonly detail: string }>>;
}
