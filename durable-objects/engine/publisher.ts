/**
 * Carries the wanted plans out: a lane for each flavor, so that a backend that hangs holds up nobody else's. What it writes, and in which order,
 * is for the domain (`batch.ts`); what it finds changed by others too (`drift.ts`).
 */
import { type DriftMemory, DriftWatch } from "./drift-watch.ts";
import { Lane, type LanePorts } from "./lane.ts";
import type { Project } from "./project.ts";

export class Publisher {
  private readonly project: Project;
  private readonly lanes = new Map<string, Lane>();
  private readonly newLane: (flavor: string) => Lane;
  private readonly watch: DriftWatch;

  /** `lastAlive`: when Kosmos was last at work before this start, Unix ms. `persist` stores what changed; `settled` is called after each run. */
  constructor(ports: LanePorts, project: Project, memory: DriftMemory, lastAlive: number | null, persist: () => void, settled: () => void) {
    this.project = project;
    this.watch = new DriftWatch(memory, lastAlive);
    this.newLane = (flavor) => new Lane(flavor, ports, project, this.watch, persist, settled);
  }

  /** Writes, and reads, all that is due. */
  async kick(): Promise<void> {
    await Promise.all(this.used().map((lane) => lane.kick()));
  }

  /** When something is due next, Unix ms; null: nothing is waiting. */
  nextAt(now: number): number | null {
    const times = this.used().flatMap((lane) => lane.nextAt(now) ?? []);
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Something was judged: whoever changes records now does it while Kosmos is at work. */
  judged(now: number): void {
    this.watch.active(now);
  }

  /** A flavor is another one now, as with new credentials: what failed there is tried again at once. */
  flavorChanged(name: string): void {
    for (const lane of this.used()) if (lane.flavor === name) lane.flavorChanged();
  }

  private used(): Lane[] {
    const flavors = new Set([...this.project.publications.values()].map(({ flavor }) => flavor));
    return [...flavors].map((flavor) => {
      const lane = this.lanes.get(flavor) ?? this.newLane(flavor);
      this.lanes.set(flavor, lane);
      return lane;
    });
  }
}
