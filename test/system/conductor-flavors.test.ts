/** Flavors in the deployment's Conductor, and GSLBs that use them, in the real runtime: one writer at a place, and nothing let go before its time. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { FlavorWrite } from "../../domain/flavor.ts";
import type { FlavorsRpc, SealedWrite } from "../../durable-objects/rpc-backends.ts";
import { by, type Conductors, gslbOf, poolOf, problem, startConductors, value } from "./conductor/conductor-harness.ts";
import { until } from "./until.ts";

const always = { expected: null, records: "delete" } as const;
const drift = { drift_interval: 300, on_drift: "reassert" };

let system: Conductors;
let flavors: FlavorsRpc;
beforeAll(async () => {
  system = await startConductors();
  flavors = system.deployment as unknown as FlavorsRpc;
});
beforeEach(async () => {
  await system.faults({ d1: "none", engine: "none" });
});
afterAll(() => system.harness.close());

/** Two flavors of one endpoint write to the same place. */
const flavorOf = (name: string, endpoint = name, rest: Partial<FlavorWrite> = {}): SealedWrite<FlavorWrite> => ({
  name,
  provider: "cloudflare_dns",
  settings: { api_url: `https://${endpoint}.example.com`, ...drift },
  description: null,
  project_ids: [],
  domain_names: [],
  sealed: "v1.sealed",
  ...rest,
});
const make = async (name: string, endpoint?: string, rest?: Partial<FlavorWrite>) =>
  value(await flavors.createFlavor(flavorOf(name, endpoint, rest), by));

/** Where the name is claimed, by the first label of the place. */
const claims = async (fqdn: string) => {
  const rows = await system.rows<{ flavor: string }>("SELECT flavor FROM name_claim WHERE fqdn = ?", `${fqdn}.example.com.`);
  return rows.map((row) => row.flavor.replace(/^\S+ https:\/\/([^.]+)\..*$/, "$1")).toSorted();
};
const confirm = (project: string, gslb_id: string, ...names: string[]) =>
  system
    .of(project)
    .record({ statuses: [], settled: [], events: [], unpublished: names.map((flavor) => ({ gslb_id, flavor })), ended: [] });
const tombstones = async (project: string) =>
  (await system.of(project).configuration(null)).tombstones.map(({ flavor, remove }) => `${flavor} ${remove}`).toSorted();

describe("the flavors of a deployment", () => {
  it("are made, read, replaced and removed; what is sealed stays unless it is said otherwise, and is in no answer of a write", async () => {
    const made = await make("one");
    expect(made).toMatchObject({ name: "one", provider: "cloudflare_dns", version: 1, settings: drift });
    expect(made).not.toHaveProperty("sealed");
    expect(problem(await flavors.createFlavor(flavorOf("one"), by))).toMatchObject({ type: "conflict", errors: [{ pointer: "/name" }] });
    expect(value(await flavors.readFlavor("one"))).toEqual({ ...made, sealed: "v1.sealed" });

    const kept = value(await flavors.replaceFlavor("one", { ...flavorOf("one"), description: "new", sealed: undefined }, 1, by));
    expect(kept).toMatchObject({ version: 2, description: "new" });
    expect(value(await flavors.readFlavor("one")).sealed).toBe("v1.sealed");
    expect(problem(await flavors.replaceFlavor("one", flavorOf("one"), 1, by)).type).toBe("version-mismatch");
    expect(value(await flavors.replaceFlavor("one", { ...flavorOf("one"), description: "new", sealed: undefined }, null, by))).toEqual(
      kept,
    );
    value(await flavors.replaceFlavor("one", { ...flavorOf("one"), sealed: null }, null, by));
    expect(value(await flavors.readFlavor("one")).sealed).toBeNull();

    expect(problem(await flavors.removeFlavor("one", 1, by)).type).toBe("version-mismatch");
    value(await flavors.removeFlavor("one", null, by));
    expect(problem(await flavors.removeFlavor("one", null, by)).type).toBe("not-found");
    expect(problem(await flavors.readFlavor("one")).type).toBe("not-found");
  });

  it("are known while D1 is away, also by an object that has just started", async () => {
    await make("away");
    await system.evict("deployment");
    await system.faults({ d1: "before", matching: "" });
    expect(value(await flavors.readFlavor("away"))).toMatchObject({ name: "away", sealed: "v1.sealed" });
    expect(problem(await flavors.createFlavor(flavorOf("late"), by)).type).toBe("unavailable");
    await system.faults({ d1: "none" });
    expect(value(await flavors.flavors()).map(({ name }) => name)).toContain("away");
  });

  it("that a GSLB uses change only in what may change, and are not removed; a project's pool counts, too", async () => {
    await make("used");
    const project = system.of("users");
    const pool = value(await project.create("pool", poolOf("bound", { flavor: "used" }), by));
    const gslb = value(await project.create("gslb", gslbOf("used", { flavors: ["edge", "used"], pool_ids: [] }), by));
    const users = [
      { type: "gslb", id: gslb.id, name: "used.example.com." },
      { type: "pool", id: pool.id, name: "bound" },
    ];
    expect(problem(await flavors.removeFlavor("used", null, by))).toMatchObject({ type: "in-use", users });
    const moved = problem(await flavors.replaceFlavor("used", flavorOf("used", "elsewhere"), null, by));
    expect(moved).toMatchObject({ type: "in-use", users });
    expect(moved.detail).toContain("/settings/api_url");
    const free = {
      ...flavorOf("used", "used", { description: "x", project_ids: ["users"], domain_names: ["example.com."] }),
      sealed: "v1.other",
    };
    const settings = { ...free.settings, drift_interval: 0, on_drift: "hold" };
    expect(value(await flavors.replaceFlavor("used", { ...free, settings }, null, by))).toMatchObject({ version: 2, settings });

    value(await project.remove("gslb", gslb.id, always, by));
    expect(problem(await flavors.removeFlavor("used", null, by))).toMatchObject({ type: "in-use", users });
    await confirm("users", gslb.id, "edge", "used");
    value(await project.remove("pool", pool.id, always, by));
    value(await flavors.removeFlavor("used", null, by));
  });

  it("reach every project's Engine at once; one that does not answer hears of it from the watchdog", async () => {
    value(await system.of("hears").create("pool", poolOf("p"), by));
    const heard = async () => (await system.told("hears")).backends;
    const before = await heard();
    await make("news");
    await until(heard, { what: "the Engine to hear of it", is: (count) => count > before });
    await system.faults({ engine: "refuses" });
    value(await flavors.replaceFlavor("news", { ...flavorOf("news"), description: "new" }, null, by));
    const meanwhile = await heard();
    await system.evict("deployment");
    await system.faults({ engine: "none" });
    await system.deployment.watch();
    await until(heard, { what: "the Engine to hear of it after all", is: (count) => count > meanwhile });
  });
});

describe("a GSLB of several flavors", () => {
  it("claims its name where each of them writes; another project is refused there, and not elsewhere", async () => {
    await make("north");
    await make("south");
    await make("north-too", "north");
    const project = system.of("several");
    const made = value(await project.create("gslb", gslbOf("several", { flavors: ["edge", "north"], adopt: true }), by));
    expect(made).toMatchObject({ flavor: "edge", flavors: ["edge", "north"], adopt: true, ttl: 60 });
    expect(value(await project.read("gslb", made.id))).toEqual(made);
    expect((await project.configuration(null)).gslbs).toEqual([made]);
    expect(await claims("several")).toEqual(["edge", "north"]);
    const other = system.of("others");
    for (const taken of ["edge", "north", "north-too"]) {
      const refused = problem(await other.create("gslb", gslbOf("several", { flavor: taken }), by));
      expect(refused).toEqual({
        type: "conflict",
        detail: "/fqdn: a GSLB has this name already",
        errors: [{ pointer: "/fqdn", detail: "is the name of a GSLB already" }],
      });
    }
    expect(value(await other.create("gslb", gslbOf("several", { flavor: "south" }), by)).flavors).toEqual(["south"]);
    expect(problem(await project.create("gslb", gslbOf("twice", { flavors: ["north", "north-too"] }), by))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/flavors/1", detail: "writes to the same place as north" }],
    });
  });

  it("is refused where a flavor is not for its project or its zone; one that it has already stays", async () => {
    const project = system.of("allowed");
    await make("private");
    const made = value(await project.create("gslb", gslbOf("allowed", { flavor: "private" }), by));
    value(await flavors.replaceFlavor("private", flavorOf("private", "private", { project_ids: ["other"] }), null, by));
    expect(problem(await project.create("gslb", gslbOf("allowed-2", { flavor: "private" }), by)).type).toBe("flavor-not-allowed");
    expect(value(await project.replace("gslb", made.id, gslbOf("allowed", { flavor: "private", ttl: 90 }), null, by)).ttl).toBe(90);
    value(await flavors.replaceFlavor("private", flavorOf("private", "private", { domain_names: ["example.org."] }), null, by));
    expect(problem(await project.create("gslb", gslbOf("allowed-2", { flavors: ["edge", "private"] }), by)).type).toBe(
      "flavor-not-allowed",
    );
  });

  it("takes what it gets and gives up what it loses only when the backend has let it go", async () => {
    await make("old");
    await make("new");
    const project = system.of("moves");
    const made = value(await project.create("gslb", gslbOf("moves", { flavor: "old" }), by));
    const moved = value(await project.replace("gslb", made.id, gslbOf("moves", { flavors: ["new", "edge"] }), 1, by));
    expect(moved).toMatchObject({ flavor: "new", flavors: ["new", "edge"], version: 2 });
    expect(await claims("moves")).toEqual(["edge", "new", "old"]);
    expect(await tombstones("moves")).toEqual(["old true"]);
    expect(problem(await flavors.removeFlavor("old", null, by)).type).toBe("in-use");
    expect(problem(await system.of("thief").create("gslb", gslbOf("moves", { flavor: "old" }), by)).type).toBe("conflict");

    const back = gslbOf("moves", { flavors: ["new", "old"] });
    value(await project.replace("gslb", made.id, back, null, by));
    expect([await tombstones("moves"), await claims("moves")]).toEqual([["edge true"], ["edge", "new", "old"]]);
    // What was confirmed before it came back takes nothing from it.
    await confirm("moves", made.id, "old");
    expect(await claims("moves")).toEqual(["edge", "new", "old"]);
    await confirm("moves", made.id, "edge");
    expect([await tombstones("moves"), await claims("moves")]).toEqual([[], ["new", "old"]]);
    expect(value(await project.read("gslb", made.id)).flavors).toEqual(["new", "old"]);
  });

  it("that moves to another flavor of the same place removes nothing there", async () => {
    await make("here");
    await make("here-too", "here");
    const project = system.of("stays");
    const made = value(await project.create("gslb", gslbOf("stays", { flavor: "here" }), by));
    value(await project.replace("gslb", made.id, gslbOf("stays", { flavor: "here-too" }), null, by));
    expect([await tombstones("stays"), await claims("stays")]).toEqual([[], ["here"]]);
  });

  it("is decided anew where its flavor changes while it is written", async () => {
    await make("racing");
    const project = system.of("racing");
    const [first] = await Promise.all([
      project.create("gslb", gslbOf("racing", { flavor: "racing" }), by),
      flavors.removeFlavor("racing", null, by),
    ]);
    const known = value(await flavors.flavors()).some(({ name }) => name === "racing");
    expect(first.ok).toBe(known);
  });
});

describe("a GSLB that is deleted", () => {
  it("is there, on its way out, until its backends have let it go; then its name is free", async () => {
    await make("slow");
    await make("slower");
    const project = system.of("leaves");
    const pool = value(await project.create("pool", poolOf("p"), by));
    const made = value(await project.create("gslb", gslbOf("leaves", { flavors: ["slow", "slower", "edge"], pool_ids: [pool.id] }), by));
    const before = await project.configuration(null);
    value(await project.remove("gslb", made.id, always, by));
    expect(value(await project.read("gslb", made.id))).toMatchObject({ action: "DELETE", version: 2, flavors: ["slow", "slower", "edge"] });
    value(await project.remove("gslb", made.id, always, by));
    expect(problem(await project.replace("gslb", made.id, gslbOf("leaves"), null, by)).type).toBe("conflict");
    expect(problem(await project.addGslbPool(made.id, { pool_id: pool.id }, null, by)).type).toBe("conflict");
    value(await project.remove("pool", pool.id, always, by));
    const after = await project.configuration(before);
    expect(after).toMatchObject({ full: false, gslbs: [], deleted: [{ kind: "gslb", id: made.id }, { kind: "pool" }] });
    expect((await project.configuration(null)).gslbs).toEqual([]);
    expect(await tombstones("leaves")).toEqual(["edge true", "slow true", "slower true"]);

    await confirm("leaves", made.id, "slow", "edge");
    expect(value(await project.read("gslb", made.id)).action).toBe("DELETE");
    expect(await claims("leaves")).toEqual(["slower"]);
    await confirm("leaves", made.id, "slower");
    expect(problem(await project.read("gslb", made.id)).type).toBe("not-found");
    expect(await claims("leaves")).toEqual([]);
    value(await system.of("others").create("gslb", gslbOf("leaves", { flavor: "slow" }), by));
  });

  it("gives its name to a GSLB of the same project before that, and to nobody else's", async () => {
    await make("busy");
    const project = system.of("again");
    const first = value(await project.create("gslb", gslbOf("again", { flavor: "busy" }), by));
    value(await project.remove("gslb", first.id, always, by));
    expect(problem(await system.of("others").create("gslb", gslbOf("again", { flavor: "busy" }), by)).type).toBe("conflict");
    const second = value(await project.create("gslb", gslbOf("again", { flavor: "busy" }), by));
    expect(await tombstones("again")).toEqual(["busy false"]);
    await confirm("again", first.id, "busy");
    expect(problem(await project.read("gslb", first.id)).type).toBe("not-found");
    expect(value(await project.read("gslb", second.id)).flavor).toBe("busy");
    expect(await claims("again")).toEqual(["busy"]);
  });

  it("is forgotten at once by force, or where its records stay, also when it is on its way out", async () => {
    await make("stuck");
    const project = system.of("forced");
    for (const [options, left] of [
      [{ ...always, force: true }, ["edge true", "stuck false"]],
      [{ expected: null, records: "keep" as const }, ["edge false", "stuck false"]],
    ] as const) {
      const made = value(await project.create("gslb", gslbOf("forced", { flavors: ["stuck", "edge"] }), by));
      value(await project.remove("gslb", made.id, always, by));
      value(await project.remove("gslb", made.id, options, by));
      expect(problem(await project.read("gslb", made.id)).type).toBe("not-found");
      expect([await claims("forced"), await tombstones("forced")]).toEqual([[], left]);
      await confirm("forced", made.id, "stuck", "edge");
    }
    const made = value(await project.create("gslb", gslbOf("forced", { flavor: "stuck" }), by));
    value(await project.remove("gslb", made.id, { expected: null, records: "keep" }, by));
    expect([await claims("forced"), await tombstones("forced")]).toEqual([[], []]);
    value(await flavors.removeFlavor("stuck", null, by));
  });
});
