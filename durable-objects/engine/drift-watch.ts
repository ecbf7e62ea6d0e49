/**
 * When the names of a flavor's zone were read, and when Kosmos was at work: what tells when to look for drift again, and what was changed while
 * nobody watched. Stored when something was read, never because time passed.
 */
import { z } from "zod";
import { type Activity, active } from "../../domain/drift.ts";
import { limits } from "../../domain/limits.ts";
import type { Catalog, CatalogMonitor } from "./catalog.ts";
import { timingOf } from "./pace.ts";

export const zonesRead = z.object({
  quietUntil: z.number(),
  zones: z.record(
    z.string(),
    z.object({
      /** When reading was last tried, and when it last succeeded for every name (0: never), Unix ms. */
      tried: z.number(),
      seen: z.number(),
    }),
  ),
});
export type ZonesRead = z.output<typeof zonesRead>;

export type DriftMemory = { zonesRead(): ZonesRead | null; putZonesRead(zones: ZonesRead): void };

export class DriftWatch {
  private readonly memory: DriftMemory;
  private readonly zones: ZonesRead["zones"];
  activity: Activity;

  /** `lastAlive`: when Kosmos was last at work, before this start; null: never, as far as is known. */
  constructor(memory: DriftMemory, lastAlive: number | null) {
    this.memory = memory;
    const known = memory.zonesRead();
    this.zones = { ...known?.zones };
    this.activity = { at: lastAlive, quietUntil: known?.quietUntil ?? 0 };
  }

  /** Kosmos judged, or published. */
  active(now: number): void {
    const { quietUntil } = this.activity;
    this.activity = active(this.activity, now);
    if (this.activity.quietUntil !== quietUntil) this.store();
  }

  seenAt(flavor: string, zone: string): number {
    return this.zones[`${flavor} ${zone}`]?.seen ?? 0;
  }

  /** When a zone is to be read next. One that is new was just written. */
  dueAt(flavor: string, zone: string, everyMs: number, now: number): number {
    const tried = this.zones[`${flavor} ${zone}`]?.tried ?? now;
    // A time that is ahead was noted before the clock was set.
    return (tried > now ? 0 : tried) + everyMs;
  }

  /** Takes note of the zones that a flavor has, as read at `now` where they are new, and forgets the others. */
  keep(flavor: string, zones: ReadonlySet<string>, now: number): void {
    let changed = false;
    for (const key of Object.keys(this.zones)) {
      const [of, zone = ""] = key.split(" ");
      if (of !== flavor || zones.has(zone)) continue;
      delete this.zones[key];
      changed = true;
    }
    for (const zone of zones) {
      if (this.zones[`${flavor} ${zone}`] !== undefined) continue;
      this.zones[`${flavor} ${zone}`] = { tried: now, seen: 0 };
      changed = true;
    }
    if (changed) this.store();
  }

  /** Zones that were read just now. `complete`: every name of them. */
  read(flavor: string, zones: readonly { readonly zone: string; readonly complete: boolean }[], now: number): void {
    for (const { zone, complete } of zones) {
      this.zones[`${flavor} ${zone}`] = { tried: now, seen: complete ? now : this.seenAt(flavor, zone) };
    }
    if (zones.length > 0) this.store();
  }

  private store(): void {
    this.memory.putZonesRead({ quietUntil: this.activity.quietUntil, zones: this.zones });
  }
}

/**
 * Whether something is to be judged so often that nothing judged for long means that Kosmos was away. Where nothing is, or seldom, being awake
 * is all the work there is.
 */
export function isJudgingOften(catalog: Catalog): boolean {
  const isOften = (monitor: CatalogMonitor) => {
    const { delayMs, timeoutMs } = timingOf(monitor, 0);
    return 2 * delayMs + timeoutMs < limits.quietMs;
  };
  for (const member of catalog.members.values()) {
    if (member.endpoints.length === 0) continue;
    if (catalog.rosterOf(member).monitors.some((one) => one.admin_state_up && isOften(one))) return true;
  }
  return false;
}
