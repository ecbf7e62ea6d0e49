import { expect, it } from "vitest";
import { fillIn } from "./node-20.ts";

it("fills in what the shared code needs of a newer Node, and does the same as it", () => {
  const kept = { resolvers: Promise.withResolvers, parse: URL.parse, group: Map.groupBy };
  const newer: readonly [object, string][] = [
    [Promise, "withResolvers"],
    [URL, "parse"],
    [Map, "groupBy"],
  ];
  const originals = newer.map(([of, name]) => Object.getOwnPropertyDescriptor(of, name));
  try {
    for (const [of, name] of newer) Reflect.deleteProperty(of, name);
    fillIn();
    expect(URL.parse).not.toBe(kept.parse);
    for (const [text, base] of [["/b?c", "http://a/"], ["no"], ["http://[", "http://a/"], ["http://0x7f.1/"]] as const) {
      expect(URL.parse(text, base)?.href).toBe(kept.parse(text, base)?.href);
    }
    expect(Map.groupBy).not.toBe(kept.group);
    expect(Map.groupBy([1, 2, 3], (each) => each % 2)).toEqual(kept.group([1, 2, 3], (each) => each % 2));
    expect(Object.keys(Promise.withResolvers()).toSorted()).toEqual(["promise", "reject", "resolve"]);
  } finally {
    newer.forEach(([of, name], index) => {
      Object.defineProperty(of, name, originals[index] ?? {});
    });
  }
});
