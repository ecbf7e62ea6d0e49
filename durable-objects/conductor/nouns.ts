/** The four kinds of resource: how each is made, read, replaced and removed. Their lists are in list.ts. */
import type { Kind, Kinds } from "../rpc.ts";
import type { Decision, Scope, Writing } from "./change.ts";
import { createGslb, readGslb, removeGslb, replaceGslb } from "./gslb.ts";
import { createMember, readMember, removeMember, replaceMember } from "./member.ts";
import { createMonitor, removeMonitor, replaceMonitor } from "./monitor.ts";
import { readMonitor } from "./monitor-row.ts";
import { createPool, readPool, removePool, replacePool } from "./pool.ts";

export type Removal = { readonly expected: number | null; readonly records: "delete" | "keep"; readonly force?: boolean };

export type Noun<K extends Kind> = {
  /** Completes "there is no such …". */
  readonly words: string;
  create(writing: Writing, input: Kinds[K]["create"]): Promise<Decision<Kinds[K]["resource"]>>;
  read(scope: Scope, id: string): Promise<Kinds[K]["resource"] | null>;
  /** `force`: although a live GSLB is left without an enabled member. */
  replace(
    writing: Writing,
    id: string,
    input: Kinds[K]["write"],
    expected: number | null,
    force: boolean,
  ): Promise<Decision<Kinds[K]["resource"]>>;
  remove(writing: Writing, id: string, options: Removal): Promise<Decision<null>>;
};

export const nouns: { readonly [K in Kind]: Noun<K> } = {
  gslb: { words: "GSLB", create: createGslb, read: readGslb, replace: replaceGslb, remove: removeGslb },
  pool: {
    words: "pool",
    create: createPool,
    read: readPool,
    replace: replacePool,
    remove: (writing, id, { expected }) => removePool(writing, id, expected),
  },
  pool_member: {
    words: "pool member",
    create: createMember,
    read: readMember,
    replace: replaceMember,
    remove: removeMember,
  },
  monitor: {
    words: "monitor",
    create: createMonitor,
    read: readMonitor,
    replace: replaceMonitor,
    remove: (writing, id, { expected }) => removeMonitor(writing, id, expected),
  },
};
