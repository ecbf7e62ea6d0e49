/**
 * OpenStack's clouds that a project's members are in. They are kept as the deployment's Conductor has them, with their credentials sealed, so that
 * members are looked after while the Conductor is away; opened, they are in memory alone. What a cloud says goes out without what is secret in it.
 */
import { z } from "zod";
import { BackendFailure } from "../../domain/backend.ts";
import type { Cloud } from "../../domain/cloud.ts";
import { limits } from "../../domain/limits.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { type ApplicationCredential, applicationCredential, type CloudClient, cloudClient } from "../../plugins/cloud.ts";
import type { Sealed } from "../rpc-backends.ts";
import { cloudPlace, open, type SealingKeys } from "../seal.ts";
import type { TestFailure } from "./flavors.ts";
import type { EnginePorts } from "./ports.ts";

/** Where clouds come from, and what opens them. */
export type CloudSource = {
  /** All of this deployment. Throws where the Conductor is away. */
  clouds(): Promise<Result<readonly Sealed<Cloud>[], Problem>>;
  readonly keys: SealingKeys;
};

export const storedCloud = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  auth_url: z.string(),
  interface: z.enum(["public", "internal", "admin"]),
  regions: z.array(z.string()),
  ca_cert: z.string().nullable(),
  version: z.int(),
  created_at: z.string(),
  updated_at: z.string(),
  sealed: z.string().nullable(),
});

/** Null: the cloud goes. */
export type CloudMemory = {
  clouds(): readonly Sealed<Cloud>[];
  putClouds(clouds: ReadonlyMap<string, Sealed<Cloud> | null>): void;
};

export type CloudPorts = Pick<EnginePorts, "now" | "sleep" | "backendIo" | "cloudSource">;
type Opened = {
  readonly cloud: Sealed<Cloud>;
  readonly credentials: Result<ApplicationCredential, string>;
  readonly kept: Map<string, unknown>;
};

export class Clouds {
  private readonly ports: CloudPorts;
  private readonly memory: CloudMemory;
  private readonly kept: Map<string, Sealed<Cloud>>;
  private readonly opened = new Map<string, Opened>();

  constructor(ports: CloudPorts, memory: CloudMemory) {
    this.ports = ports;
    this.memory = memory;
    this.kept = new Map(memory.clouds().map((cloud) => [cloud.name, cloud]));
  }

  /** Whether any of these was never heard of. */
  lacks(names: Iterable<string>): boolean {
    return [...names].some((name) => !this.kept.has(name));
  }

  /** Takes over what these are now, and forgets all others; returns those that are others than before. Throws where the Conductor is away. */
  async take(used: ReadonlySet<string>): Promise<readonly string[]> {
    const { cloudSource } = this.ports;
    if (cloudSource === undefined || used.size + this.kept.size === 0) return [];
    const all = used.size === 0 ? ok([]) : await cloudSource.clouds();
    if (!all.ok) throw new Error(all.error.detail);
    const now = new Map(all.value.flatMap((cloud) => (used.has(cloud.name) ? [[cloud.name, cloud] as const] : [])));
    const changed = new Map<string, Sealed<Cloud> | null>();
    for (const [name, cloud] of now) if (JSON.stringify(this.kept.get(name)) !== JSON.stringify(cloud)) changed.set(name, cloud);
    for (const name of this.kept.keys()) if (!now.has(name)) changed.set(name, null);
    if (changed.size > 0) this.memory.putClouds(changed);
    for (const [name, cloud] of changed) {
      this.opened.delete(name);
      if (cloud === null) this.kept.delete(name);
      else this.kept.set(name, cloud);
    }
    return [...changed.keys()];
  }

  /** Works with a cloud for so long. Throws `BackendFailure`, also where there is no such cloud, or its credentials do not open. */
  async with<T>(name: string, work: (client: CloudClient) => Promise<T>): Promise<T> {
    const cloud = this.kept.get(name);
    if (cloud === undefined) throw new BackendFailure({ class: "retry", detail: `the cloud ${name} is not known yet` });
    const opened = this.opened.get(name) ?? (await this.openOne(cloud));
    this.opened.set(name, opened);
    return await this.call(opened, limits.cloudDeadlineMs, work);
  }

  /** Tries a cloud, stored or not. */
  async test(cloud: Sealed<Cloud>): Promise<Result<readonly string[], TestFailure>> {
    try {
      return ok(await this.call(await this.openOne(cloud), limits.writeDeadlineMs, (client) => client.test()));
    } catch (error) {
      if (error instanceof BackendFailure) return fail({ class: error.failure.class, detail: error.failure.detail });
      return fail({ class: "retry", detail: error instanceof Error ? error.message : String(error) });
    }
  }

  private async openOne(cloud: Sealed<Cloud>): Promise<Opened> {
    const { keys = {} } = this.ports.cloudSource ?? {};
    const text = cloud.sealed === null ? fail("there are none") : await open(cloud.sealed, cloudPlace(cloud.name), keys);
    const read = text.ok ? applicationCredential.safeParse(jsonOf(text.value)) : null;
    const credentials = !text.ok ? text : read?.success ? ok(read.data) : fail("they are no application credential");
    return { cloud, credentials, kept: new Map() };
  }

  private async call<T>({ cloud, credentials, kept }: Opened, ms: number, work: (client: CloudClient) => Promise<T>): Promise<T> {
    if (!credentials.ok)
      throw new BackendFailure({
        class: "credentials",
        detail: `the credentials of the cloud ${cloud.name} do not open: ${credentials.error}`,
      });
    const { application_credential_secret: secret } = credentials.value;
    const clean = (text: string) => text.replaceAll(secret, "***");
    const deadline = new AbortController();
    const ended = new AbortController();
    const late = async (): Promise<never> => {
      await this.ports.sleep(ms, ended.signal);
      deadline.abort();
      throw new BackendFailure({ class: "retry", detail: `no answer within ${ms / 1_000} s` });
    };
    const { signal } = deadline;
    const io = { now: () => this.ports.now(), fetch: this.ports.backendIo.fetch, kept, signal };
    try {
      return await Promise.race([work(cloudClient({ ...cloud, credentials: credentials.value }, io)), late()]);
    } catch (error) {
      if (!(error instanceof BackendFailure)) throw new Error(clean(error instanceof Error ? error.message : String(error)));
      throw new BackendFailure({ ...error.failure, detail: clean(error.failure.detail) });
    } finally {
      ended.abort();
    }
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
