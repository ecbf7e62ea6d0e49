import { describe, expect, it } from "vitest";
import { actionMayFollow, actions, mayFollow, nextStatus, statuses } from "./status.ts";

describe("the state machine of status", () => {
  it("has every way but those back to PENDING", () => {
    for (const from of statuses) {
      for (const to of statuses) expect(mayFollow(from, to)).toBe(from === to || to !== "PENDING");
    }
  });

  it("keeps what was where a step is impossible", () => {
    expect(nextStatus("DOWN", "PENDING")).toBe("DOWN");
    expect(nextStatus("DEGRADED", "DOWN")).toBe("DOWN");
    expect(nextStatus("DOWN", "DEGRADED")).toBe("DEGRADED");
  });
});

describe("the state machine of action", () => {
  it("ends what was begun before it begins something else; a deletion may come at any time and is the end", () => {
    const steps = actions.flatMap((from) => actions.filter((to) => from !== to && actionMayFollow(from, to)).map((to) => `${from} ${to}`));
    expect(steps).toEqual(["NONE UPDATE", "NONE DELETE", "CREATE NONE", "CREATE DELETE", "UPDATE NONE", "UPDATE DELETE"]);
  });
});
