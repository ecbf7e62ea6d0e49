/** A scene for tests of the publisher: many names over one pool, the reference backend with faults, and a clock that is moved by hand. */
import type { BackendPlugin, Change, LiveRecords, WriteOutcome } from "../../domain/backend.ts";
import { type DriftSettings, defaultDrift } from "../../domain/drift.ts";
import { nameOf } from "../../domain/fence.ts";
import type { Gslb } from "../../domain/gslb.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Plan } from "../../domain/plan.ts";
import type { Publication } from "../../domain/publish.ts";
import { type MemoryOptions, memoryBackend } from "../../plugins/backends/memory.ts";
import type { Configuration } from "../rpc.ts";
import type { ZonesRead } from "./drift-watch.ts";
import type { ClientPorts } from "./flavor-client.ts";
import type { BoundFlavor } from "./ports.ts";
import { configuration, gslb, member, monitor, newProject, noConnection, pool, regions, report, uuid } from "./project.fixture.ts";
import { Publisher } from "./publisher.ts";

/** Another backend than the reference, with what it is called with. */
export type SceneBackend = Pick<BoundFlavor, "plugin" | "settings" | "credentials"> & { readonly io: ClientPorts["backendIo"] };

/** One flavor of a scene: it remembers what it was asked, and does what a test wants. */
export class SceneFlavor {
  readonly live = new Map<string, Change>();
  /** Records that others made, without a mark or with theirs: a write that is taken replaces them. */
  readonly others = new Map<string, LiveRecords>();
  readonly writes: Change[][] = [];
  readonly reads: string[][] = [];
  /** Called before a write, or a read, takes effect; what it returns is what comes of it. */
  onWrite: (changes: readonly Change[], write: () => Promise<WriteOutcome>) => Promise<WriteOutcome> = (_, write) => write();
  onRead: (fqdns: readonly string[], read: () => Promise<readonly LiveRecords[]>) => Promise<readonly LiveRecords[]> = (_, read) => read();
  drift: DriftSettings = defaultDrift;
  readonly plugin: BackendPlugin;
  readonly backend: SceneBackend;

  constructor(options: MemoryOptions = {}, backend?: SceneBackend) {
    this.backend = backend ?? reference(this.live, options);
    const { plugin } = this.backend;
    const write = async (...[zone, changes, bound]: Parameters<BackendPlugin["write"]>): Promise<WriteOutcome> => {
      const outcome = await plugin.write(zone, changes, bound);
      if (!("class" in outcome))
        for (const [n, change] of changes.entries()) if (outcome[n]?.ok === true) this.others.delete(nameOf(change));
      return outcome;
    };
    this.plugin = {
      ...plugin,
      write: (zone, changes, bound) => {
        this.writes.push([...changes]);
        return this.onWrite(changes, () => write(zone, changes, bound));
      },
      read: (zone, fqdns, bound) => {
        this.reads.push([...fqdns]);
        return this.onRead(fqdns, async () => {
          const found = (await plugin.read?.(zone, fqdns, bound)) ?? [];
          return found.map((records) => this.others.get(records.fqdn) ?? records);
        });
      },
    };
  }

  values(n: number): readonly string[] {
    const { fqdn } = gslb(n, []);
    const held = this.live.get(fqdn);
    const answers = this.others.get(fqdn)?.answers ?? (held?.kind === "publish" ? held.plan.answers : []);
    return answers.flatMap((answer) => answer.values);
  }

  /** Somebody else makes records at a name; `mark` is whose plan stands there, if it is one. */
  replace(n: number, values: readonly string[], mark: { gslbId: string; epoch: number; number: number } | null = null): void {
    const { fqdn } = gslb(n, []);
    this.live.delete(fqdn);
    const answers = values.length === 0 ? [] : [{ type: "A" as const, values: [...values], ttl: 30 }];
    this.others.set(fqdn, { fqdn, epoch: null, number: null, ...mark, answers });
  }

  /** Somebody removes what is at a name, whoever made it. */
  clear(n: number): void {
    const { fqdn } = gslb(n, []);
    this.live.delete(fqdn);
    this.others.delete(fqdn);
  }

  /** Plans that were sent for a name, in order. */
  sent(n: number): Plan[] {
    const { fqdn } = gslb(n, []);
    return this.writes.flat().flatMap((change) => (change.kind === "publish" && change.plan.fqdn === fqdn ? [change.plan] : []));
  }

  /** Somebody else changes the records at a name and leaves the mark. */
  edit(n: number, ...values: string[]): void {
    const held = this.live.get(gslb(n, []).fqdn);
    if (held?.kind !== "publish") throw new Error("there is nothing to edit");
    const [first] = held.plan.answers;
    if (first === undefined) throw new Error("there are no answers");
    this.live.set(nameOf(held), { ...held, plan: { ...held.plan, answers: [{ ...first, values }] } });
  }
}

/** GSLBs over one pool of two members, the flavor `edge` and whichever a test adds, and a clock that stands still until it is moved. */
export class Scene extends SceneFlavor {
  readonly project = newProject();
  readonly flavors = new Map<string, SceneFlavor>([["edge", this]]);
  readonly events: HistoryEvent[] = [];
  readonly unpublished: { readonly gslb_id: string; readonly flavor: string }[] = [];
  readonly members = [member(100, uuid(10), ["192.0.2.1"]), member(101, uuid(10), ["192.0.2.2"])] as const;
  random = (): number => 0.5;
  now = 1_000_000;
  zones: ZonesRead | null = null;
  private running: Promise<unknown>[] = [];
  private readonly timers: { at: number; end: () => void }[] = [];
  publisher: Publisher;
  private seq = 0;

  constructor(options: MemoryOptions = {}, backend?: SceneBackend) {
    super(options, backend);
    this.publisher = this.start(null);
  }

  /** As after an eviction: what was only in memory is gone. */
  start(lastAlive: number | null): Publisher {
    const ports = {
      now: () => this.now,
      random: () => this.random(),
      sleep: (ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          this.timers.push({ at: this.now + ms, end: resolve });
          signal?.addEventListener("abort", () => resolve());
        }),
      flavors: (name: string) => {
        const flavor = this.flavors.get(name);
        return flavor === undefined ? null : { ...flavor.backend, plugin: flavor.plugin, drift: flavor.drift };
      },
      backendIo: this.backend.io,
      background: (promise: Promise<unknown>) => void this.running.push(promise),
      log: { warn: () => {}, error: () => {} },
    };
    const memory = {
      zonesRead: () => this.zones,
      putZonesRead: (zones: ZonesRead) => {
        this.zones = structuredClone(zones);
      },
    };
    this.publisher = new Publisher(
      ports,
      this.project,
      memory,
      lastAlive,
      () => this.persist(),
      () => {},
    );
    return this.publisher;
  }

  configure(gslbs: readonly Gslb[], over: Partial<Configuration> = {}): void {
    const one = monitor(1);
    const { pools = [], members = [] } = over;
    const ours = pool(10, { monitor_ids: [one.id] });
    const all = { ...over, gslbs, pools: [ours, ...pools], members: [...this.members, ...members], monitors: [one] };
    this.project.configure(configuration(all), false, this.now);
    this.persist();
  }

  /** Deletes a GSLB and what it published. */
  remove(gone: Gslb): void {
    this.seq += 1;
    const { id, flavor, fqdn, domain_name: zone } = gone;
    const tombstones = [{ gslb_id: id, fqdn, zone, flavor, remove: true }];
    const change = configuration({ full: false, seq: this.seq, deleted: [{ kind: "gslb", id }], tombstones });
    this.project.configure(change, false, this.now);
    this.persist();
  }

  /** One batch of results, as the queue delivers it: both members, from everywhere. */
  hear(first: "pass" | "fail", second: "pass" | "fail" = "pass"): void {
    this.now += 10_000;
    const heard = regions.flatMap((region) => [
      report(region, this.now, this.members[0], first),
      report(region, this.now, this.members[1], second),
    ]);
    const { counted } = this.project.observe(heard, this.now);
    if (counted > 0) this.publisher.judged(this.now);
    this.persist();
  }

  /** Until nobody has anything to do at this time. */
  async settle(): Promise<void> {
    this.running.push(this.publisher.kick());
    while (this.running.length > 0) await Promise.all(this.running.splice(0));
  }

  /** Time passes, and deadlines with it, in steps to whatever is due next. */
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    await this.settle();
    for (let next = this.next(end); next !== null; next = this.next(end)) {
      this.now = next;
      this.ring();
      await this.settle();
    }
    this.now = end;
  }

  /** So much time passes; deadlines end, and nobody is waited for. */
  async tick(ms: number): Promise<void> {
    this.now += ms;
    this.ring();
    await new Promise((resolve) => setImmediate(resolve));
  }

  publication(n: number, flavor = "edge"): Publication {
    return this.at(gslb(n, []).fqdn, flavor);
  }

  at(fqdn: string, flavor = "edge"): Publication {
    const found = this.project.publications.get(`${flavor} ${fqdn}`);
    if (found === undefined) throw new Error(`nothing is wanted at ${fqdn} of ${flavor}`);
    return found;
  }

  kinds(kind: HistoryEvent["kind"]): HistoryEvent[] {
    return this.events.filter((event) => event.kind === kind);
  }

  private ring(): void {
    for (const timer of this.timers.splice(0)) {
      if (timer.at <= this.now) timer.end();
      else this.timers.push(timer);
    }
  }

  private next(end: number): number | null {
    const next = this.publisher.nextAt(this.now);
    const at = next === null ? null : Math.max(next, this.now + 1);
    return at === null || at > end ? null : at;
  }

  private persist(): void {
    const changes = this.project.drain();
    this.events.push(...changes.writeBack.events);
    this.unpublished.push(...changes.writeBack.unpublished);
    if (changes.publications.size > 0) this.running.push(this.publisher.kick());
  }
}

const reference = (live: Map<string, Change>, options: MemoryOptions): SceneBackend => ({
  plugin: memoryBackend(live, options),
  settings: {},
  credentials: {},
  io: { now: Date.now, fetch, connect: noConnection },
});

export const gslbs = (count: number) =>
  Array.from({ length: count }, (_, index) => gslb(1_000 + index, [uuid(10)], { steering_policy: "round_robin" }));

export async function published(count: number, options: MemoryOptions = {}): Promise<Scene> {
  const scene = new Scene(options);
  scene.configure(gslbs(count));
  scene.hear("pass");
  await scene.settle();
  scene.hear("pass");
  await scene.settle();
  scene.writes.length = 0;
  scene.reads.length = 0;
  scene.events.length = 0;
  return scene;
}

/** The first member dies everywhere. */
export async function die(scene: Scene): Promise<void> {
  scene.hear("fail");
  scene.hear("fail");
  await scene.settle();
}
