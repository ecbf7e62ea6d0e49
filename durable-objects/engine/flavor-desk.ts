/**
 * Keeps what a project knows of its flavors true: asks for those that a configuration names first, hears of those that changed, and finds out by
 * itself where nobody told. Whoever uses a flavor that changed is steered and published anew.
 */
import { limits } from "../../domain/limits.ts";
import { Connections } from "./connections.ts";
import { type FlavorMemory, Flavors } from "./flavors.ts";
import type { LanePorts } from "./lane.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { Pump } from "./pump.ts";

export class FlavorDesk {
  readonly flavors: Flavors;
  /** What publishes is called with. */
  readonly lanePorts: LanePorts;
  private readonly ports: EnginePorts;
  private readonly project: Project;
  private readonly moved: (names: readonly string[]) => void;
  readonly pump: Pump;
  /** Flavors of a configuration that is being taken over. */
  private coming: readonly string[] = [];

  /** `moved`: these are others than before. `settled` is called after each run. */
  constructor(ports: EnginePorts, memory: FlavorMemory, project: Project, moved: (names: readonly string[]) => void, settled: () => void) {
    this.ports = ports;
    this.project = project;
    this.moved = moved;
    this.flavors = new Flavors(ports, memory);
    this.project.backends = this.flavors;
    this.pump = new Pump(ports, "reading the flavors", () => this.take(), settled);
    this.lanePorts = {
      now: () => ports.now(),
      random: () => ports.random(),
      sleep: (ms, signal) => ports.sleep(ms, signal),
      background: (promise) => ports.background(promise),
      backendIo: ports.backendIo,
      connections: new Connections(() => this.flavors.names()),
      log: ports.log,
      flavors: (name) => this.flavors.bound(name),
    };
  }

  /** To be called once, before anything is published. */
  async start(): Promise<void> {
    await this.flavors.start();
    if (this.flavors.lacks(this.used())) this.ports.background(this.pump.kick());
  }

  /** Someone says that flavors changed. Throws where what they are now could not be read: whoever tells tries again. */
  async changed(): Promise<void> {
    await this.pump.kick();
    if (this.pump.nextTryAt !== null) throw new Error("the flavors could not be read");
  }

  /** Asks for flavors that were never heard of before they are wanted: else they would be errors for a moment, which is all that it waits. */
  async meet(names: readonly string[]): Promise<void> {
    if (!this.flavors.lacks(names)) return;
    this.coming = names;
    const met = new AbortController();
    await Promise.race([this.pump.kick(), this.ports.sleep(limits.flavorWaitMs, met.signal)]);
    met.abort();
  }

  /** What was met is named by the configuration now. */
  tookOver(): void {
    this.coming = [];
  }

  private async take(): Promise<void> {
    const changed = await this.flavors.take(new Set([...this.used(), ...this.coming]));
    if (changed.length > 0) this.moved(changed);
  }

  /** All flavors that GSLBs name, and those that may still have a name of theirs. */
  private used(): Set<string> {
    const { catalog, publications } = this.project;
    const named = [...catalog.gslbs.values()].flatMap(({ flavors }) => flavors);
    return new Set([...named, ...[...publications.values()].map(({ flavor }) => flavor)]);
  }
}
