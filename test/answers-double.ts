/**
 * The Answers objects without a Worker: the same store over an SQLite in memory, one for each object. For unit tests of what reads and
 * writes answers; what belongs to the platform (eviction, RPC) is not here.
 */
import { DatabaseSync } from "node:sqlite";
import { AnswersStore } from "../durable-objects/answers/store.ts";
import type { AnswersRpc } from "../durable-objects/rpc.ts";
import { answersIndex } from "../durable-objects/stubs.ts";

export const answersDouble = (): ((name: string) => AnswersRpc) => allAnswersDouble().one;

/** The object for a name, and all that were asked for. */
export function allAnswersDouble() {
  const objects = new Map<number, AnswersRpc>();
  const one = (name: string): AnswersRpc => {
    const index = answersIndex(name);
    const object = objects.get(index) ?? oneObject();
    objects.set(index, object);
    return object;
  };
  return { one, all: (): readonly AnswersRpc[] => [...objects.values()] };
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
    zones: async () => store.zones(),
    longestZone: async (zones, name) => store.longestZone(zones, name),
  };
}
