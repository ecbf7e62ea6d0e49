/**
 * Has the host names resolved that a project's GSLBs may have to publish as addresses, and steers again whoever serves one whose addresses are
 * others. A name that can only ever be a CNAME is not asked for.
 */
import { addressFamily } from "../../domain/address.ts";
import type { Gslb } from "../../domain/gslb.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { Pump } from "./pump.ts";
import { Resolver, type ResolverMemory } from "./resolver.ts";

export class ResolverDesk {
  readonly pump: Pump;
  private readonly ports: EnginePorts;
  private readonly project: Project;
  private readonly resolver: Resolver;
  private readonly moved: (gslbIds: readonly string[]) => void;
  private isAsking = false;

  /** `moved`: these serve a name whose addresses changed. `settled` is called after each run. */
  constructor(
    ports: EnginePorts,
    memory: ResolverMemory,
    project: Project,
    moved: (gslbIds: readonly string[]) => void,
    settled: () => void,
  ) {
    this.ports = ports;
    this.project = project;
    this.moved = moved;
    const { fetch } = ports.backendIo;
    this.resolver = new Resolver({ now: () => ports.now(), fetch, url: ports.resolverUrl }, memory);
    this.pump = new Pump(ports, "resolving host names", () => this.refresh(), settled);
    project.resolve = (name) => this.resolver.look(name);
  }

  /** The configuration, or a flavor, is another; or the Engine starts, and may have ended before an answer came. */
  configured(): void {
    const names = [...this.project.catalog.gslbs.values()].flatMap((gslb) => namesOf(this.project, gslb));
    if (this.resolver.need(new Set(names))) this.ports.background(this.pump.kick());
  }

  isDue(now: number): boolean {
    const at = this.nextAt(now);
    return at !== null && at <= now;
  }

  /** When somebody is to be asked next, Unix ms; null: never. */
  nextAt(now: number): number | null {
    const at = this.resolver.nextAt(now);
    // Who is being asked is due until the answer is there: an alarm now would come again and again.
    return at === null ? null : Math.max(at, this.pump.nextTryAt ?? at, this.isAsking ? now + 1_000 : at);
  }

  private async refresh(): Promise<void> {
    this.isAsking = true;
    const heard = await this.resolver.refresh().finally(() => {
      this.isAsking = false;
    });
    const changed = new Set(heard);
    if (changed.size === 0) return;
    const users = [...this.project.catalog.gslbs.values()].filter((gslb) => namesOf(this.project, gslb).some((name) => changed.has(name)));
    this.moved(users.map(({ id }) => id));
  }
}

/** The host names of a GSLB that may have to be addresses. */
function namesOf(project: Project, gslb: Gslb): readonly string[] {
  const pools = [...gslb.pool_ids, ...(gslb.fallback_pool_id === null ? [] : [gslb.fallback_pool_id])];
  const endpoints = new Set(pools.flatMap((pool) => project.catalog.membersOf(pool).flatMap((member) => member.endpoints)));
  const names = [...endpoints].filter((endpoint) => addressFamily(endpoint) === null);
  const mayBeAlias = gslb.fqdn !== gslb.domain_name && gslb.flavors.every((flavor) => project.backends.holdsAlias(flavor));
  return mayBeAlias && endpoints.size === 1 ? [] : names;
}
