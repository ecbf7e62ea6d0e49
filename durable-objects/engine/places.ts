/**
 * From where each endpoint is checked: of a monitor's regions those whose vantage points have what its plugin needs for that very target. A
 * region that cannot run a check is none of its voters, so that nobody waits for its vote.
 */
import type { CheckTarget } from "../../domain/check.ts";
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import { checkTarget } from "../../domain/schedule.ts";
import { type Capability, capabilitiesOf, missing, ownRegion } from "../../domain/vantage-point.ts";
import { readNeeds } from "../../plugins/index.ts";
import { isPassive } from "./pace.ts";

type Needs = (target: CheckTarget | null) => readonly Capability[];
type Known = {
  readonly monitor: Monitor;
  readonly needs: Needs;
  /** By what is needed: most endpoints need the same, and have one list between them. */
  readonly byNeed: Map<string, readonly string[]>;
};

export class Places {
  /** The deployment's own regions: those of a monitor that names none. */
  readonly regions: readonly string[];
  /** `KOSMOS_ALLOW_PRIVATE`. */
  readonly allowPrivate: string | undefined;
  private readonly known = new Map<string, Known>();

  constructor(regions: readonly string[], allowPrivate: string | undefined) {
    this.regions = regions;
    this.allowPrivate = allowPrivate;
  }

  /** Those that a monitor asks for, whatever they can do. */
  named(monitor: Monitor): readonly string[] {
    return monitor.check_regions.length > 0 ? monitor.check_regions : this.regions;
  }

  /** Those of them that can run the monitor for this endpoint. */
  of(member: Member, endpoint: string, monitor: Monitor): readonly string[] {
    const { needs, byNeed } = this.knownOf(monitor);
    const needed = needs(checkTarget(member, endpoint, monitor));
    const key = needed.join();
    const found = byNeed.get(key) ?? this.able(monitor, needed);
    byNeed.set(key, found);
    return found;
  }

  /** Why nobody can check the endpoint: "no vantage point can check 192.0.2.1: tls is needed"; null: somebody can. */
  unable(member: Member, endpoint: string, monitor: Monitor): string | null {
    if (this.of(member, endpoint, monitor).length > 0) return null;
    const target = checkTarget(member, endpoint, monitor);
    const needs = this.knownOf(monitor).needs(target);
    const lacking = this.named(monitor).map((region) => missing(needs, capabilitiesOf(region, this.allowPrivate)));
    const everywhere = needs.filter((need) => lacking.every((list) => list.includes(need)));
    const needed = everywhere.length > 0 ? everywhere : needs.filter((need) => lacking.some((list) => list.includes(need)));
    return `no vantage point can check ${target.host}: ${needed.join(" and ")} ${needed.length > 1 ? "are" : "is"} needed`;
  }

  forget(monitorId: string): void {
    this.known.delete(monitorId);
  }

  private knownOf(monitor: Monitor): Known {
    const known = this.known.get(monitor.id);
    if (known?.monitor === monitor) return known;
    // What only the catalogue knows of it is none of its fields.
    const { judged_version: _, ...fields } = monitor;
    const needs = readNeeds(fields as Monitor);
    // Of a type that is not known here, or with fields that cannot be read: whoever is asked to run it says what is wrong.
    const anew: Known = { monitor, needs: needs.ok ? needs.value : () => [], byNeed: new Map() };
    this.known.set(monitor.id, anew);
    return anew;
  }

  private able(monitor: Monitor, needed: readonly Capability[]): readonly string[] {
    // What needs no network is judged here, wherever else checks are run.
    if (isPassive(monitor)) return [ownRegion];
    return this.named(monitor).filter((region) => missing(needed, capabilitiesOf(region, this.allowPrivate)).length === 0);
  }
}
