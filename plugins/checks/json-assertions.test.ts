import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type JsonAssertion, judgeJson } from "./json-assertions.ts";
import { type JsonStep, lookUp, parseJsonPath } from "./json-path.ts";

const judge = (text: string, assertion: JsonAssertion, cut = false) => judgeJson(new TextEncoder().encode(text), cut, [assertion]);

describe("a path into JSON", () => {
  it.each<[string, readonly JsonStep[]]>([
    ["$", []],
    ["$.a", ["a"]],
    ["$.a.b[0]", ["a", "b", 0]],
    ["$[0][12]", [0, 12]],
    ["$['a b'].c", ["a b", "c"]],
    ["$['it\\'s']['a\\\\b']", ["it's", "a\\b"]],
    ["$['']", [""]],
    ["$['$.a[0]']", ["$.a[0]"]],
    ["$.größe_1", ["größe_1"]],
    ["$['__proto__']", ["__proto__"]],
  ])("%s has the steps %j", (path, steps) => {
    expect(parseJsonPath(path)).toEqual(steps);
  });

  it.each([
    "",
    "a",
    ".a",
    "$a",
    "$.",
    "$..a",
    "$.a.",
    "$.1a",
    "$.a-b",
    "$.a b",
    "$[]",
    "$[-1]",
    "$[01]",
    "$[1.5]",
    "$[0",
    "$[a]",
    "$[*]",
    "$.*",
    "$[0:1]",
    "$['a]",
    "$['a'b']",
    "$['a\\n']",
    '$["a"]',
    "$[?@.a]",
    "$ .a",
    "$.a\n",
    "$['\u0000']",
    "$[1234567890]",
  ])("%j is none", (path) => {
    expect(parseJsonPath(path)).toBeNull();
  });

  it("finds what is there, and nothing of what objects and texts have by themselves", () => {
    const value = JSON.parse('{"a":[1,{"b":null}],"s":"text","__proto__":5}');
    const at = (path: string) => lookUp(value, parseJsonPath(path) ?? ["no path"]);
    expect(at("$.a[0]")).toBe(1);
    expect(at("$.a[1].b")).toBeNull();
    expect(at("$.__proto__")).toBe(5);
    for (const path of [
      "$.b",
      "$.a[2]",
      "$.a.length",
      "$.a['0']",
      "$.s.length",
      "$.s[0]",
      "$.constructor",
      "$.toString",
      "$[0]",
      "$.a[1].b.c",
    ]) {
      expect(at(path)).toBeUndefined();
    }
  });
});

describe("properties of paths into JSON", () => {
  const step = fc.oneof(
    fc.nat({ max: 999_999_999 }),
    fc.string({ maxLength: 5, unit: "grapheme" }).filter((text) => !/\p{Cc}/u.test(text)),
  );
  const write = (steps: readonly JsonStep[]) =>
    `$${steps.map((each) => (typeof each === "number" ? `[${each}]` : `['${each.replace(/[\\']/g, "\\$&")}']`)).join("")}`;

  it("every place can be written, and is read again", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        expect(parseJsonPath(write(steps))).toEqual(steps);
      }),
    );
  });

  it("every place in a value is found by its path", () => {
    const places = (value: unknown, steps: readonly JsonStep[] = []): [readonly JsonStep[], unknown][] => {
      const inner = Array.isArray(value)
        ? value.map((each, index): [JsonStep, unknown] => [index, each])
        : typeof value === "object" && value !== null
          ? Object.entries(value)
          : [];
      return [[steps, value], ...inner.flatMap(([step, each]) => places(each, [...steps, step]))];
    };
    fc.assert(
      fc.property(fc.json({ maxDepth: 4 }), (text) => {
        const value: unknown = JSON.parse(text);
        for (const [steps, found] of places(value)) expect(lookUp(value, steps)).toBe(found);
      }),
    );
  });

  it("whatever is written as a path, reading it ends, without a throw", () => {
    const part = fc.constantFrom("$", ".", "[", "]", "'", "\\", "a", "0", "ü", " ", "\u0000", "['", "']");
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 300 }).map((parts) => `$${parts.join("")}`),
        (path) => {
          const steps = parseJsonPath(path);
          if (steps !== null) expect(parseJsonPath(write(steps)) ?? steps).toEqual(steps);
        },
      ),
    );
  });
});

describe("what is expected of a JSON body", () => {
  const body = `{"status":"degraded","queue":{"length":150,"name":null},"up":true,"big":"${"x".repeat(100)}"}`;
  it.each<[JsonAssertion, string | null]>([
    [{ path: "$.status", equals: "degraded" }, null],
    [{ path: "$.status", equals: "ok" }, '$.status is "degraded", expected "ok"'],
    [{ path: "$.up", equals: "true" }, '$.up is true, expected "true"'],
    [{ path: "$.queue.name", equals: null }, null],
    [{ path: "$.queue", equals: null }, '$.queue is {"length":150,"name":null}, expected null'],
    [{ path: "$.none", equals: null }, "$.none is not there"],
    [{ path: "$.status", not_equals: "ok" }, null],
    [{ path: "$.status", not_equals: "degraded" }, '$.status is "degraded", expected anything else'],
    [{ path: "$.none", not_equals: "x" }, "$.none is not there"],
    [{ path: "$.queue.length", less_than: 151 }, null],
    [{ path: "$.queue.length", less_than: 150 }, "$.queue.length is 150, expected less than 150"],
    [{ path: "$.queue.length", greater_than: 149.5 }, null],
    [{ path: "$.queue.length", greater_than: 150 }, "$.queue.length is 150, expected more than 150"],
    [{ path: "$.status", less_than: 5 }, '$.status is "degraded", expected a number'],
    [{ path: "$.none", greater_than: 5 }, "$.none is not there"],
    [{ path: "$.queue.name", exists: true }, null],
    [{ path: "$.none", exists: true }, "$.none is not there"],
    [{ path: "$.none", exists: false }, null],
    [{ path: "$.up", exists: false }, "$.up is there: true"],
    [{ path: "$.big", equals: "y" }, `$.big is "${"x".repeat(36)}..., expected "y"`],
  ])("%j of it: %s", (assertion, problem) => {
    expect(judge(body, assertion)).toBe(problem);
  });

  it("is all of it, and the first that does not hold is told", () => {
    const all = [
      { path: "$.up", equals: true },
      { path: "$.status", equals: "ok" },
      { path: "$.none", exists: true },
    ];
    expect(judgeJson(new TextEncoder().encode(body), false, all)).toBe('$.status is "degraded", expected "ok"');
  });

  it("is none where the body is not JSON, or is cut before it could be", () => {
    const any: JsonAssertion = { path: "$", exists: true };
    expect(judge("", any)).toBe("the body is empty, not JSON");
    expect(judge("<html>", any)).toBe("the body of 6 bytes is not JSON");
    expect(judge('{"a":1', any)).toBe("the body of 6 bytes is not JSON");
    expect(judge('{"a":1', any, true)).toBe("the body is longer than the 6 bytes that are read, and so far no JSON");
    expect(judge("\ufeff1", any)).toBeNull();
    expect(judgeJson(Uint8Array.of(0x22, 0xff, 0x22), false, [any])).toBe("the body of 3 bytes is not JSON");
    expect(judge(`${"[".repeat(60_000)}`, any)).toBe("the body of 60000 bytes is not JSON");
  });

  it("is told in one short line of printable ASCII, whatever is there", () => {
    fc.assert(
      fc.property(fc.json(), fc.string({ unit: "binary", maxLength: 60 }), (text, equals) => {
        expect(judge(text, { path: "$['ü\u{1f600}']", equals })).toMatch(/^[ -~]{1,200}$/);
        const found = judge(JSON.stringify(equals), { path: "$", not_equals: equals });
        expect(found).toMatch(/^[ -~]{1,200}$/);
      }),
    );
  });
});

describe("a body that is nested deeper than anybody goes", () => {
  it("is judged like any other, and throws nothing", () => {
    const deep = `{"status":${"[".repeat(30_000)}${"]".repeat(30_000)}}`;
    expect(judge(deep, { path: "$.status", equals: "ok" })).toBe('$.status is a deeply nested value, expected "ok"');
    expect(judge(deep, { path: "$.status", exists: false })).toBe("$.status is there: a deeply nested value");
  });
});
