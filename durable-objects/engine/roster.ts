/**
 * Who judges a member, and from where: the monitors that are run for it, those of them that vote, and the regions that run each for each of its
 * endpoints. It is asked for each result, so it is made once and holds until the configuration is another one.
 */
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { CatalogMonitor } from "./catalog.ts";
import type { Places } from "./places.ts";

const nowhere: readonly string[] = [];

export class Roster {
  readonly member: Member;
  /** All that are run for it. */
  readonly monitors: readonly CatalogMonitor[];
  /** Those of the attached that judge it: who only observes does not. */
  readonly voters: readonly CatalogMonitor[];
  /** In the order of the monitors, and of the member's endpoints. */
  private readonly regions: readonly (readonly (readonly string[])[])[];

  constructor(member: Member, attached: readonly CatalogMonitor[], monitors: readonly CatalogMonitor[], places: Places) {
    this.member = member;
    this.monitors = monitors;
    this.voters = attached.some((monitor) => monitor.observe_only) ? attached.filter((monitor) => !monitor.observe_only) : attached;
    this.regions = monitors.map((monitor) => member.endpoints.map((endpoint) => places.of(member, endpoint, monitor)));
  }

  /** The regions that run a monitor for an endpoint. */
  regionsFor(monitor: Monitor, endpoint: string): readonly string[] {
    const lists = this.regions[this.monitors.indexOf(monitor as CatalogMonitor)];
    return lists?.[this.member.endpoints.indexOf(endpoint)] ?? nowhere;
  }
}
