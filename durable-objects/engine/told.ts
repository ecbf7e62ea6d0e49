/**
 * What the Conductor knows of the statuses, as far as its configuration shows. Where that is not what was reported to it last, as after its
 * database was put back to a backup, it is reported again.
 */
import type { Configuration } from "../rpc.ts";
import type { Project } from "./project.ts";

export function believeWhatIsTold(project: Project, configuration: Configuration): void {
  for (const { id, status, in_rotation } of configuration.members) {
    const state = project.members.get(id);
    if (state !== undefined) state.reported = `${status} ${in_rotation}`;
  }
  for (const { id, status } of configuration.pools) {
    const state = project.pools.get(id);
    if (state !== undefined) state.reported = status;
  }
  for (const { id, status } of configuration.gslbs) {
    const state = project.gslbs.get(id);
    if (state !== undefined) state.reported = status;
  }
}
