/**
 * Tells every project's Engine that flavors or clouds changed. Whom it is still to be told stands in storage before the change is made, so that
 * neither a crash nor an Engine that does not answer loses it: the watchdog tries those again.
 */
import type { BackendsRpc } from "../rpc-backends.ts";
import { within } from "./within.ts";

const storageKey = "backends_untold";
/** So many at a time; one that has not answered by then is asked again. */
const parallel = 20;
const answerMs = 10_000;
/** A change is answered after this at the latest; the rest is told behind its back. */
export const patienceMs = 1_500;

export class EngineNews {
  private readonly storage: DurableObjectStorage;
  private readonly engine: (project: string) => Pick<BackendsRpc, "backendsChanged">;
  /** Whom it is to be told; null: not read yet. */
  private untold: Set<string> | null = null;

  constructor(storage: DurableObjectStorage, engine: (project: string) => Pick<BackendsRpc, "backendsChanged">) {
    this.storage = storage;
    this.engine = engine;
  }

  /** Before a change. */
  async expect(projects: readonly string[]): Promise<void> {
    const untold = await this.waiting();
    for (const project of projects) untold.add(project);
    await this.keep(untold);
  }

  /** Tells those that wait. Never throws. */
  async tell(): Promise<void> {
    try {
      const untold = await this.waiting();
      const projects = [...untold];
      for (let start = 0; start < projects.length; start += parallel) {
        await Promise.all(projects.slice(start, start + parallel).map((project) => this.tellOne(project, untold)));
      }
      if (projects.length > 0) await this.keep(untold);
    } catch (error) {
      console.warn(`conductor deployment: the Engines were not told of the backends: ${error}`);
    }
  }

  private async tellOne(project: string, untold: Set<string>): Promise<void> {
    // What changes while it is told is told again.
    untold.delete(project);
    try {
      await within(answerMs, this.engine(project).backendsChanged());
    } catch (error) {
      untold.add(project);
      console.warn(`conductor deployment: the Engine of ${project} does not know of the backends yet: ${error}`);
    }
  }

  private async waiting(): Promise<Set<string>> {
    const stored = this.untold === null ? ((await this.storage.get<string[]>(storageKey)) ?? []) : [];
    this.untold ??= new Set(stored);
    return this.untold;
  }

  private async keep(untold: ReadonlySet<string>): Promise<void> {
    await this.storage.put(storageKey, [...untold]);
  }
}
