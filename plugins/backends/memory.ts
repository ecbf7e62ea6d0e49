/**
 * The reference of a backend: names in a Map, as strict as the strictest provider. For tests only: it is in no registry, forgets
 * everything with the process, and never talks to anybody.
 */
import { z } from "zod";
import type { BackendPlugin, BackendSupport, Change, WriteFailure } from "../../domain/backend.ts";
import { fence, nameOf, recordsOf } from "../../domain/fence.ts";
import type { Plan } from "../../domain/plan.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";

const nothing = z.strictObject({});

const supports: BackendSupport = {
  policies: ["failover", "round_robin", "weighted"],
  recordTypes: ["A", "AAAA", "CNAME"],
  maxAnswers: 100,
  minTtl: 1,
  batch: 500,
  readBack: true,
};

/** How it differs from the strictest provider that answers for each change. */
export type MemoryOptions = {
  /** A write is taken whole or refused whole, and nobody is told for whose sake. */
  readonly atOnce?: boolean;
  /** Names that are refused for good, whatever they shall answer. */
  readonly refuses?: (fqdn: string) => boolean;
  readonly supports?: Partial<BackendSupport>;
};

/** `names` is what is live; hand in the same Map twice and two plugins write to one backend. */
export function memoryBackend(
  names: Map<string, Change> = new Map(),
  { atOnce = false, refuses = () => false, supports: over = {} }: MemoryOptions = {},
): BackendPlugin<typeof nothing, typeof nothing> {
  const able = { ...supports, ...over };
  const objectionOf = (change: Change): string | null => {
    if (refuses(nameOf(change))) return `${nameOf(change)} is not allowed`;
    return change.kind === "publish" ? objectionTo(change.plan) : null;
  };
  const writeOne = (change: Change): Result<null, WriteFailure> => {
    const objection = objectionOf(change);
    if (objection !== null) return fail({ class: "refused", detail: objection });
    const fenced = fence(names.get(nameOf(change)) ?? null, change);
    if (!fenced.ok) return fenced;
    if (fenced.value === "take") names.set(nameOf(change), structuredClone(change));
    return ok(null);
  };
  return {
    provider: "memory",
    title: "A reference backend for tests",
    settings: nothing,
    credentials: nothing,
    supports: able,
    identity: () => "",
    read: async (_zone, fqdns, { io }) => {
      assert(fqdns.length <= able.batch, `at most ${able.batch} names in a read`);
      io.signal.throwIfAborted();
      return fqdns.map((fqdn) => recordsOf(fqdn, names.get(fqdn) ?? null));
    },
    write: async (_zone, changes, { io }) => {
      assert(changes.length <= able.batch, `at most ${able.batch} changes in a write`);
      io.signal.throwIfAborted();
      if (atOnce && changes.some((change) => objectionOf(change) !== null)) return { class: "refused", detail: "a record is not allowed" };
      return changes.map(writeOne);
    },
  };
}

/** Why a provider would refuse these records for good, or null. */
function objectionTo(plan: Plan): string | null {
  if (plan.ttl < supports.minTtl) return `the TTL is under ${supports.minTtl}`;
  if (plan.answers.some((set) => set.type === "CNAME") && plan.answers.length > 1) return "a CNAME stands alone at its name";
  for (const { type, values } of plan.answers) {
    if (type === "CNAME" && values.length > 1) return "a CNAME has one target";
    if (values.length > supports.maxAnswers) return `more than ${supports.maxAnswers} values of type ${type}`;
    if (new Set(values).size < values.length) return `a value of type ${type} stands twice`;
  }
  return null;
}
