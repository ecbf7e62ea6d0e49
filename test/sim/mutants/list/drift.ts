/** Faults in what is written first, in how a refused batch is taken apart, and in what is done about others' changes (engine.md, rules 18, 19). */
import type { Mutant } from "../mutant.ts";

const batch = "domain/batch.ts";
const drifting = "domain/drift.ts";
const publish = "domain/publish.ts";

export const drift: readonly Mutant[] = [
  {
    name: "a-poisonous-name-spoils-its-batch",
    rule: "a batch that is refused for good is halved until the culprit is alone",
    file: publish,
    find: "Math.max(1, Math.ceil(names / 2))",
    replace: "names",
  },
  {
    name: "a-name-that-throws-holds-its-batch",
    rule: "a batch that fails without a word for whom is halved, too",
    file: publish,
    find: "publication.attempts >= limits.suspectAttempts ? halve(publication, number, names) : publication",
    replace: "number < names ? publication : publication",
  },
  {
    name: "who-fails-again-is-always-first",
    rule: "what was tried least goes first",
    file: batch,
    find: "      a.attempts - b.attempts ||\n      urgency ||\n      a.nextTryAt - b.nextTryAt ||\n",
    replace: "      urgency ||\n",
  },
  {
    name: "the-least-urgent-first",
    rule: "operators' changes, removals, additions, repair, reads: in this order",
    file: batch,
    find: "urgencies.indexOf(a.urgency) - urgencies.indexOf(b.urgency)",
    replace: "urgencies.indexOf(b.urgency) - urgencies.indexOf(a.urgency)",
  },
  {
    name: "a-removal-is-as-urgent-as-an-addition",
    rule: "removals of dead endpoints go before additions",
    file: publish,
    find: `moreUrgent(isRemoval ? "removal" : "addition",`,
    replace: `moreUrgent("addition",`,
  },
  {
    name: "no-call-is-kept-for-removals",
    rule: "a fifth of the budget is kept for operators and removals",
    file: batch,
    find: "isFirst(use) ? 0 : Math.floor(limit.calls / 5)",
    replace: "0",
  },
  {
    name: "retry-after-is-ignored",
    rule: "Retry-After is honoured",
    file: publish,
    find: "Math.max(backoff, Math.min(failure.afterMs ?? 0, limits.retryAfterMaxMs))",
    replace: "backoff",
  },
  {
    name: "a-fight-goes-on",
    rule: "a name that drifted three times in ten minutes is held",
    file: drifting,
    find: `publication.drifts.length >= limits.conflictDrifts ? "conflict" : null`,
    replace: "null",
  },
  {
    name: "hand-edits-are-written-over",
    rule: "what people changed while Kosmos was away is held",
    file: drifting,
    find: `if (isQuiet(activity, now) || activity.quietUntil > knownAt) return "hand_edit";`,
    replace: "",
  },
  {
    name: "hold-is-no-setting",
    rule: "on_drift hold writes nothing over",
    file: drifting,
    find: `settings.onDrift === "hold" ? "drift" : null`,
    replace: "null",
  },
  {
    name: "in-sync-by-hope",
    rule: "in_sync is what was read, not what was hoped",
    file: publish,
    find: "!isPending(publication) && !publication.unseen && publication.hold === null;",
    replace: "!isPending(publication) && publication.hold === null;",
  },
  {
    name: "drift-is-not-seen",
    rule: "a difference between what is live and what was written is drift",
    file: drifting,
    find: 'return canonical(expected === "removed" ? [] : expect(expected)) !== canonical(live);',
    replace: 'return expected !== "removed" && expect(expected).length > 0 && live.length === 0;',
  },
];
