/**
 * Writes changes of one zone by UPDATE: as many names in a message as fit, each message whole or not at all. What a server does not like of several
 * names it does not say; then the halves go, so that the others need not wait for the culprit.
 */
import type { Change, WholeFailure, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Session } from "./dns-session.ts";
import { absent, deleteSet, type Update } from "./dns-update.ts";
import { type Asking, silence, update, type Verdict } from "./rfc2136-answers.ts";
import { namesInUse, query, typesAt } from "./rfc2136-read.ts";
import { messagesOf, type Part, partOf, updateOf } from "./rfc2136-update.ts";

export async function writeChanges(session: Session, changes: readonly Change[], asking: Asking): Promise<WriteOutcome> {
  const beside = await otherRecords(session, changes, asking);
  const unfit = new Map(changes.flatMap((change) => withDetail(change, objectionTo(change, asking.zone, beside))));
  const verdicts = new Map<Change, Verdict>([...unfit].map(([change, detail]) => [change, { kind: "refused", detail }]));
  const parts = changes.filter((change) => !unfit.has(change)).map(partOf);
  let over: Verdict | null = null;
  for (const message of messagesOf(parts, asking.zone)) {
    const said: Verdict[] = over === null ? await writeMessage(session, message, asking) : [];
    for (const [index, { change }] of message.entries()) verdicts.set(change, said[index] ?? over ?? silence);
    over ??= said.find(({ kind }) => kind === "whole") ?? null;
  }
  const all = changes.map((change) => verdicts.get(change) ?? silence);
  return commonFailure(all) ?? all.map((verdict, index) => resultOf(verdict, changes[index]));
}

/** An update that has to be allowed and yet changes nothing: its name is nobody's. */
export function nothing(zone: string): Update {
  const name = `_kosmos-test.${zone}`;
  return { zone, prerequisites: [absent(name, "TXT")], updates: [deleteSet(name, "TXT")] };
}

/**
 * One verdict for each part. Of what the server does not like it gets the halves, until each culprit is alone; one after the other, since Knot fails
 * what comes together with what fails. Where one culprit follows the other, the rest is left for the next time.
 */
async function writeMessage(session: Session, parts: readonly Part[], asking: Asking): Promise<Verdict[]> {
  const verdicts = new Map<Part, Verdict>();
  const groups: (readonly Part[])[] = [parts];
  let row = 0;
  for (let group = groups.pop(); group !== undefined && row < culpritsInARow; group = groups.pop()) {
    const verdict = await update(session, updateOf(asking.zone, group), asking);
    const isOfOne = verdict.kind !== "done" && verdict.kind !== "whole";
    if (isOfOne && group.length > 1) {
      const middle = Math.ceil(group.length / 2);
      groups.push(group.slice(middle), group.slice(0, middle));
      continue;
    }
    for (const part of group) verdicts.set(part, verdict);
    row = isOfOne ? row + 1 : 0;
    if (verdict.kind === "whole") return parts.map((part) => verdicts.get(part) ?? verdict);
  }
  const seen = [...verdicts.values()];
  if (seen.every(({ kind }) => kind === "denied")) {
    // The key may change nothing in the zone, or these names alone.
    const probe = await update(session, nothing(asking.zone), asking);
    if (probe.kind === "denied") return parts.map(() => ({ kind: "whole", failure: { class: "credentials", detail: probe.detail } }));
  }
  const rest: Verdict = { kind: "failed", detail: `not tried again: ${detailOf(seen.at(-1))}` };
  return parts.map((part) => verdicts.get(part) ?? rest);
}
const culpritsInARow = 3;

const detailOf = (verdict: Verdict | undefined): string =>
  verdict === undefined || verdict.kind === "done" || verdict.kind === "whole" ? "" : verdict.detail;

const withDetail = (change: Change, detail: string | null): [Change, string][] => (detail === null ? [] : [[change, detail]]);

const isAlias = (change: Change): boolean => change.kind === "publish" && change.plan.answers.some(({ type }) => type === "CNAME");

/** Of a CNAME beside other records a server takes the message and drops the CNAME without a word (3.4.2.2), after what was there has gone. */
function objectionTo(change: Change, zone: string, beside: ReadonlyMap<string, string>): string | null {
  if (!isAlias(change)) return null;
  if (nameOf(change) === zone) return `a CNAME cannot stand at ${zone}, the apex of its zone`;
  const others = beside.get(nameOf(change));
  return others === undefined ? null : `${nameOf(change)} also has ${others}: a CNAME stands alone at its name (RFC 1034, 3.6.2)`;
}

const probed = ["ANY", "MX", "TXT"] as const;
/** Answered instead of all there is (RFC 8482). */
const inTheirStead = "HINFO";
const replaced = new Set(["A", "AAAA", "CNAME", inTheirStead]);

/** The types that stand at names which are to be aliases, and which no plan replaces: some servers answer ANY with one type alone. */
async function otherRecords(session: Session, changes: readonly Change[], { zone, ...rest }: Asking): Promise<Map<string, string>> {
  const names = [...new Set(changes.filter(isAlias).map(nameOf))].filter((name) => name !== zone);
  const answers = names.length === 0 ? [] : await session.ask(names.flatMap((name) => probed.map((type) => query(name, type))));
  const found = names.map((name, index): [string, string] => {
    const said = answers.slice(index * probed.length, (index + 1) * probed.length);
    const types = said.flatMap((answer) => (answer.ok ? [...typesAt(name, answer.value)] : []));
    return [name, [...new Set(types.filter((type) => !replaced.has(type)))].join(", ")];
  });
  const doubtful = found.filter(([, types]) => types !== "");
  const inUse = await namesInUse(
    session,
    doubtful.map(([name]) => name),
    { zone, ...rest },
  );
  return new Map(doubtful.filter(([name]) => inUse.has(name)));
}

/** One failure for all, where it is nobody's in particular. */
function commonFailure(verdicts: readonly Verdict[]): WholeFailure | null {
  const [first] = verdicts;
  if (first?.kind === "whole") return verdicts.every(({ kind }) => kind === "whole") ? first.failure : null;
  if (first?.kind !== "failed") return null;
  return verdicts.every(({ kind }) => kind === "failed") ? { class: "retry", detail: first.detail } : null;
}

function resultOf(verdict: Verdict, change: Change | undefined): Result<null, WriteFailure> {
  if (verdict.kind === "done") return ok(null);
  if (verdict.kind === "whole") return fail(verdict.failure);
  const isFinal = verdict.kind === "denied" || verdict.kind === "refused";
  const of = change === undefined ? "" : `${nameOf(change)}: `;
  return fail({ class: isFinal ? "refused" : "retry", detail: `${of}${verdict.detail}` });
}
