/**
 * Looks after a project's members in OpenStack: asks where they answer, and Octavia whether its load balancers work. What was found last stands
 * while nobody answers; what is refused, or away, is never a reason to take somebody out.
 */
import { canonicalAddress, privateReason } from "../../domain/address.ts";
import { BackendFailure, type WholeFailure } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { isNeutron } from "../../domain/member.ts";
import type { CloudClient, LoadBalancerWord, NeutronKind } from "../../plugins/cloud.ts";
import { type CloudMemory, Clouds } from "./clouds.ts";
import { endpointsFound, hearOctavia, unresolvable } from "./openstack-members.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { Pump } from "./pump.ts";

/** One thing in OpenStack; several members may be it. */
type Target = {
  readonly cloud: string;
  readonly region: string;
  readonly kind: NeutronKind;
  readonly id: string;
  members: string[];
  /** Unix ms. */
  resolveAt: number;
  healthAt: number;
  failures: number;
};

export class CloudDesk {
  readonly pump: Pump;
  readonly clouds: Clouds;
  private readonly reading: Pump;
  private readonly ports: EnginePorts;
  private readonly project: Project;
  private readonly moved: (memberIds: readonly string[]) => void;
  private readonly targets = new Map<string, Target>();
  private isAsking = false;

  /** `moved`: OpenStack spoke, and these have other endpoints. The alarm is set by whoever that tells. */
  constructor(ports: EnginePorts, memory: CloudMemory, project: Project, moved: (memberIds: readonly string[]) => void) {
    this.ports = ports;
    this.project = project;
    this.moved = moved;
    this.clouds = new Clouds(ports, memory);
    const spoken = () => moved([]);
    this.reading = new Pump(ports, "reading the clouds", () => this.take(), spoken);
    this.pump = new Pump(ports, "asking OpenStack", () => this.round(), spoken);
  }

  /** The configuration is another one. */
  configured(): void {
    const before = new Map(this.targets);
    this.targets.clear();
    for (const member of this.project.catalog.members.values()) {
      if (!isNeutron(member)) continue;
      const { region, neutron_id, parameters, type } = member;
      const target = { cloud: parameters.cloud ?? "", region: region ?? "", kind: type as NeutronKind, id: neutron_id ?? "" };
      const key = Object.values(target).join(" ");
      const known = this.targets.get(key) ?? before.get(key) ?? { ...target, members: [], resolveAt: 0, healthAt: 0, failures: 0 };
      if (!this.targets.has(key)) known.members = [];
      // Who is new is told what others of it know already.
      if (member.endpoints.length === 0) known.resolveAt = 0;
      known.members.push(member.id);
      this.targets.set(key, known);
    }
    if (this.clouds.lacks(this.used())) this.ports.background(this.reading.kick());
    else if (this.isDue(this.ports.now())) this.ports.background(this.pump.kick());
  }

  /** Someone says that clouds changed. Throws where what they are now could not be read: whoever tells tries again. */
  async changed(): Promise<void> {
    await this.reading.kick();
    if (this.reading.nextTryAt !== null) throw new Error("the clouds could not be read");
  }

  isDue(now: number): boolean {
    if (this.reading.isDue(now)) this.ports.background(this.reading.kick());
    const at = this.nextAt(now);
    return at !== null && at <= now;
  }

  /** When somebody is to be asked next, Unix ms; null: never. */
  nextAt(now: number): number | null {
    if (this.targets.size === 0) return null;
    const at = Math.min(...[...this.targets.values()].map(dueAt));
    // Who is being asked is due until the answer is there: an alarm now would come again and again.
    return Math.min(this.isAsking ? Math.max(at, now + 1_000) : at, this.reading.nextTryAt ?? Number.POSITIVE_INFINITY);
  }

  private used(): ReadonlySet<string> {
    return new Set([...this.targets.values()].map(({ cloud }) => cloud));
  }

  private async take(): Promise<void> {
    const changed = await this.clouds.take(this.used());
    for (const target of this.targets.values())
      if (changed.includes(target.cloud)) Object.assign(target, { resolveAt: 0, healthAt: 0, failures: 0 });
    if (this.targets.size > 0) this.ports.background(this.pump.kick());
  }

  private async round(): Promise<void> {
    this.isAsking = true;
    await this.askAll().finally(() => {
      this.isAsking = false;
    });
  }

  /** Asks for all that is due; clouds at the same time, and so many things of each. Never throws. */
  private async askAll(): Promise<void> {
    const now = this.ports.now();
    const due = [...this.targets.values()].filter((target) => dueAt(target) <= now);
    await Promise.all(
      [...Map.groupBy(due, ({ cloud }) => cloud)].map(([name, targets]) => {
        // All of a cloud's share one client, so that they share one login; each is waited for by itself.
        const work = async (client: CloudClient) => {
          const queue = [...targets];
          const next = async () => {
            for (let one = queue.shift(); one !== undefined; one = queue.shift()) await this.ask(one, client);
          };
          await Promise.all(Array.from({ length: limits.cloudParallel }, next));
        };
        return this.clouds.with(name, work).catch((error) => {
          // Whoever has not been answered by now will not be.
          for (const one of targets) if (dueAt(one) <= now) this.failed(one, failureOf(error));
        });
      }),
    );
  }

  private async ask(target: Target, client: CloudClient): Promise<void> {
    const { kind, region, id } = target;
    const now = this.ports.now();
    try {
      const isNew = target.resolveAt <= now;
      const found = isNew ? await client.addresses(kind, region, id) : null;
      const word = kind === "neutron_lbaas_v2" && target.healthAt <= now ? await client.health(region, id) : null;
      let changed: readonly string[] = [];
      const answeredAt = this.ports.now();
      if (found !== null) {
        target.resolveAt = answeredAt + limits.cloudResolveMs;
        changed = this.found(target, found, answeredAt);
      }
      target.healthAt = now + this.pollMs;
      target.failures = 0;
      if (word !== null) this.heard(target, word, answeredAt);
      this.moved(changed);
    } catch (error) {
      this.failed(target, failureOf(error));
    }
  }

  /** The more there are, the less often: no cloud is asked more than so much. */
  private get pollMs(): number {
    return Math.max(limits.octaviaPollMs, this.targets.size * limits.cloudSpacingMs);
  }

  private found({ members }: Target, addresses: readonly string[], now: number): readonly string[] {
    const { allowPrivate } = this.ports;
    const isAllowed = (address: string) => allowPrivate === "1" || allowPrivate === "agents" || privateReason(address) === null;
    const canonical = addresses.flatMap((address) => canonicalAddress(address) ?? []);
    const endpoints = [...new Set(canonical)].filter(isAllowed).slice(0, limits.endpointsPerMember);
    const why = addresses.length === 0 ? "it has no address" : `${addresses.join(", ")}: not public (KOSMOS_ALLOW_PRIVATE is not set)`;
    if (endpoints.length > 0) return members.filter((id) => endpointsFound(this.project, id, endpoints, now));
    for (const id of members) unresolvable(this.project, id, why, now);
    return [];
  }

  private heard({ members }: Target, word: LoadBalancerWord, now: number): void {
    for (const id of members) hearOctavia(this.project, id, word, now);
  }

  private failed(target: Target, { detail, afterMs }: { detail: string; afterMs?: number | undefined }): void {
    const now = this.ports.now();
    target.failures += 1;
    const backoff = Math.min(limits.cloudRetryMaxMs, this.pollMs * 2 ** Math.min(target.failures - 1, 8));
    const at = now + Math.max(Math.min(afterMs ?? 0, limits.cloudRetryMaxMs * 10), backoff);
    Object.assign(target, { resolveAt: Math.max(target.resolveAt, at), healthAt: at });
    for (const id of target.members) unresolvable(this.project, id, detail, now);
    this.moved([]);
  }
}

const dueAt = ({ kind, resolveAt, healthAt }: Target): number => (kind === "neutron_port" ? resolveAt : Math.min(resolveAt, healthAt));

function failureOf(error: unknown): Pick<WholeFailure, "detail"> & { readonly afterMs?: number | undefined } {
  if (error instanceof BackendFailure) {
    const { failure } = error;
    return { detail: failure.detail, afterMs: "afterMs" in failure ? (failure.afterMs as number | undefined) : undefined };
  }
  return { detail: error instanceof Error ? error.message : String(error) };
}
