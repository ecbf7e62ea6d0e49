/** What an Engine stored before its monitors had all the fields that they have now. */
import { describe, expect, it } from "vitest";
import { monitorWrite } from "../../plugins/index.ts";
import { Catalog, type CatalogMonitor } from "./catalog.ts";
import { configuration, monitor, uuid } from "./project.fixture.ts";

/** As an earlier version wrote it: the common fields of then, and the type's own. */
const old = (): CatalogMonitor => {
  const { observe_only: _, target: __, ...fields } = monitor(1, { type: "HTTP", url_path: "/health", version: 4 });
  return { ...fields, judged_version: 2 } as unknown as CatalogMonitor;
};
/** As a write of this version stores it. */
const now = (over: object) =>
  monitor(1, { ...monitorWrite.parse({ type: "HTTP", url_path: "/health", name: "renamed", ...over }), version: 5 });

describe("a monitor from before an upgrade", () => {
  it.each([
    ["that is renamed asks what it asked", {}, 2],
    ["that asks something else is another one", { url_path: "/other" }, 5],
    ["that only observes from now on is another one", { observe_only: true }, 5],
  ])("%s", (_, over, judgedVersion) => {
    const catalog = new Catalog(["weur"]);
    const known = old();
    const { delay, timeout, max_retries, rise, confirm_delay, check_regions } = known;
    catalog.restore({ gslbs: [], pools: [], members: [], monitors: [known], overrides: [] });
    const pace = { delay, timeout, max_retries, rise, confirm_delay, check_regions };
    catalog.take(configuration({ monitors: [now({ ...pace, ...over })] }));
    expect(catalog.monitors.get(uuid(1))?.judged_version).toBe(judgedVersion);
  });
});
