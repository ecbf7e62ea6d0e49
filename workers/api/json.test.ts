import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { limits } from "../../domain/limits.ts";
import { parseJson } from "./json.ts";
import { mergePatch } from "./merge-patch.ts";

const mistake = (text: string) => {
  const parsed = parseJson(text);
  return parsed.ok ? null : parsed.error;
};

describe("JSON as the API takes it", () => {
  test("any JSON value with plain text comes back as it was", () => {
    const value = fc.jsonValue({ maxDepth: 6, noUnicodeString: false });
    fc.assert(
      fc.property(value, (sent) => {
        const text = JSON.stringify(sent);
        // Names and text that are refused on purpose are another test's.
        fc.pre(!text.includes("__proto__") && !text.includes("\\u"));
        expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  test("whatever the text is, it is read or refused, never thrown at", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(typeof parseJson(text).ok).toBe("boolean");
      }),
    );
  });

  test.each([
    ['{"a":1,"a":2}', "/a"],
    ['{"x":{"a":1},"y":{"b":1,"b":1}}', "/y/b"],
    ['{"list":[{"a":1},{"a":1,"a":2}]}', "/list/1/a"],
    ['{"\\u0061":1,"a":2}', "/a"],
    ['{"a/b~":{"c":1,"c":1}}', "/a~1b~0/c"],
    ['{"__proto__":{"admin":true}}', "/__proto__"],
    ['{"headers":{"__proto__":"x"}}', "/headers/__proto__"],
    ['{"name":"a\\u0000b"}', "/name"],
    ['{"tags":["ok","\\ud800"]}', "/tags/1"],
  ])("%s is refused with a pointer", (text, pointer) => {
    expect(mistake(text)?.pointer).toBe(pointer);
  });

  test.each(["", "{", '{"a":}', "undefined", "{'a':1}", '{"a":1}}', "[1,]", "\u{feff}{}"])("%j is not valid JSON", (text) => {
    expect(mistake(text)?.detail).toBe("is not valid JSON");
  });

  test("depth is bounded, however deep the text goes, and costs no stack", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(mistake(nested(limits.bodyDepth))).toBeNull();
    expect(mistake(nested(limits.bodyDepth + 1))?.detail).toContain("nested");
    expect(mistake(nested(500_000))?.detail).toContain("nested");
    expect(mistake(`${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`)?.detail).toContain("nested");
  });

  test("the same text under different names, and the same name in different objects, is fine", () => {
    expect(mistake('{"a":"a","b":"a","c":{"a":[{"a":1},{"a":1}]}}')).toBeNull();
  });
});

/** RFC 7396, appendix A: the cases whose patch is an object. */
describe("JSON Merge Patch", () => {
  test.each<[unknown, Record<string, unknown>, unknown]>([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j is %j", (target, patch, merged) => {
    expect(mergePatch(target, patch)).toEqual(merged);
  });
});
