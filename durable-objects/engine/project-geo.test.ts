/** A GSLB that is steered by place, in a project: what its plan says of whose clients a pool is for, and its status. */
import { beforeEach, describe, expect, it } from "vitest";
import { nowhere, poolFor } from "../../domain/geo.ts";
import { member, pool, uuid, World } from "./project.fixture.ts";

const abroad = pool(11);
const sentinel = member(110, uuid(11), ["198.51.100.1"]);
const home = uuid(10);
let world: World;

const place = (geofence: boolean) => ({ [home]: { locations: [{ country: "FR" }], geofence } });
const configure = (version: number, pool_places: ReturnType<typeof place>) =>
  world.configure({
    pools: [abroad],
    members: [sentinel],
    gslbs: [{ ...world.gslb, version, steering_policy: "geo", pool_ids: [home, abroad.id], pool_places }],
  });

beforeEach(() => {
  world = new World();
  configure(2, place(false));
  world.bothUp();
});

const plan = () => [...world.project.publications.values()][0]?.live?.plan;
const answerIn = (country: string): string[] => {
  const chosen = poolFor(plan()?.places ?? [], { ...nowhere, country });
  return (plan()?.answers ?? []).filter(({ pool_id }) => pool_id === chosen).flatMap(({ values }) => values);
};
const allDown = () => {
  for (let count = 0; count < 20; count += 1)
    world.period([
      [world.one, "fail"],
      [world.two, "fail"],
    ]);
};

describe("a GSLB that is steered by place", () => {
  it("is ACTIVE while everybody's first choice is served", () => {
    expect([answerIn("FR"), answerIn("US")]).toEqual([["192.0.2.1", "192.0.2.2"], ["198.51.100.1"]]);
    expect(plan()).toMatchObject({
      policy: "geo",
      places: [
        { pool_id: home, own: false },
        { pool_id: abroad.id, locations: [] },
      ],
    });
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("ACTIVE");
  });

  it("sends clients of a pool that fails to the next one, or keeps them behind a fence, and is DEGRADED", () => {
    allDown();
    expect([answerIn("FR"), answerIn("US")]).toEqual([["198.51.100.1"], ["198.51.100.1"]]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("DEGRADED");
    configure(3, place(true));
    world.publish();
    expect([answerIn("FR"), answerIn("US")]).toEqual([["192.0.2.1", "192.0.2.2"], ["198.51.100.1"]]);
    expect(world.project.gslbs.get(world.gslb.id)?.status).toBe("DEGRADED");
  });

  it("publishes what people change of the places alone", () => {
    const before = plan()?.number ?? 0;
    world.configure({ gslbs: [{ ...world.gslb, version: 3, steering_policy: "geo", pool_ids: [home, abroad.id], pool_places: {} }] });
    world.publish();
    expect(plan()?.number).toBe(before + 1);
    expect(answerIn("US")).toEqual(["192.0.2.1", "192.0.2.2"]);
  });
});
