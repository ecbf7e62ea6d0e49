/**
 * The flavors of a world, each with a backend of its own: what the Engine may do to them is judged as it is done. A name is judged for each
 * (flavor, fqdn) by itself.
 */
import type { Change } from "../../domain/backend.ts";
import { nameOf, numberOf } from "../../domain/fence.ts";
import type { Publication } from "../../domain/publish.ts";
import type { BoundFlavor } from "../../durable-objects/engine/ports.ts";
import { SimBackend } from "./backend.ts";
import type { Facts } from "./invariants.ts";
import type { Random } from "./random.ts";

export const flavorNames = ["edge", "dns", "cloud"] as const;

/** What was read may be so old when it is acted on, and a little more. */
const lookMs = 15_000;

type Calls = {
  call<T>(what: string, work: () => T | Promise<T>, latencyMs: () => number): Promise<T>;
  issued(flavor: string, changes: readonly Change[]): void;
  left(flavor: string, changes: readonly Change[]): void;
};

export class SimFlavors {
  private readonly backends: ReadonlyMap<string, SimBackend>;

  constructor(random: Random, now: () => number, sleep: (ms: number) => Promise<void>) {
    this.backends = new Map(
      flavorNames.map((name) => [name, new SimBackend(random.fork(name), now, sleep, name === "cloud" ? "hands out" : "at once")]),
    );
  }

  get(name: string): SimBackend {
    const backend = this.backends.get(name);
    if (backend === undefined) throw new Error(`there is no flavor ${name}`);
    return backend;
  }

  all(): readonly SimBackend[] {
    return [...this.backends.values()];
  }

  /** What a provider takes goes through from now on. */
  calm(): void {
    for (const backend of this.all()) backend.failing = 0;
  }

  bound(name: string, { call, issued, left }: Calls): BoundFlavor | null {
    const backend = this.backends.get(name);
    if (backend === undefined) return null;
    const { plugin } = backend;
    const none = () => 0;
    const write: typeof plugin.write = (zone, changes, bound) => {
      issued(name, changes);
      const work = () => {
        left(name, changes);
        return plugin.write(zone, changes, bound);
      };
      return call("write", work, none);
    };
    const read: NonNullable<typeof plugin.read> = (zone, fqdns, bound) => call("read", () => plugin.read?.(zone, fqdns, bound) ?? [], none);
    return { plugin: { ...plugin, write, read }, settings: {}, credentials: {} };
  }

  /** Somebody else's records, which were there when the name was looked at: only what was published before goes over them, or by `adopt`. */
  othersRecordsStay(facts: Facts, flavor: string, change: Change, stored: Publication | undefined): void {
    const others = this.get(flavor).others.get(nameOf(change));
    if (others === undefined || facts.trueNow - others.since < lookMs) return;
    const { number } = numberOf(change);
    const mayWrite =
      change.kind === "publish" && ((stored?.live ?? null) !== null || facts.known?.gslb.get(change.plan.gslb_id)?.adopt === true);
    if (mayWrite) return;
    facts.violated("others' records stay", `${others.values} at ${nameOf(change)} of ${flavor}`, `${change.kind} by plan ${number}`);
  }

  /** Of a publication that is said to be live by now. */
  pendingIsNotInSync(facts: Facts, before: Publication | undefined, { flavor, fqdn, number, confirmed, unseen }: Publication): void {
    if (confirmed !== number || unseen || before === undefined || before.confirmed === number) return;
    if (this.get(flavor).isPending(fqdn, number))
      facts.violated("what is pending is not in sync", `${fqdn} of ${flavor} pending`, `plan ${number} in sync`);
  }
}
