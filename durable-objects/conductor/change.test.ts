import { describe, expect, it } from "vitest";
import { changedFields, versionProblem } from "./change.ts";

describe("what a write changes", () => {
  it("is nothing when only the order of keys differs", () => {
    expect(changedFields({ a: { x: 1, y: [1, { p: 1, q: 2 }] } }, { a: { y: [1, { q: 2, p: 1 }], x: 1 } })).toEqual([]);
  });

  it("is each field that differs, and none that the write does not speak of", () => {
    expect(changedFields({ name: "a", delay: 20, tags: ["x", "y"], status: "DOWN" }, { name: "b", delay: 20, tags: ["y", "x"] })).toEqual([
      "name",
      "tags",
    ]);
  });

  it("tells null from absent", () => {
    expect(changedFields({}, { region: null })).toEqual(["region"]);
  });
});

describe("the expected version", () => {
  it("must be the one there is, unless none is expected", () => {
    expect(versionProblem({ version: 3 }, null)).toBeNull();
    expect(versionProblem({ version: 3 }, 3)).toBeNull();
    expect(versionProblem({ version: 3 }, 2)?.type).toBe("version-mismatch");
  });
});
