/**
 * Everything that goes to one flavor: batches of what is due, one after the other, and when nothing is, what is live there is read. Changes are
 * made from the publications at the moment of the call, so that only the newest plan is ever written. It decides nothing of what is wanted.
 */
import type { Change, LiveRecords, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { type Batch, nextBatch, nextWriteAt } from "../../domain/batch.ts";
import { type Expect, isWatched, type Look, look, lookBefore, readBack } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import { grow, halve, isDue, ownersOf, type Publication, suspect } from "../../domain/publish.ts";
import type { DriftWatch } from "./drift-watch.ts";
import { type ClientPorts, FlavorClient } from "./flavor-client.ts";
import { sayLooked, type WrittenBatch } from "./names.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { Pump } from "./pump.ts";

export type LanePorts = ClientPorts & Pick<EnginePorts, "random" | "background">;
type Entry = readonly [key: string, publication: Publication];

export class Lane {
  private readonly flavor: string;
  private readonly ports: LanePorts;
  private readonly project: Project;
  private readonly watch: DriftWatch;
  private readonly persist: () => void;
  private readonly client: FlavorClient;
  private readonly writing: Pump;
  private readonly reading: Pump;
  private readonly expect: Expect = (plan) => this.client.expect(plan);
  private isWriting = false;
  /** Written and being read back: the number, by the publication's key. A newer plan does not wait for it. */
  private readonly readingBack = new Map<string, number>();

  /** `persist` stores what changed; `settled` is called after each run. */
  constructor(flavor: string, ports: LanePorts, project: Project, watch: DriftWatch, persist: () => void, settled: () => void) {
    this.flavor = flavor;
    this.ports = ports;
    this.project = project;
    this.watch = watch;
    this.persist = persist;
    this.client = new FlavorClient(flavor, ports);
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
    const entries = this.entries();
    const times: number[] = [];
    // What is under way is looked at again a second later, in case nobody is here to end it.
    const soon = now + 1_000;
    const free = this.isWriting ? soon : now;
    const write = nextWriteAt(
      entries.map(([, publication]) => publication),
      this.client.channel(),
      now,
    );
    if (write !== null) times.push(Math.max(write, free, this.writing.nextTryAt ?? now));
    if (this.readingBack.size > 0) times.push(soon);
    if (this.client.canRead()) {
      const may = Math.max(free, this.client.callAt("read", now), this.reading.nextTryAt ?? now);
      for (const [zone, watched] of watchedIn(entries)) times.push(Math.max(this.lookAt(zone, watched, now), may));
    }
    return times.length === 0 ? null : Math.min(...times);
  }

  private async writeDue(): Promise<void> {
    this.isWriting = true;
    try {
      for (;;) {
        const batch = nextBatch(this.entries(), this.client.channel(), this.ports.now());
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
    const due = this.present(batch.keys, (one) => one.zone === batch.zone && isDue(one, this.ports.now()));
    if (due.length === 0) return;
    const outcome = await this.client.write(
      batch.zone,
      due.map(([, publication]) => changeOf(publication)),
    );
    if ("class" in outcome && outcome.class === "refused" && due.length > 1) {
      for (const [key, { number }] of due) this.change(key, (one) => halve(one, number, due.length));
      return;
    }
    const afterMs = waitOfAll(outcome);
    if (afterMs !== null) this.client.postpone(afterMs);
    const together: WrittenBatch = { names: due.length, zone: batch.zone, halved: batch.atMost !== null };
    const taken: Entry[] = [];
    for (const [index, entry] of due.entries()) {
      const result = "class" in outcome ? { ok: false as const, error: outcome } : outcome[index];
      if (result?.ok === true) {
        taken.push(entry);
        continue;
      }
      const failure: WriteFailure = result?.error ?? { class: "retry", detail: "the backend did not say what came of it" };
      this.became(entry, failure, true, together);
      // A throw, or silence, may be one name's doing.
      if ("class" in outcome && afterMs === null && failure.class === "retry") {
        this.change(entry[0], (one) => suspect(one, entry[1].number, due.length));
      }
    }
    if (taken.length === 0) return;
    this.took(taken, together);
    const { atMost, zone } = batch;
    if (atMost === null) return;
    const others = this.entries().filter(([key, one]) => one.zone === zone && !taken.some(([done]) => done === key));
    for (const [key] of others) this.change(key, (one) => grow(one, atMost, this.client.channel().most));
  }

  /** What the backend says it took is read back, beside the next writes, where it can be read. */
  private took(taken: readonly Entry[], together: WrittenBatch): void {
    this.watch.active(this.ports.now());
    if (!this.mayRead()) {
      for (const entry of taken) this.became(entry, null, !this.client.canRead(), together);
      return;
    }
    for (const [key, { number }] of taken) this.readingBack.set(key, number);
    this.ports.background(this.readBack(taken, together));
  }

  private async readBack(taken: readonly Entry[], together: WrittenBatch): Promise<void> {
    const records = await this.client.read(together.zone, fqdnsOf(taken), limits.readDeadlineMs);
    for (const [key, { number }] of taken) if (this.readingBack.get(key) === number) this.readingBack.delete(key);
    for (const entry of taken) {
      const live = records?.get(entry[1].fqdn);
      this.became(entry, live === undefined ? null : readBack(entry[1], live, this.expect), live !== undefined, together);
    }
    this.persist();
  }

  private change(key: string, how: (publication: Publication) => Publication): void {
    const publication = this.project.publications.get(key);
    if (publication !== undefined) this.project.publish(how(publication));
  }

  private became([key, { number }]: Entry, failure: WriteFailure | null, seen: boolean, batch: WrittenBatch): void {
    this.project.written(key, number, failure, this.ports.now(), this.ports.random(), { seen, batch });
  }

  /** Whether others changed what is to be written over. It is waited for a moment only, since a dead endpoint waits for the write. */
  private async readBefore({ keys, zone }: Batch): Promise<void> {
    const entries = this.present(keys, ({ live, unsure }) => live !== null && !unsure);
    if (entries.length === 0 || !this.mayRead()) return;
    const records = await this.client.read(zone, fqdnsOf(entries), limits.readBeforeWriteMs);
    if (records !== null) this.compare(entries, records, lookBefore, zone);
  }

  private async readDue(): Promise<void> {
    if (!this.client.canRead()) return;
    const zones = watchedIn(this.entries());
    this.watch.keep(this.flavor, new Set(zones.keys()), this.ports.now());
    const read: { zone: string; complete: boolean }[] = [];
    const { most } = this.client.channel();
    for (const [zone, entries] of zones) {
      if (this.lookAt(zone, entries, this.ports.now()) > this.ports.now()) continue;
      let complete = true;
      for (let start = 0; start < entries.length; start += most) {
        // A write that is due goes first, and this is tried again after it.
        if (!this.mayRead() || this.isWriting) return this.watch.read(this.flavor, read, this.ports.now());
        const some = entries.slice(start, start + most);
        const records = await this.client.read(zone, fqdnsOf(some), limits.readDeadlineMs);
        if (records === null || some.some(([, { fqdn }]) => !records.has(fqdn))) complete = false;
        if (records !== null) this.compare(some, records, look, zone);
      }
      read.push({ zone, complete });
    }
    this.watch.read(this.flavor, read, this.ports.now());
  }

  /** Takes what was read into account for names that nothing happened to meanwhile. */
  private compare(entries: readonly Entry[], records: ReadonlyMap<string, LiveRecords>, how: typeof look, zone: string): void {
    const now = this.ports.now();
    const seen: Look = {
      now,
      expect: this.expect,
      settings: this.client.drift(),
      activity: this.watch.activity,
      seenAt: this.watch.seenAt(this.flavor, zone),
    };
    for (const [key, publication] of entries) {
      const live = records.get(publication.fqdn);
      if (live === undefined || this.project.publications.get(key) !== publication) continue;
      const looked = how(publication, live, seen);
      sayLooked(this.project, publication, looked, live, now);
      if (looked.publication !== publication) this.project.became(looked.publication, now);
    }
    this.persist();
  }

  /** When a zone is to be read: now and then, and sooner where somebody changed a name of late. */
  private lookAt(zone: string, entries: readonly Entry[], now: number): number {
    const { intervalMs } = this.client.drift();
    const drifted = entries.some(([, { drifts }]) => now - (drifts.at(-1) ?? 0) < limits.conflictMs);
    return this.watch.dueAt(this.flavor, zone, drifted ? Math.min(intervalMs, limits.driftAgainMs) : intervalMs, now);
  }

  private mayRead(): boolean {
    const now = this.ports.now();
    return this.client.canRead() && this.client.callAt("read", now) <= now;
  }

  /** The flavor's publications, but those whose newest plan is being read back. */
  private entries(): Entry[] {
    return [...this.project.publications].filter(
      ([key, { flavor, number }]) => flavor === this.flavor && this.readingBack.get(key) !== number,
    );
  }

  /** Publications as they are now. */
  private present(keys: readonly string[], which: (publication: Publication) => boolean): Entry[] {
    return keys.flatMap((key): Entry[] => {
      const publication = this.project.publications.get(key);
      return publication !== undefined && which(publication) ? [[key, publication]] : [];
    });
  }
}

const watchedIn = (entries: readonly Entry[]): Map<string, Entry[]> =>
  Map.groupBy(
    entries.filter(([, publication]) => isWatched(publication)),
    ([, { zone }]) => zone,
  );

/** How long the flavor wants to be left alone; null: it does not. What it says of one name alone is that name's matter. */
function waitOfAll(outcome: WriteOutcome): number | null {
  const failures = "class" in outcome ? [outcome] : outcome.length > 1 ? outcome.map((result) => (result.ok ? null : result.error)) : [];
  const waits = failures.flatMap((failure) => (failure?.class === "retry" ? (failure.afterMs ?? []) : []));
  return waits.length > 0 && waits.length === failures.length ? Math.min(...waits) : null;
}

const fqdnsOf = (entries: readonly Entry[]): string[] => entries.map(([, { fqdn }]) => fqdn);

function changeOf(publication: Publication): Change {
  const { wanted, fqdn, zone, gslbId, epoch, number } = publication;
  if (wanted !== null && wanted !== "removed") return { kind: "publish", plan: wanted };
  const also = ownersOf(publication).filter((owner) => owner !== gslbId);
  return { kind: "unpublish", fqdn, zone, gslbId, ...(also.length > 0 ? { also } : {}), epoch, number };
}
