/**
 * Everything that goes to one flavor: batches of what is due, one after the other, and when nothing is, what is live there is read. Changes are
 * made from the publications at the moment of the call, so that only the newest plan is ever written. It decides nothing of what is wanted.
 */
import type { BackendIo, Change, LiveRecords, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import {
  type Batch,
  type Budget,
  type Channel,
  callAt,
  fullBudget,
  mayCall,
  nextBatch,
  nextWriteAt,
  postpone,
  spend,
  type Use,
} from "../../domain/batch.ts";
import { type DriftSettings, defaultDrift, isWatched, type Look, look, lookBefore, readBack } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import { halve, isDue, ownersOf, type Publication } from "../../domain/publish.ts";
import { callBackend } from "./backend-call.ts";
import type { DriftWatch } from "./drift-watch.ts";
import { sayLooked, type WrittenBatch } from "./names.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { Pump } from "./pump.ts";

export type LanePorts = Pick<EnginePorts, "now" | "random" | "sleep" | "flavors" | "backendIo" | "background" | "log">;
type Entry = readonly [key: string, publication: Publication];
/** A flavor whose backend tells what is live. */
type Reader = {
  readonly batch: number;
  readonly drift: DriftSettings;
  read(fqdns: readonly string[], io: BackendIo): Promise<readonly LiveRecords[]>;
};

export class Lane {
  private readonly flavor: string;
  private readonly ports: LanePorts;
  private readonly project: Project;
  private readonly watch: DriftWatch;
  private readonly persist: () => void;
  private readonly writing: Pump;
  private readonly reading: Pump;
  private isWriting = false;
  private budget: Budget = fullBudget;
  /** Written and being read back: the number, by the publication's key. A newer plan does not wait for it. */
  private readonly readingBack = new Map<string, number>();

  /** `persist` stores what changed; `settled` is called after each run. */
  constructor(flavor: string, ports: LanePorts, project: Project, watch: DriftWatch, persist: () => void, settled: () => void) {
    this.flavor = flavor;
    this.ports = ports;
    this.project = project;
    this.watch = watch;
    this.persist = persist;
    this.writing = new Pump(ports, `publishing to ${flavor}`, () => this.writeDue(), settled);
    this.reading = new Pump(ports, `reading ${flavor}`, () => this.readDue(), settled);
  }

  /** Writes what is due, then reads. */
  async kick(): Promise<void> {
    await this.writing.kick();
    await this.reading.kick();
  }

  /** When there is something to do next, Unix ms; null: nothing is waiting. */
  nextAt(now: number): number | null {
    const times: number[] = [];
    // What is under way is looked at again a second later, in case nobody is here to end it.
    const soon = now + 1_000;
    const write = nextWriteAt(this.values(), this.channel(), now);
    if (write !== null) times.push(Math.max(write, this.isWriting ? soon : now, this.writing.nextTryAt ?? now));
    if (this.readingBack.size > 0) times.push(soon);
    const reader = this.reader();
    if (reader !== null) {
      const free = Math.max(this.callAt("read", now), this.reading.nextTryAt ?? now, this.isWriting ? soon : now);
      for (const [zone, entries] of this.watched()) times.push(Math.max(this.lookAt(reader, zone, entries, now), free));
    }
    return times.length === 0 ? null : Math.min(...times);
  }

  private async writeDue(): Promise<void> {
    this.isWriting = true;
    try {
      for (;;) {
        const batch = nextBatch(this.entries(), this.channel(), this.ports.now());
        if (batch === null) return;
        await this.write(batch);
        this.persist();
      }
    } finally {
      this.isWriting = false;
    }
  }

  private async write(batch: Batch): Promise<void> {
    await this.readBefore(batch);
    // The newest plans, as they are now: whoever is held, gone or written by now is left out.
    const due = batch.keys.flatMap((key): Entry[] => {
      const publication = this.project.publications.get(key);
      return publication !== undefined && publication.zone === batch.zone && isDue(publication, this.ports.now())
        ? [[key, publication]]
        : [];
    });
    if (due.length === 0) return;
    const outcome = await this.call(due.map(([, publication]) => changeOf(publication)));
    const now = this.ports.now();
    const facts: WrittenBatch = { names: due.length, zone: batch.zone, halved: batch.halved };
    if ("class" in outcome && outcome.class === "refused" && due.length > 1) {
      for (const [key, { number }] of due) {
        const publication = this.project.publications.get(key);
        if (publication !== undefined) this.project.publish(halve(publication, number, due.length));
      }
      return;
    }
    const taken: Entry[] = [];
    for (const [index, entry] of due.entries()) {
      const silent: WriteFailure = { class: "retry", detail: "the backend did not say what came of it" };
      const result = "class" in outcome ? { ok: false as const, error: outcome } : outcome[index];
      if (result?.ok === true) {
        taken.push(entry);
        continue;
      }
      const failure = result?.error ?? silent;
      if (failure.class === "retry" && failure.afterMs !== undefined) this.budget = postpone(this.budget, failure.afterMs, now);
      const [key, { number }] = entry;
      this.project.written(key, number, failure, now, this.ports.random(), { seen: true, batch: facts });
    }
    if (taken.length > 0) this.took(taken, facts);
  }

  /** A throw, or silence, is `retry` for all. */
  private async call(changes: readonly Change[]): Promise<WriteOutcome> {
    const flavor = this.ports.flavors(this.flavor);
    if (flavor === null) return { class: "not-found", detail: `there is no flavor ${this.flavor}` };
    this.spend();
    try {
      return await callBackend(this.ports, limits.writeDeadlineMs, (io) =>
        flavor.plugin.write(changes, flavor.settings, flavor.credentials, io),
      );
    } catch (error) {
      return { class: "retry", detail: error instanceof Error ? error.message : String(error) };
    }
  }

  /** What the backend says it took is read back, beside the next writes, where it can be read. */
  private took(taken: readonly Entry[], batch: WrittenBatch): void {
    this.watch.active(this.ports.now());
    const reader = this.reader();
    if (reader === null || !this.mayRead()) {
      for (const [key, { number }] of taken)
        this.project.written(key, number, null, this.ports.now(), this.ports.random(), { seen: reader === null, batch });
      return;
    }
    for (const [key, { number }] of taken) this.readingBack.set(key, number);
    this.ports.background(this.readBack(reader, taken, batch));
  }

  private async readBack(reader: Reader, taken: readonly Entry[], batch: WrittenBatch): Promise<void> {
    const records = await this.read(reader, taken, limits.readDeadlineMs);
    for (const [key, { number }] of taken) if (this.readingBack.get(key) === number) this.readingBack.delete(key);
    for (const [key, publication] of taken) {
      const live = records?.get(publication.fqdn);
      const failure = live === undefined ? null : readBack(publication, live);
      const facts = { seen: live !== undefined, batch };
      this.project.written(key, publication.number, failure, this.ports.now(), this.ports.random(), facts);
    }
    this.persist();
  }

  /** Whether others changed what is to be written over. It is waited for a moment, since a dead endpoint waits for the write. */
  private async readBefore({ keys, zone }: Batch): Promise<void> {
    const reader = this.reader();
    const entries = keys.flatMap((key): Entry[] => {
      const publication = this.project.publications.get(key);
      return publication === undefined || publication.live === null || publication.unsure ? [] : [[key, publication]];
    });
    if (reader === null || entries.length === 0 || !this.mayRead()) return;
    const records = await this.read(reader, entries, limits.readBeforeWriteMs);
    if (records !== null) this.compare(entries, records, lookBefore, this.lookOf(reader, zone));
  }

  private async readDue(): Promise<void> {
    const reader = this.reader();
    if (reader === null) return;
    const zones = this.watched();
    this.watch.keep(this.flavor, new Set(zones.keys()), this.ports.now());
    const read: { zone: string; complete: boolean }[] = [];
    for (const [zone, entries] of zones) {
      if (this.lookAt(reader, zone, entries, this.ports.now()) > this.ports.now()) continue;
      let complete = true;
      for (let start = 0; start < entries.length; start += reader.batch) {
        // A write that is due goes first, and this is tried again after it.
        if (!this.mayRead() || this.isWriting) return this.watch.read(this.flavor, read, this.ports.now());
        const some = entries.slice(start, start + reader.batch);
        const records = await this.read(reader, some, limits.readDeadlineMs);
        if (records === null || some.some(([, { fqdn }]) => !records.has(fqdn))) complete = false;
        if (records !== null) this.compare(some, records, look, this.lookOf(reader, zone));
      }
      read.push({ zone, complete });
    }
    this.watch.read(this.flavor, read, this.ports.now());
  }

  /** Takes what was read into account for names that nothing happened to meanwhile. */
  private compare(entries: readonly Entry[], records: ReadonlyMap<string, LiveRecords>, how: typeof look, seen: Look): void {
    for (const [key, publication] of entries) {
      const live = records.get(publication.fqdn);
      if (live === undefined || this.project.publications.get(key) !== publication) continue;
      const looked = how(publication, live, seen);
      sayLooked(this.project, publication, looked, live, seen.now);
      if (looked.publication !== publication) this.project.became(looked.publication, seen.now);
    }
    this.persist();
  }

  /** What is live, by name; null: it could not be read. */
  private async read(reader: Reader, entries: readonly Entry[], deadlineMs: number): Promise<ReadonlyMap<string, LiveRecords> | null> {
    this.spend();
    const fqdns = entries.map(([, { fqdn }]) => fqdn);
    try {
      const records = await callBackend(this.ports, deadlineMs, (io) => reader.read(fqdns, io));
      return new Map(records.map((record) => [record.fqdn, record]));
    } catch (error) {
      this.ports.log.warn(`engine: ${this.flavor} could not be read: ${error instanceof Error ? error.message : String(error)}`);
      return null;
    }
  }

  /** Null: its backend cannot tell what is live. */
  private reader(): Reader | null {
    const flavor = this.ports.flavors(this.flavor);
    if (flavor === null || !flavor.plugin.supports.readBack) return null;
    const { plugin, settings, credentials, drift = defaultDrift } = flavor;
    const { read } = plugin;
    if (read === undefined) return null;
    return { batch: plugin.supports.batch, drift, read: (fqdns, io) => read.call(plugin, fqdns, settings, credentials, io) };
  }

  private lookOf({ drift: settings }: Reader, zone: string): Look {
    return { now: this.ports.now(), settings, activity: this.watch.activity, seenAt: this.watch.seenAt(this.flavor, zone) };
  }

  /** When a zone is to be read: now and then, and sooner where somebody changed a name of late. */
  private lookAt({ drift: { intervalMs } }: Reader, zone: string, entries: readonly Entry[], now: number): number {
    const drifted = entries.some(([, { drifts }]) => now - (drifts.at(-1) ?? 0) < limits.conflictMs);
    return this.watch.dueAt(this.flavor, zone, drifted ? Math.min(intervalMs, limits.driftAgainMs) : intervalMs, now);
  }

  private watched(): Map<string, Entry[]> {
    const entries = this.entries().filter(([, publication]) => isWatched(publication));
    return Map.groupBy(entries, ([, { zone }]) => zone);
  }

  /** The flavor's publications, but those whose newest plan is being read back. */
  private entries(): Entry[] {
    return [...this.project.publications].filter(
      ([key, { flavor, number }]) => flavor === this.flavor && this.readingBack.get(key) !== number,
    );
  }

  private values(): Publication[] {
    return this.entries().map(([, publication]) => publication);
  }

  private channel(): Channel {
    const supports = this.ports.flavors(this.flavor)?.plugin.supports;
    return { budget: this.budget, limit: supports?.rateLimit, most: supports?.batch ?? 1 };
  }

  private mayRead(): boolean {
    const { budget, limit } = this.channel();
    return mayCall(budget, limit, "read", this.ports.now());
  }

  private callAt(use: Use, now: number): number {
    const { budget, limit } = this.channel();
    return callAt(budget, limit, use, now);
  }

  private spend(): void {
    this.budget = spend(this.budget, this.channel().limit, this.ports.now());
  }
}

function changeOf(publication: Publication): Change {
  const { wanted, fqdn, zone, gslbId, epoch, number } = publication;
  if (wanted !== null && wanted !== "removed") return { kind: "publish", plan: wanted };
  const also = ownersOf(publication).filter((owner) => owner !== gslbId);
  return { kind: "unpublish", fqdn, zone, gslbId, ...(also.length > 0 ? { also } : {}), epoch, number };
}
