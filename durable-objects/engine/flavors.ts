/**
 * The flavors that a project uses, beside those that are built in. They are kept as the deployment's Conductor has them, with their credentials
 * sealed, so that the Engine publishes while the Conductor is away; opened, they are in memory alone. It asks for no flavor that nobody uses.
 */
import { z } from "zod";
import { BackendFailure } from "../../domain/backend.ts";
import type { Flavor } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Sealed } from "../rpc-backends.ts";
import type { SealingKeys } from "../seal.ts";
import { bind, type Plugins, unbound } from "./binding.ts";
import type { BoundFlavor, EnginePorts } from "./ports.ts";

/** Where flavors come from, and what opens and carries them. */
export type FlavorSource = {
  /** All that were made in this deployment. Throws where the Conductor is away. */
  flavors(): Promise<Result<readonly Sealed<Flavor>[], Problem>>;
  readonly keys: SealingKeys;
  readonly plugins: Plugins;
};

export const storedFlavor = z.object({
  id: z.string(),
  name: z.string(),
  provider: z.string(),
  settings: z.record(z.string(), z.unknown()),
  description: z.string().nullable(),
  project_ids: z.array(z.string()),
  domain_names: z.array(z.string()),
  version: z.int(),
  created_at: z.string(),
  updated_at: z.string(),
  sealed: z.string().nullable(),
});

/** Null: the flavor goes. */
export type FlavorMemory = {
  flavors(): readonly Sealed<Flavor>[];
  putFlavors(flavors: ReadonlyMap<string, Sealed<Flavor> | null>): void;
};

export type FlavorPorts = Pick<EnginePorts, "flavors" | "flavorSource" | "backendIo" | "sleep">;
export type TestFailure = { readonly class: string; readonly detail: string };

export class Flavors {
  private readonly ports: FlavorPorts;
  private readonly memory: FlavorMemory;
  private readonly kept: Map<string, Sealed<Flavor>>;
  private readonly opened = new Map<string, BoundFlavor>();
  /** Of these names the Conductor said that there is none. */
  private readonly absent = new Set<string>();

  constructor(ports: FlavorPorts, memory: FlavorMemory) {
    this.ports = ports;
    this.memory = memory;
    this.kept = new Map(ports.flavorSource === undefined ? [] : memory.flavors().map((flavor) => [flavor.name, flavor]));
  }

  /** Opens what is stored. To be called once, before anything is published. */
  async start(): Promise<void> {
    for (const flavor of this.kept.values()) await this.bindOne(flavor);
  }

  /** To be called with; null: there is none of that name. */
  bound(name: string): BoundFlavor | null {
    const found = this.ports.flavors(name) ?? this.opened.get(name) ?? null;
    if (found !== null || this.absent.has(name) || this.ports.flavorSource === undefined) return found;
    return unbound(
      name,
      { class: "retry", detail: `the flavor ${name} is not known yet: the Conductor has not said what it is` },
      undefined,
    );
  }

  /** Who stands behind it; null: that is not known. */
  provider(name: string): string | null {
    return this.ports.flavors(name)?.plugin.provider ?? this.kept.get(name)?.provider ?? null;
  }

  /** Those that were made and are used. */
  names(): readonly string[] {
    return [...this.kept.keys()];
  }

  /** Whether plans for it carry the pools. */
  carriesPools(name: string): boolean {
    const made = this.kept.get(name)?.provider ?? "";
    return (this.ports.flavors(name)?.plugin ?? this.ports.flavorSource?.plugins[made])?.supports.pools === true;
  }

  /** Whether a CNAME may stand there. What is not known yet is published once it is. */
  holdsAlias(name: string): boolean {
    const made = this.kept.get(name)?.provider ?? "";
    const supports = (this.ports.flavors(name)?.plugin ?? this.ports.flavorSource?.plugins[made])?.supports;
    return supports?.recordTypes.includes("CNAME") ?? true;
  }

  /** Those of these that are asked for at the Conductor. */
  made(names: Iterable<string>): readonly string[] {
    return this.ports.flavorSource === undefined ? [] : [...new Set(names)].filter((name) => this.ports.flavors(name) === null);
  }

  /** Whether any of these was never heard of. */
  lacks(names: Iterable<string>): boolean {
    return this.made(names).some((name) => !this.kept.has(name));
  }

  /** Takes over what these are now, and forgets all others. Returns those that are others than before. Throws where the Conductor is away. */
  async take(used: ReadonlySet<string>): Promise<readonly string[]> {
    const wanted = new Set(this.made(used));
    if (this.ports.flavorSource === undefined || wanted.size + this.kept.size === 0) return [];
    const all = wanted.size === 0 ? ok([]) : await this.ports.flavorSource.flavors();
    if (!all.ok) throw new Error(all.error.detail);
    const now = new Map(all.value.flatMap((flavor) => (wanted.has(flavor.name) ? [[flavor.name, flavor] as const] : [])));
    const changed = new Map<string, Sealed<Flavor> | null>();
    for (const [name, flavor] of now) if (!isSame(this.kept.get(name), flavor)) changed.set(name, flavor);
    for (const name of this.kept.keys()) if (!now.has(name)) changed.set(name, null);
    if (changed.size > 0) this.memory.putFlavors(changed);
    for (const [name, flavor] of changed) {
      if (flavor !== null) await this.bindOne(flavor);
      else if (this.kept.delete(name)) this.opened.delete(name);
    }
    const missing = [...wanted].filter((name) => !now.has(name) && !this.absent.has(name) && !changed.has(name));
    this.absent.clear();
    for (const name of wanted) if (!now.has(name)) this.absent.add(name);
    return [...changed.keys(), ...missing];
  }

  /**
   * Tries a flavor, stored or not: whether its backend can be reached, knows us, and has the zones. `used`: zones that are published to it, which
   * stand for those of one that may write to all: a name server knows a key only by a zone. Changes nothing.
   */
  async test(flavor: Sealed<Flavor>, used: readonly string[] = []): Promise<Result<readonly string[], TestFailure>> {
    const source = this.ports.flavorSource;
    if (source === undefined) return fail({ class: "not-found", detail: "this Engine has no flavors but those that are built in" });
    const bound = await bind(flavor, source.plugins, source.keys);
    if (!bound.ok) return fail({ class: bound.error.class, detail: bound.error.detail });
    const { plugin, settings, credentials } = bound.value;
    if (plugin.test === undefined) return ok([`${plugin.provider} cannot be tried without a write`]);
    const zones = flavor.domain_names.length > 0 ? flavor.domain_names : used.slice(0, limits.triedZones);
    const deadline = new AbortController();
    const ended = new AbortController();
    const late = async (): Promise<never> => {
      await this.ports.sleep(limits.writeDeadlineMs, ended.signal);
      deadline.abort();
      throw new Error(`no answer within ${limits.writeDeadlineMs / 1_000} s`);
    };
    try {
      const { signal } = deadline;
      const sleep = (ms: number) => this.ports.sleep(ms, signal);
      const io = { ...this.ports.backendIo, sleep, kept: new Map<string, unknown>(), signal };
      const { details } = await Promise.race([plugin.test(zones, { settings, credentials, io }), late()]);
      return ok(details);
    } catch (error) {
      if (error instanceof BackendFailure) return fail({ class: error.failure.class, detail: error.failure.detail });
      return fail({ class: "retry", detail: error instanceof Error ? error.message : String(error) });
    } finally {
      ended.abort();
    }
  }

  private async bindOne(flavor: Sealed<Flavor>): Promise<void> {
    const { plugins = {}, keys = {} } = this.ports.flavorSource ?? {};
    const bound = await bind(flavor, plugins, keys);
    this.kept.set(flavor.name, flavor);
    this.opened.set(flavor.name, bound.ok ? bound.value : unbound(flavor.provider, bound.error, plugins[flavor.provider]));
  }
}

/** A flavor that was made again has another id. */
const isSame = (a: Sealed<Flavor> | undefined, b: Sealed<Flavor>): boolean =>
  a !== undefined && a.id === b.id && a.version === b.version && a.sealed === b.sealed;

/** What a project asks of its flavors. */
export type Backends = Pick<Flavors, "provider" | "carriesPools" | "holdsAlias">;
export const noBackends: Backends = { provider: () => null, carriesPools: () => false, holdsAlias: () => true };
