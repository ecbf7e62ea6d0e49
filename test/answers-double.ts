/**
 * The Answers objects without a Worker: the same store over an SQLite in memory, one for each object. For unit tests of what reads and
 * writes answers; what belongs to the platform (eviction, RPC) is not here.
 */
import { DatabaseSync } from "node:sqlite";
import { AnswersStore } from "../durable-objects/answers/store.ts";
import type { AnswersRpc } from "../durable-objects/rpc.ts";
import { answersIndex } from "../durable-objects/stubs.ts";

export function answersDouble(): (name: string) => AnswersRpc {
  const objects = new Map<number, AnswersRpc>();
  return (name) => {
    const index = answersIndex(name);
    const object = objects.get(index) ?? oneObject();
    objects.set(index, object);
    return object;
  };
}

function oneObject(): AnswersRpc {
  const database = new DatabaseSync(":memory:");
  const store = new AnswersStore({ exec: (query, ...bindings) => database.prepare(query).all(...bindings) });
  return {
    write: async (changes) => changes.map((change) => store.write(structuredClone(change))),
    read: async (fqdns) => fqdns.map((fqdn) => store.read(fqdn)),
    lookup: async (fqdn) => store.lookup(fqdn),
    holdZone: async (zone, names) => store.mark(zone, names, true),
    releaseZone: async (zone, names) => store.mark(zone, names, false),
    longestZone: async (zones, name) => store.longestZone(zones, name),
  };
}
