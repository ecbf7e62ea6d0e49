/**
 * Everything that goes to one flavor: batches of what is due, one after the other, each after a look at what is there, and when nothing is due,
 * what is live is read (`lane-reader.ts`). Changes are made from the publications at the moment of the call, so that only the newest plan is
 * ever written. It decides nothing of what is wanted.
 */
import type { Change, LiveRecords, WholeFailure, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { type Batch, nextBatch, nextWriteAt } from "../../domain/batch.ts";
import { type Expect, lookBefore, readBack } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import { isOthers, mustBeRead, objection } from "../../domain/ownership.ts";
import { grow, halve, isDue, ownersOf, type Publication, retryNow, suspect, take } from "../../domain/publish.ts";
import type { DriftWatch } from "./drift-watch.ts";
import { type ClientPorts, FlavorClient } from "./flavor-client.ts";
import { type Entry, type Found, fqdnsOf, LaneReader } from "./lane-reader.ts";
import { sayAdopted, type WrittenBatch } from "./names.ts";
import type { EnginePorts } from "./ports.ts";
import type { Project } from "./project.ts";
import { Pump } from "./pump.ts";
import { Readings } from "./readings.ts";

export type LanePorts = ClientPorts & Pick<EnginePorts, "random" | "background">;

export class Lane {
  readonly flavor: string;
  private readonly ports: LanePorts;
  private readonly project: Project;
  private readonly watch: DriftWatch;
  private readonly persist: () => void;
  private readonly client: FlavorClient;
  private readonly looking: Pump;
  private readonly writing: Pump;
  private readonly reading: Pump;
  private readonly expect: Expect = (plan) => this.client.expect(plan);
  private isLooking = false;
  /** What is being written: nothing that is read of it meanwhile is worth anything. */
  private underWay: ReadonlySet<string> = new Set();
  private isWriting = false;
  private isReading = false;
  /** Written and being read back: the number, by the publication's key. A newer plan does not wait for it. */
  private readonly readingBack = new Map<string, number>();
  private readonly readings = new Readings();
  /** Others' records that are being written over, until that is told. */
  private readonly adopting = new Map<string, LiveRecords>();
  private readonly reader: LaneReader;

  /** `persist` stores what changed; `settled` is called after each run. */
  constructor(flavor: string, ports: LanePorts, project: Project, watch: DriftWatch, persist: () => void, settled: () => void) {
    this.flavor = flavor;
    this.ports = ports;
    this.project = project;
    this.watch = watch;
    this.persist = persist;
    this.client = new FlavorClient(flavor, ports);
    const entries = () => this.entries();
    const heard = (entry: Entry, live: LiveRecords) => this.heard(entry, live);
    this.reader = new LaneReader(flavor, ports, project, watch, this.client, { entries, heard, persist, isWriting: () => this.isWriting });
    this.looking = new Pump(ports, `looking at ${flavor} before it is written`, () => this.lookFirst(), settled);
    this.writing = new Pump(ports, `publishing to ${flavor}`, () => this.writeDue(), settled);
    this.reading = new Pump(ports, `reading ${flavor}`, () => this.readDue(), settled);
  }

  /** Writes what is due, then reads; what must be read before it is written holds nothing else up. */
  async kick(): Promise<void> {
    const write = async () => {
      await this.writing.kick();
      await this.reading.kick();
    };
    await Promise.all([this.looking.kick(), write()]);
  }

  /** Its settings or credentials are others now: what failed is due at once. */
  flavorChanged(): void {
    this.client.changed();
    for (const [key] of this.entries()) this.change(key, retryNow);
    this.persist();
  }

  /** When there is something to do next, Unix ms; null: nothing is waiting. */
  nextAt(now: number): number | null {
    const times: number[] = [];
    // What is under way is looked at again a second later, in case nobody is here to end it.
    const soon = now + 1_000;
    const free = this.isWriting ? soon : now;
    const due = (entries: readonly Entry[], from: number, pump: Pump) => {
      const at = nextWriteAt(
        entries.map(([, publication]) => publication),
        this.client.channel(),
        now,
      );
      if (at !== null) times.push(Math.max(at, from, pump.nextTryAt ?? now));
    };
    due(this.writable(), free, this.writing);
    due(this.unknown(), this.isLooking ? soon : now, this.looking);
    if (this.readingBack.size > 0) times.push(soon);
    const read = this.reader.nextAt(now);
    if (read !== null) times.push(Math.max(read, this.isReading ? soon : free, this.reading.nextTryAt ?? now));
    return times.length === 0 ? null : Math.min(...times);
  }

  /** Reads what must be known before it is written (`ownership.ts`); what cannot be read has failed. */
  private async lookFirst(): Promise<void> {
    this.isLooking = true;
    try {
      for (;;) {
        const batch = nextBatch(this.unknown(), this.client.channel(), this.ports.now());
        if (batch === null) return;
        await this.look(batch);
        this.persist();
        this.ports.background(this.writing.kick());
      }
    } finally {
      this.isLooking = false;
    }
  }

  private async look(batch: Batch): Promise<void> {
    const fqdns = fqdnsOf(this.present(batch.keys, () => true));
    const read = await this.client.read(batch.zone, fqdns, limits.readDeadlineMs);
    const entries = this.present(batch.keys, (one) => one.zone === batch.zone && mustBeRead(one));
    if (!read.ok) {
      if (read.error.class !== "refused") this.client.failed(fqdns);
      return this.cameOf(unread(read.error), entries, batch);
    }
    for (const entry of entries) {
      if (this.underWay.has(entry[0])) continue;
      const live = read.value.get(entry[1].fqdn);
      if (live === undefined) this.became(entry, { class: "retry", detail: `${entry[1].fqdn} ${unreadWords}` }, true);
      else this.readings.put(entry[0], live, this.ports.now());
    }
  }

  private async writeDue(): Promise<void> {
    this.isWriting = true;
    try {
      for (;;) {
        const batch = nextBatch(this.writable(), this.client.channel(), this.ports.now());
        if (batch === null) return;
        await this.write(batch);
        this.persist();
      }
    } finally {
      this.isWriting = false;
    }
  }

  private async readDue(): Promise<void> {
    this.isReading = true;
    try {
      await this.reader.readDue();
    } finally {
      this.isReading = false;
    }
  }

  private async write(batch: Batch): Promise<void> {
    this.underWay = new Set(batch.keys);
    try {
      await this.writeBatch(batch);
    } finally {
      this.underWay = new Set();
    }
  }

  private async writeBatch(batch: Batch): Promise<void> {
    const found = await this.readBefore(batch);
    // The newest plans, as they are now: whoever is held, gone or written by now is left out, and whoever meets others' records.
    const due = this.cleared(batch, found);
    if (due.length === 0) return;
    for (const [key, publication] of due) {
      const live = found.get(publication.fqdn);
      if (live !== undefined && isOthers(publication, live)) this.adopting.set(key, live);
    }
    const outcome = await this.client.write(
      batch.zone,
      due.map(([, publication]) => changeOf(publication, found.get(publication.fqdn))),
    );
    this.cameOf(outcome, due, batch);
  }

  /** What came of a write, or why there is none: of each, or of all of them. */
  private cameOf(outcome: WriteOutcome, due: readonly Entry[], batch: Batch): void {
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
    const now = this.ports.now();
    this.watch.active(now);
    for (const [key, publication] of taken) {
      const replaced = this.adopting.get(key);
      if (replaced !== undefined) sayAdopted(this.project, publication, replaced, now);
      this.adopting.delete(key);
    }
    if (!this.client.mayRead(this.ports.now())) {
      for (const entry of taken) this.became(entry, null, !this.client.canRead(), together);
      return;
    }
    for (const [key, { number }] of taken) this.readingBack.set(key, number);
    this.ports.background(this.readBack(taken, together));
  }

  private async readBack(taken: readonly Entry[], together: WrittenBatch): Promise<void> {
    const read = await this.client.read(together.zone, fqdnsOf(taken), limits.readDeadlineMs);
    for (const [key, { number }] of taken) if (this.readingBack.get(key) === number) this.readingBack.delete(key);
    for (const entry of taken) this.heard(entry, read.ok ? read.value.get(entry[1].fqdn) : undefined, together);
    this.persist();
  }

  /** What was read of a name whose newest plan the backend took; undefined: it could not be read. */
  private heard(entry: Entry, live: LiveRecords | undefined, together?: WrittenBatch): void {
    const [key, publication] = entry;
    const said = live === undefined ? null : readBack(publication, live, this.expect);
    if (said === "pending") {
      this.reader.isPending(key, publication.number);
      this.change(key, (one) => take(one, publication.number));
      return;
    }
    this.reader.isOver(key);
    this.became(entry, said, live !== undefined, together);
  }

  private change(key: string, how: (publication: Publication) => Publication): void {
    const publication = this.project.publications.get(key);
    if (publication !== undefined) this.project.publish(how(publication));
  }

  private became([key, { number }]: Entry, failure: WriteFailure | null, seen: boolean, batch?: WrittenBatch): void {
    const facts = batch === undefined ? { seen } : { seen, batch };
    this.project.written(key, number, failure, this.ports.now(), this.ports.random(), facts);
  }

  /** What is at the names of a batch, as far as it could be read. */
  private async readBefore({ keys, zone, urgency }: Batch): Promise<Found> {
    const found = new Map<string, LiveRecords>();
    for (const [key, { fqdn }] of this.present(keys, (one) => one.zone === zone)) {
      const live = this.readingOf(key);
      if (live !== undefined) found.set(fqdn, live);
      this.readings.forget(key);
    }
    // Whether others changed what is to be written over. It is waited for a moment only, since a dead endpoint waits for the write.
    const entries = this.present(keys, (one) => one.zone === zone && !found.has(one.fqdn));
    if (entries.length === 0 || !this.client.mayReadBefore(urgency, this.ports.now())) return found;
    const read = await this.client.read(zone, fqdnsOf(entries), limits.readBeforeWriteMs);
    if (!read.ok) return found;
    this.reader.compare(entries, read.value, lookBefore, zone);
    return new Map([...found, ...read.value]);
  }

  /** Of a batch, what may be written as things are found: what may not has become that failure. */
  private cleared({ keys, zone }: Batch, found: Found): Entry[] {
    const now = this.ports.now();
    const reads = this.client.canRead();
    const isDueNow = (one: Publication) => one.zone === zone && isDue(one, now) && (!reads || !mustBeRead(one) || found.has(one.fqdn));
    const objectionTo = (one: Publication): WriteFailure | null => {
      const live = found.get(one.fqdn);
      const adopt = this.project.catalog.gslbs.get(one.gslbId)?.adopt === true;
      return live === undefined ? null : objection(one, live, adopt, this.expect);
    };
    let objected = false;
    for (const entry of this.present(keys, isDueNow)) {
      const failure = objectionTo(entry[1]);
      if (failure === null) continue;
      this.became(entry, failure, true);
      objected = true;
    }
    // A number that went above what is there is stored before it is written.
    if (objected) this.persist();
    return this.present(keys, (one) => isDueNow(one) && objectionTo(one) === null);
  }

  /** The flavor's publications, but those whose newest plan is being read back. */
  private entries(): Entry[] {
    return [...this.project.publications].filter(
      ([key, { flavor, number }]) => flavor === this.flavor && this.readingBack.get(key) !== number,
    );
  }

  /** What may be written as far as is known. */
  private writable(): Entry[] {
    if (!this.client.canRead()) return this.entries();
    return this.entries().filter(([key, one]) => !mustBeRead(one) || this.readingOf(key) !== undefined);
  }

  /** What is to be read before it is written. */
  private unknown(): Entry[] {
    if (!this.client.canRead()) return [];
    return this.entries().filter(([key, one]) => mustBeRead(one) && !this.underWay.has(key) && this.readingOf(key) === undefined);
  }

  private readingOf(key: string): LiveRecords | undefined {
    return this.readings.get(key, this.client.channel().limit?.perMs ?? 0, this.ports.now());
  }

  /** Publications as they are now. */
  private present(keys: readonly string[], which: (publication: Publication) => boolean): Entry[] {
    return keys.flatMap((key): Entry[] => {
      const publication = this.project.publications.get(key);
      return publication !== undefined && which(publication) ? [[key, publication]] : [];
    });
  }
}

/** How long the flavor wants to be left alone; null: it does not. What it says of one name alone is that name's matter. */
function waitOfAll(outcome: WriteOutcome): number | null {
  const failures = "class" in outcome ? [outcome] : outcome.length > 1 ? outcome.map((result) => (result.ok ? null : result.error)) : [];
  const waits = failures.flatMap((failure) => (failure?.class === "retry" ? (failure.afterMs ?? []) : []));
  return waits.length > 0 && waits.length === failures.length ? Math.min(...waits) : null;
}

function changeOf(publication: Publication, live: LiveRecords | undefined): Change {
  const { wanted, fqdn, zone, gslbId, epoch, number } = publication;
  const found = live === undefined ? {} : { found: live };
  if (wanted !== null && wanted !== "removed") return { kind: "publish", plan: wanted, ...found };
  const also = ownersOf(publication).filter((owner) => owner !== gslbId);
  return { kind: "unpublish", fqdn, zone, gslbId, ...(also.length > 0 ? { also } : {}), epoch, number, ...found };
}

const unreadWords = "could not be read, which comes before it is written";

/** Why names are not written that cannot be read. */
const unread = (failure: WholeFailure): WholeFailure =>
  failure.class === "retry" ? { ...failure, detail: `it ${unreadWords}: ${failure.detail}` } : failure;
