/**
 * The Probers of a project: what each was assigned, what it has confirmed, and when it was last heard. It tells them until they have
 * confirmed, wakes those that fell silent, and stops those that are not ours any more. Agents are not told: they come to the desk and ask.
 */
import type { CheckReport } from "../../domain/observation.ts";
import { kindOf } from "../../domain/vantage-point.ts";
import type { Assignment, Confirmation } from "../rpc.ts";
import { AgentDesk } from "./agent-desk.ts";
import { assignmentOf, assignShards, checkKey, leftOut, type Shard, shardKey } from "./assignments.ts";
import type { Catalog } from "./catalog.ts";
import { Handover } from "./handover.ts";
import type { EnginePorts } from "./ports.ts";
import type { Store } from "./store.ts";

/** How many Probers are told at a time: a Durable Object has six connections, one is left for the rest. */
const parallel = 5;

type FleetPorts = Pick<EnginePorts, "projectId" | "prober" | "log" | "anchors" | "now" | "sleep" | "newId">;

const isAgents = ({ region }: { readonly region: string }): boolean => kindOf(region) === "agent";

export class ProberFleet {
  readonly desk: AgentDesk;
  private readonly ports: FleetPorts;
  private readonly generation: number;
  private readonly catalog: Catalog;
  private readonly store: Store;
  private shards: Map<string, Shard>;
  private readonly heardAt = new Map<string, number>();
  private readonly strangers = new Set<string>();
  private readonly handover = new Handover();
  /** Which shards check what, by `checkKey`; made when it is asked for. */
  private index: Map<string, Shard[]> | null = null;

  constructor(ports: FleetPorts, generation: number, catalog: Catalog, store: Store, shards: Map<string, Shard>) {
    this.ports = ports;
    this.generation = generation;
    this.catalog = catalog;
    this.store = store;
    this.shards = shards;
    this.desk = new AgentDesk(ports, (region) => this.assignmentFor(region));
  }

  /** Places the checks of the present configuration; `push` tells. Returns how many checks each agent was to run that it does not. */
  assign(): ReadonlyMap<string, number> {
    const next = assignShards(this.catalog, this.shards, this.ports.anchors);
    // Whoever asks is told, so there is nobody to wait for.
    for (const [key, shard] of next)
      if (isAgents(shard) && shard.acknowledged !== shard.version) next.set(key, { ...shard, acknowledged: shard.version });
    const changed = [...next.values()].filter((shard) => this.shards.get(shardKey(shard)) !== shard);
    this.handover.note(this.shards, next, this.ports.now());
    this.shards = next;
    this.index = null;
    this.store.saveShards(changed);
    this.desk.changed();
    return leftOut(this.catalog, next);
  }

  /** The regions that check anything. */
  regions(): ReadonlySet<string> {
    return new Set([...this.shards.values()].filter(({ checks }) => checks.length > 0).map(({ region }) => region));
  }

  /** What an agent is to check; null: nobody knows yet. */
  private assignmentFor(region: string): Assignment | null {
    if (this.store.meta() === null) return null;
    const shard = this.shards.get(shardKey({ region, shard: 0 })) ?? {
      region,
      shard: 0,
      version: 0,
      acknowledged: 0,
      checks: [],
      monitors: [],
    };
    return assignmentOf(this.ports.projectId, this.generation, shard, this.catalog, this.ports.anchors);
  }

  /** Asks every region that checks these to look again. Never throws: what is not confirmed fast is confirmed by the next ticks. */
  async confirmFast(confirmations: readonly Confirmation[]): Promise<void> {
    this.index ??= indexOf(this.shards);
    const asked = new Map<string, { shard: Shard; confirmations: Confirmation[] }>();
    for (const confirmation of confirmations) {
      for (const shard of this.index.get(checkKey(confirmation)) ?? []) {
        const entry = asked.get(shardKey(shard)) ?? { shard, confirmations: [] };
        entry.confirmations.push(confirmation);
        asked.set(shardKey(shard), entry);
      }
    }
    const waiting = [...asked.values()];
    const next = async (): Promise<void> => {
      for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift()) {
        const { shard } = entry;
        if (isAgents(shard)) {
          this.askAgent(shard.region, entry.confirmations);
          continue;
        }
        await this.prober(shard)
          .confirm(entry.confirmations)
          .catch((error: unknown) =>
            this.ports.log.warn(`engine ${this.ports.projectId}: Prober ${shardKey(shard)} does not confirm: ${error}`),
          );
      }
    };
    await Promise.all(Array.from({ length: parallel }, next));
  }

  /** One that is fetched after the next tick would only repeat it. */
  private askAgent(region: string, confirmations: readonly Confirmation[]): void {
    const now = this.ports.now();
    for (const confirmation of confirmations) {
      const delayMs = (this.catalog.monitors.get(confirmation.monitor_id)?.delay ?? 0) * 1_000;
      this.desk.confirm(region, [confirmation], now + delayMs);
    }
  }

  /** Tells every Prober that has not confirmed its newest assignment. Throws when one could not be told, after all were tried. */
  async push(): Promise<void> {
    const failures: string[] = [];
    const tell = async (waiting: Shard[]): Promise<void> => {
      const next = async (): Promise<void> => {
        for (let shard = waiting.shift(); shard !== undefined; shard = waiting.shift()) {
          const assignment = assignmentOf(this.ports.projectId, this.generation, shard, this.catalog, this.ports.anchors);
          try {
            const { version } = await this.prober(shard).assign(assignment);
            if (this.confirm(shard, version)) this.handover.done(shard);
          } catch (error) {
            failures.push(`${shardKey(shard)}: ${error}`);
          }
        }
      };
      await Promise.all(Array.from({ length: parallel }, next));
    };
    const behind = [...this.shards.values()].filter((shard) => shard.acknowledged !== shard.version && !isAgents(shard));
    const { first, after } = this.handover.split(behind);
    await tell(first);
    const ready = after.filter((shard) => this.handover.isTakenOver(shard, this.shards, this.ports.now()));
    for (const shard of after) if (!ready.includes(shard)) failures.push(`${shardKey(shard)}: waits for who takes its checks over`);
    await tell(ready);
    if (failures.length > 0) throw new Error(`${failures.length} Probers could not be told, the first ${failures[0]}`);
  }

  /** Notes a report. False: it comes from a Prober of another generation, which is told to stop. */
  heard(report: CheckReport, now: number): boolean {
    if (report.generation === this.generation) {
      this.heardAt.set(shardKey(report), now);
      return true;
    }
    const key = `${shardKey(report)}:${report.generation}`;
    // An agent learns it with its next question.
    if (!this.strangers.has(key) && !isAgents(report)) {
      this.strangers.add(key);
      const { project_id, region, shard, generation } = report;
      const stop = { project_id, region, shard, generation, version: Number.MAX_SAFE_INTEGER, monitors: [], checks: [] };
      this.ports
        .prober({ region, shard, generation })
        .assign(stop)
        .catch(() => this.strangers.delete(key));
    }
    return false;
  }

  /**
   * Knocks at the Probers from which nothing came for more than two periods of their slowest check, or nothing yet since the Engine started:
   * where all are silent the Engine is evicted between two rounds of the watchdog, and would wait for them anew each time.
   */
  async wakeSilent(now: number): Promise<void> {
    const silent = [...this.shards.values()].filter((shard) => {
      if (shard.checks.length === 0 || isAgents(shard)) return false;
      const delays = shard.monitors.map(([id]) => this.catalog.monitors.get(id)?.delay ?? 0);
      return now - (this.heardAt.get(shardKey(shard)) ?? 0) > 2_000 * Math.max(...delays) + 10_000;
    });
    const next = async (): Promise<void> => {
      for (let shard = silent.shift(); shard !== undefined; shard = silent.shift()) {
        try {
          const { version } = await this.prober(shard).wake();
          this.confirm(shard, version);
        } catch (error) {
          this.ports.log.warn(`engine ${this.ports.projectId}: Prober ${shardKey(shard)} does not wake: ${error}`);
        }
      }
    };
    await Promise.all(Array.from({ length: parallel }, next));
  }

  /** What a Prober says it has. Anything but what it should have is not confirmed, and it will be told again: false. */
  private confirm(shard: Shard, version: number): boolean {
    const current = this.shards.get(shardKey(shard));
    if (current === undefined) return false;
    const acknowledged = version === current.version ? version : 0;
    // A Prober that has a higher version than we ever gave remembers more than we do: ours goes above it.
    const next = version > current.version ? { ...current, version: version + 1, acknowledged: 0 } : { ...current, acknowledged };
    if (next.acknowledged === current.acknowledged && next.version === current.version) return version === current.version;
    this.shards.set(shardKey(shard), next);
    this.store.saveShards([next]);
    return version === current.version;
  }

  private prober(shard: Shard) {
    return this.ports.prober({ region: shard.region, shard: shard.shard, generation: this.generation });
  }
}

function indexOf(shards: ReadonlyMap<string, Shard>): Map<string, Shard[]> {
  const index = new Map<string, Shard[]>();
  for (const shard of shards.values()) {
    for (const check of shard.checks) {
      const key = checkKey(check);
      const checking = index.get(key) ?? [];
      checking.push(shard);
      index.set(key, checking);
    }
  }
  return index;
}
