/** Faults in who may write what at a name (engine.md, rules 17 to 20). */
import type { Mutant } from "../mutant.ts";

const publish = "domain/publish.ts";
const ownership = "domain/ownership.ts";
const lane = "durable-objects/engine/lane.ts";

export const publishing: readonly Mutant[] = [
  {
    name: "the-fence-takes-lower-numbers",
    rule: "only a change with a higher number replaces what is held",
    file: "domain/fence.ts",
    find: "if (order > 0 && !isForeign(held, change))",
    replace: "if (order !== 0 && !isForeign(held, change))",
  },
  {
    name: "a-removal-takes-what-is-not-its-own",
    rule: "a removal takes only what its own GSLB put there",
    file: "domain/fence.ts",
    find: "if (order > 0 && !isForeign(held, change))",
    replace: "if (order > 0)",
  },
  {
    name: "an-older-write-confirms-the-newest",
    rule: "only the newest plan is confirmed by its own write",
    file: publish,
    find: "if (number !== publication.number) return { ...publication, confirmed: number };",
    replace: "number = publication.number;",
  },
  {
    name: "an-older-refusal-delays-the-newest",
    rule: "an older plan in a retry is dropped",
    file: publish,
    find: "if (number !== publication.number) return publication;\n  const attempts",
    replace: "const attempts",
  },
  {
    name: "numbers-do-not-rise",
    rule: "a plan has a strictly rising number",
    file: publish,
    find: "Math.max(publication.epoch, epoch), publication.number + 1,",
    replace: "Math.max(publication.epoch, epoch), Math.max(1, publication.number),",
  },
  {
    name: "the-epoch-is-not-raised",
    rule: "a restore of D1 raises the epoch",
    file: publish,
    find: "Math.max(publication.epoch, epoch), publication.number + 1,",
    replace: "publication.epoch, publication.number + 1,",
  },
  {
    name: "the-engine-keeps-its-epoch",
    rule: "a restore of D1 raises the epoch",
    file: "durable-objects/engine/project.ts",
    find: "this.epoch = Math.max(this.epoch, configuration.epoch);",
    replace: "",
  },
  {
    name: "the-same-is-written-again",
    rule: "with stable targets nothing is written",
    file: publish,
    find: "JSON.stringify(current.answers) === JSON.stringify(wanted.answers)",
    replace: "false",
  },
  {
    name: "retries-end",
    rule: "a write is tried again without end",
    file: publish,
    find: "publication.wanted !== null && publication.confirmed !== publication.number;",
    replace: "publication.wanted !== null && publication.confirmed !== publication.number && publication.attempts < 3;",
  },
  {
    name: "retries-without-a-bound",
    rule: "retries are at most five minutes apart",
    file: publish,
    find: "Math.min(limits.retryMaxMs, limits.retryBaseMs * 2 ** Math.min(attempts, 20))",
    replace: "limits.retryBaseMs * 2 ** Math.min(attempts, 20)",
  },
  {
    name: "superseded-gives-up",
    rule: "a plan that was superseded goes above what is there",
    file: publish,
    find: "const above = Math.max(publication.number, failure.number) + 1;",
    replace: "const above = publication.number;",
  },
  {
    name: "a-removal-of-what-was-made-again",
    rule: "a re-creation supersedes the tombstone",
    file: "durable-objects/engine/names.ts",
    find: "removed || wanted.has(key)) {",
    replace: "removed) {",
  },
  {
    name: "a-removal-is-said-to-be-done",
    rule: "a tombstone is retried until the backend confirms",
    file: "durable-objects/engine/names.ts",
    find: "if (!tombstone.remove || removed || wanted.has(key))",
    replace: "if (tombstone.remove || removed || wanted.has(key))",
  },
  {
    name: "a-plan-is-chosen-before-the-look",
    rule: "only the newest plan is written, checked before each write",
    file: lane,
    find: `    const found = await this.readBefore(batch);
    // The newest plans, as they are now: whoever is held, gone or written by now is left out, and whoever meets others' records.
    const due = this.cleared(batch, found);`,
    replace: `    const early = this.present(batch.keys, (one) => one.zone === batch.zone && isDue(one, this.ports.now()));
    const found = await this.readBefore(batch);
    const due = this.cleared(batch, found).length === 0 ? [] : early;`,
  },
  {
    name: "others-records-are-written-over",
    rule: "records of others at a name that was never published stay, without adopt",
    file: ownership,
    find: `return adopt || !isOthers(publication, live) ? null : foreign(": set adopt to replace it");`,
    replace: "return null;",
  },
  {
    name: "a-first-write-is-blind",
    rule: "a name is read before it is published for the first time",
    file: ownership,
    find: `live === null || wanted === "removed";`,
    replace: `wanted === "removed" && live === null;`,
  },
  {
    name: "a-removal-takes-others-records",
    rule: "a removal takes what has our mark, or is as we wrote it",
    file: ownership,
    find: `return isNothing || isAsWritten ? null : foreign("");`,
    replace: "return null;",
  },
  {
    name: "a-lower-plan-is-written",
    rule: "an older plan than what stands there is never written",
    file: ownership,
    find: "const isAbove = epoch !== null && number !== null && comparePlans({ epoch, number }, publication) > 0;",
    replace: "const isAbove = false;",
  },
  {
    name: "who-had-the-name-before-is-a-stranger",
    rule: "a plan of the name's own past is no stranger's",
    file: publish,
    find: "  if (gslbId === next || number === confirmed) return former;",
    replace: "  if (gslbId === next || number !== confirmed) return former;",
  },
  {
    name: "pending-is-live",
    rule: "what the provider still hands out is not in sync",
    file: "domain/drift.ts",
    find: `if (live.state === "pending") return "pending";`,
    replace: `if (live.state === "pending") return null;`,
  },
  {
    name: "pending-is-drift",
    rule: "what the provider still hands out is no drift",
    file: "domain/drift.ts",
    find: `if (live.state === "pending") return { publication, finding: "same" };`,
    replace: "",
  },
  {
    name: "a-failed-hand-out-is-live",
    rule: "what the provider failed to hand out is written again",
    file: "domain/drift.ts",
    find: `if (live.state !== undefined) return { class: "retry"`,
    replace: `if (live.state !== undefined && number < 0) return { class: "retry"`,
  },
  {
    name: "new-credentials-wait",
    rule: "what failed is tried at once when the flavor changes",
    file: lane,
    find: "for (const [key] of this.entries()) this.change(key, retryNow);",
    replace: "",
  },
];
