/**
 * The reference of a backend: names in a Map, as strict as the strictest provider. For tests only: it is in no registry, forgets
 * everything with the process, and never talks to anybody.
 */
import { z } from "zod";
import type { BackendPlugin, BackendSupport, Change, WriteFailure } from "../../domain/backend.ts";
import { fence, nameOf, numberOf } from "../../domain/fence.ts";
import type { Plan } from "../../domain/plan.ts";
import { assert, fail, ok, type Result } from "../../domain/result.ts";

const nothing = z.strictObject({});

const supports: BackendSupport = {
  policies: ["failover", "round_robin"],
  recordTypes: ["A", "AAAA", "CNAME"],
  maxAnswers: 100,
  minTtl: 1,
  batch: 100,
  readBack: true,
};

/** `names` is what is live; hand in the same Map twice and two plugins write to one backend. */
export function memoryBackend(names: Map<string, Change> = new Map()): BackendPlugin<typeof nothing, typeof nothing> {
  const writeOne = (change: Change): Result<null, WriteFailure> => {
    const objection = change.kind === "publish" ? objectionTo(change.plan) : null;
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
    supports,
    read: async (fqdns) =>
      fqdns.map((fqdn) => {
        const held = names.get(fqdn);
        if (held === undefined) return { fqdn, epoch: null, number: null, answers: [] };
        const answers =
          held.kind === "publish" ? held.plan.answers.map(({ type, values, ttl }) => ({ type, values: [...values], ttl })) : [];
        const { epoch, number } = numberOf(held);
        return { fqdn, epoch, number, answers };
      }),
    write: async (changes, _settings, _credentials, io) => {
      assert(changes.length <= supports.batch, `at most ${supports.batch} changes in a write`);
      io.signal.throwIfAborted();
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
