/** Of which resources a configuration says anything: those whose rows in the Engine's storage are written anew, or go. */
import type { Configuration } from "../rpc.ts";
import type { Project } from "./project.ts";
import type { Store } from "./store.ts";

/** A whole configuration speaks of all that are known, too. */
export function idsOf(configuration: Configuration, project: Project, store: Store) {
  if (configuration.full) {
    const known = store.configuredIds();
    const { catalog } = project;
    return {
      gslbs: new Set([...known.gslbs, ...catalog.gslbs.keys()]),
      pools: new Set([...known.pools, ...catalog.pools.keys()]),
      members: new Set([...known.members, ...catalog.members.keys()]),
      monitors: new Set([...known.monitors, ...catalog.monitors.keys()]),
      overrides: new Set([...known.overrides, ...catalog.overrides.keys()]),
    };
  }
  const gone = (kind: string) => configuration.deleted.filter((item) => item.kind === kind).map((item) => item.id);
  const ids = (kind: string, items: readonly { readonly id: string }[]) => [...items.map((item) => item.id), ...gone(kind)];
  return {
    gslbs: ids("gslb", configuration.gslbs),
    pools: ids("pool", configuration.pools),
    members: ids("pool_member", configuration.members),
    monitors: ids("monitor", configuration.monitors),
    overrides: ids("override", configuration.overrides),
  };
}
