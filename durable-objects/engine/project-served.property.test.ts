/** What is only said beside the verdicts moves no answer: two worlds that hear the same votes serve the same, whatever one of them hears besides. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { monitor, regions, report, uuid, World } from "./project.fixture.ts";

const outcome = fc.constantFrom("pass", "fail", "no_data", null);
/** What each region says of each of two members in a period, and what is said beside it. */
const period = fc.array(fc.record({ says: outcome, aside: outcome, warns: fc.boolean() }), { minLength: 6, maxLength: 6 });
type Period = {
  readonly says: "pass" | "fail" | "no_data" | null;
  readonly aside: "pass" | "fail" | "no_data" | null;
  readonly warns: boolean;
};

/** Plays the periods; `beside` hears more than the votes. The answers after each period. */
function play(periods: readonly (readonly Period[])[], beside: "warnings" | "observer" | null): (readonly string[] | null)[] {
  const world = new World();
  if (beside === "observer")
    world.configure({
      pools: [{ ...world.pool, version: 2, monitor_ids: [uuid(1), uuid(2)] }],
      monitors: [monitor(2, { observe_only: true })],
    });
  else world.configure({ pools: [{ ...world.pool, version: 2, name: "renamed" }] });
  return periods.map((said) => {
    world.now += 10_000;
    for (const [index, { says, aside, warns }] of said.entries()) {
      const subject = index < 3 ? world.one : world.two;
      const region = regions[index % 3] ?? "";
      if (says !== null) {
        const told = report(region, world.now, subject, says);
        const observations = told.observations.map((one) => (beside === "warnings" && warns ? { ...one, warning: "expires soon" } : one));
        world.project.observe([{ ...told, observations }], world.now);
      }
      if (beside === "observer" && aside !== null) world.hear(subject, aside, [region], { monitor: uuid(2) });
    }
    world.project.tick(world.now);
    world.publish();
    return world.answers();
  });
}

describe("properties of what is served", () => {
  it.each(["warnings", "observer"] as const)("is the same with %s and without", (beside) => {
    fc.assert(
      fc.property(fc.array(period, { minLength: 1, maxLength: 12 }), (periods) => {
        expect(play(periods, beside)).toEqual(play(periods, null));
      }),
      { numRuns: 100 },
    );
  });
});
