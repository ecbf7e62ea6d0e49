/**
 * What the Conductor knows of the statuses, as far as its configuration shows. Where that is not what was reported to it last, as after its
 * database was put back to a backup, it is reported again: what it shows is not believed either, since older reports may still be on their way.
 */
import { isNeutron } from "../../domain/member.ts";
import type { Configuration } from "../rpc.ts";
import type { Project } from "./project.ts";

export function reportAgain(project: Project, configuration: Configuration): void {
  const compare = (state: { reported: string } | undefined, shown: string) => {
    if (state !== undefined && state.reported !== shown) state.reported = "";
  };
  for (const { id, status, in_rotation } of configuration.members) compare(project.members.get(id), `${status} ${in_rotation}`);
  for (const { id, endpoints } of configuration.members.filter(isNeutron)) {
    const [found = [], state] = [project.catalog.members.get(id)?.endpoints, project.members.get(id)];
    if (state !== undefined && found.length > 0 && found.join() !== endpoints.join()) state.reported = "";
  }
  for (const { id, status } of configuration.pools) compare(project.pools.get(id), status);
  for (const { id, status } of configuration.gslbs) compare(project.gslbs.get(id), status);
}
