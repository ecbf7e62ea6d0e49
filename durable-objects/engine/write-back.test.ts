import { describe, expect, it } from "vitest";
import type { WriteBack } from "../rpc.ts";
import { event } from "./evidence.ts";
import { uuid } from "./project.fixture.ts";
import { cut, merge } from "./write-back.ts";

const nothing: WriteBack = { statuses: [], settled: [], events: [], unpublished: [], ended: [] };
const down = { kind: "pool_member", id: uuid(1), status: "DOWN", in_rotation: false } as const;
const up = { ...down, status: "ACTIVE", in_rotation: true } as const;

describe("parts of a write-back", () => {
  it("fit a row of storage, however much each event says", () => {
    const events = Array.from({ length: 200 }, (_, n) =>
      event(uuid(n), 0, { kind: "member_status", severity: "warning", reason: "", evidence: { votes: "x".repeat(20_000) } }),
    );
    const parts = cut({ ...nothing, statuses: [down], events });
    for (const part of parts) expect(JSON.stringify(part).length).toBeLessThan(600_000);
    expect(parts.flatMap((part) => part.events)).toEqual(events);
    expect(parts.flatMap((part) => part.statuses)).toEqual([down]);
  });

  it("are none where there is nothing to say, and one where there is little", () => {
    expect(cut(nothing)).toEqual([]);
    expect(cut({ ...nothing, statuses: [down], settled: [{ kind: "gslb", id: uuid(2), version: 3 }] })).toHaveLength(1);
  });

  it("sent together say the last status of each resource alone", () => {
    const merged = merge([
      { ...nothing, statuses: [up, down] },
      { ...nothing, statuses: [{ kind: "gslb", id: uuid(1), status: "DOWN" }, up] },
    ]);
    expect(merged.statuses).toEqual([up, { kind: "gslb", id: uuid(1), status: "DOWN" }]);
  });
});
