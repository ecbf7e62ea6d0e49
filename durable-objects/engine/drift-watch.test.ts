/** When Kosmos is expected to judge: what tells being away from having nothing to do. */
import { describe, expect, it } from "vitest";
import type { Monitor } from "../../domain/monitor.ts";
import { Catalog } from "./catalog.ts";
import { isJudgingOften } from "./drift-watch.ts";
import { configuration, member, monitor, pool, uuid } from "./project.fixture.ts";

describe("judging", () => {
  const often = (monitors: Monitor[], attached: readonly Monitor[], endpoints = ["192.0.2.1"]) => {
    const catalog = new Catalog(["weur"]);
    const monitor_ids = attached.map(({ id }) => id);
    catalog.take(configuration({ pools: [pool(10, { monitor_ids })], members: [member(100, uuid(10), endpoints)], monitors }));
    return isJudgingOften(catalog);
  };

  it("goes on where a monitor that is switched on is attached to a member", () => {
    const one = monitor(1);
    expect(often([one], [one])).toBe(true);
    expect(often([one], [])).toBe(false);
    expect(often([one], [one], [])).toBe(false);
    const off = monitor(1, { admin_state_up: false });
    expect(often([off], [off])).toBe(false);
    expect(often([], [])).toBe(false);
  });

  it("is often only where the fastest monitor is, against the time without it that counts as away", () => {
    const slow = monitor(1, { delay: 600, timeout: 10 });
    const fast = monitor(2, { delay: 20 });
    expect(often([slow], [slow])).toBe(false);
    expect(often([slow, fast], [slow])).toBe(false);
    expect(often([slow, fast], [slow, fast])).toBe(true);
    // Two rounds, and the time that the second may take.
    const edge = monitor(3, { delay: 295, timeout: 10 });
    expect(often([edge], [edge])).toBe(false);
    expect(often([{ ...edge, timeout: 9 }], [edge])).toBe(true);
  });
});
