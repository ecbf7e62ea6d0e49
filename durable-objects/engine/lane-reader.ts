/**
 * What is read of one flavor while nothing is to be written: what its provider still hands out, until it is live, and whether others changed
 * what is (engine.md, rule 18).
 */
import type { LiveRecords } from "../../domain/backend.ts";
import { isWatched, type Look, look } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import { isTaken, type Publication } from "../../domain/publish.ts";
import type { DriftWatch } from "./drift-watch.ts";
import type { ClientPorts, FlavorClient } from "./flavor-client.ts";
import { HandedOut } from "./handed-out.ts";
import { sayLooked } from "./names.ts";
import type { Project } from "./project.ts";

export type Entry = readonly [key: string, publication: Publication];
/** What is live, by name. */
export type Found = ReadonlyMap<string, LiveRecords>;

export type LaneCalls = {
  /** The flavor's publications that may be read now. */
  entries(): Entry[];
  /** What was read of a name that its provider handed out when it was read last. */
  heard(entry: Entry, live: LiveRecords): void;
  persist(): void;
  isWriting(): boolean;
};

export class LaneReader {
  private readonly flavor: string;
  private readonly ports: Pick<ClientPorts, "now" | "random">;
  private readonly project: Project;
  private readonly watch: DriftWatch;
  private readonly client: FlavorClient;
  private readonly calls: LaneCalls;
  private readonly handedOut = new HandedOut();
  /** How far a zone was read when it had to end. */
  private readonly ended = new Map<string, { readonly start: number; readonly complete: boolean }>();

  constructor(
    flavor: string,
    ports: Pick<ClientPorts, "now" | "random">,
    project: Project,
    watch: DriftWatch,
    client: FlavorClient,
    calls: LaneCalls,
  ) {
    this.flavor = flavor;
    this.ports = ports;
    this.project = project;
    this.watch = watch;
    this.client = client;
    this.calls = calls;
  }

  /** When there is something to read next, Unix ms; null: nothing is waiting. */
  nextAt(now: number): number | null {
    if (!this.client.canRead()) return null;
    const entries = this.calls.entries();
    const looks = [...watchedIn(entries)].map(([zone, watched]) => this.lookAt(zone, watched, now));
    const taken = entries.filter(([, one]) => isTaken(one)).map(([key, one]) => this.handedOut.readAt(key, one, now));
    const next = Math.min(...looks, ...taken);
    return Number.isFinite(next) ? Math.max(next, this.client.callAt("read", now)) : null;
  }

  /** The provider still hands out this plan. */
  isPending(key: string, number: number): void {
    this.handedOut.again(key, number, this.ports.now(), null);
  }

  isOver(key: string): void {
    this.handedOut.ended(key);
  }

  async readDue(): Promise<void> {
    if (!this.client.canRead()) return;
    await this.readTaken();
    const zones = watchedIn(this.calls.entries());
    this.watch.keep(this.flavor, new Set(zones.keys()), this.ports.now());
    const read: { zone: string; complete: boolean }[] = [];
    const { most } = this.client.channel();
    for (const [zone, entries] of zones) {
      if (this.lookAt(zone, entries, this.ports.now()) > this.ports.now()) continue;
      // Where it ended before it was through it goes on: with few calls to spare nobody would be read who is behind others.
      let { start, complete } = this.ended.get(zone) ?? { start: 0, complete: true };
      for (; start < entries.length; start += most) {
        // A write that is due goes first, and this is tried again after it.
        if (!this.client.mayRead(this.ports.now()) || this.calls.isWriting()) {
          this.ended.set(zone, { start, complete });
          return this.watch.read(this.flavor, read, this.ports.now());
        }
        const some = entries.slice(start, start + most);
        const records = await this.client.read(zone, fqdnsOf(some), limits.readDeadlineMs);
        if (!records.ok || some.some(([, { fqdn }]) => !records.value.has(fqdn))) complete = false;
        if (records.ok) this.compare(some, records.value, look, zone);
      }
      this.ended.delete(zone);
      read.push({ zone, complete });
    }
    this.watch.read(this.flavor, read, this.ports.now());
  }

  /** Takes what was read into account for names that nothing happened to meanwhile. */
  compare(entries: readonly Entry[], records: Found, how: typeof look, zone: string): void {
    const now = this.ports.now();
    const seen: Look = {
      now,
      expect: (plan) => this.client.expect(plan),
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
    this.calls.persist();
  }

  /**
   * When a zone is to be read: now and then, and sooner where somebody changed a name of late. Where nobody wants drift looked for, only if
   * something could not be read back.
   */
  private lookAt(zone: string, entries: readonly Entry[], now: number): number {
    const { intervalMs } = this.client.drift();
    const isUnseen = entries.some(([, { unseen }]) => unseen);
    if (intervalMs === 0) return isUnseen ? this.watch.dueAt(this.flavor, zone, limits.driftIntervalMs, now) : Infinity;
    const drifted = entries.some(([, { drifts }]) => now - (drifts.at(-1) ?? 0) < limits.conflictMs);
    return this.watch.dueAt(this.flavor, zone, drifted ? Math.min(intervalMs, limits.driftAgainMs) : intervalMs, now);
  }

  /** What is still handed out is read again, before anything is looked for. */
  private async readTaken(): Promise<void> {
    const due = this.calls
      .entries()
      .filter(([key, one]) => isTaken(one) && this.handedOut.readAt(key, one, this.ports.now()) <= this.ports.now());
    const { most } = this.client.channel();
    for (const [zone, entries] of Map.groupBy(due, ([, one]) => one.zone)) {
      for (let start = 0; start < entries.length && this.client.mayRead(this.ports.now()); start += most) {
        const some = entries.slice(start, start + most);
        const read = await this.client.read(zone, fqdnsOf(some), limits.readDeadlineMs);
        const isStill = ([key, { number }]: Entry) => {
          const one = this.project.publications.get(key);
          return one !== undefined && one.number === number && isTaken(one);
        };
        for (const entry of some.filter(isStill)) {
          const live = read.ok ? read.value.get(entry[1].fqdn) : undefined;
          if (live === undefined) this.handedOut.again(entry[0], entry[1].number, this.ports.now(), this.ports.random());
          else this.calls.heard(entry, live);
        }
        this.calls.persist();
      }
    }
  }
}

export const fqdnsOf = (entries: readonly Entry[]): string[] => entries.map(([, { fqdn }]) => fqdn);

const watchedIn = (entries: readonly Entry[]): Map<string, Entry[]> =>
  Map.groupBy(
    entries.filter(([, publication]) => isWatched(publication)),
    ([, { zone }]) => zone,
  );
