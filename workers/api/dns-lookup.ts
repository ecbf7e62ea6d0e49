/**
 * What is known of a name, from the Answers objects or from what this isolate remembers of them: for a second without asking, and for
 * some minutes when they cannot be reached. Only settled findings are shared: a Worker may not await another request's I/O.
 */
import { limits } from "../../domain/limits.ts";
import type { AnswersRpc } from "../../durable-objects/rpc.ts";
import { answersIndex } from "../../durable-objects/stubs.ts";
import type { Finding } from "./dns-answer.ts";
import { knowable } from "./dns-name.ts";

type Answers = (name: string) => AnswersRpc;

/** The newest findings of this isolate, at most `limits.answersCacheNames`; those that were put in first make room. */
export class FindingCache {
  readonly #findings = new Map<string, { readonly finding: Finding; readonly at: number }>();

  get(name: string, now: number, maxAgeMs: number): Finding | null {
    const kept = this.#findings.get(name);
    return kept !== undefined && now - kept.at < maxAgeMs ? kept.finding : null;
  }

  put(name: string, finding: Finding, now: number): void {
    this.#findings.delete(name);
    const [oldest] = this.#findings.keys();
    if (oldest !== undefined && this.#findings.size >= limits.answersCacheNames) this.#findings.delete(oldest);
    this.#findings.set(name, { finding, at: now });
  }
}

export type LookupIo = {
  readonly cache: FindingCache;
  now(): number;
  readonly deadlineMs: number;
  /** For how long nobody is asked again; left out: `limits.answersCacheMs`. */
  readonly freshMs?: number;
};

export type DnsWorld = LookupIo & {
  /** In [0, 1), anew at each call: whose turn it is at a weighted name, and where the order of an answer starts. */
  readonly random: () => number;
};

/** The cache lives as long as the isolate: that is what it is for. It is bounded, and holds nothing but public answers. */
export const newDnsWorld = (): DnsWorld => ({
  cache: new FindingCache(),
  now: Date.now,
  random: Math.random,
  deadlineMs: limits.answersDeadlineMs,
});

/** Null: the objects do not answer, and nothing is remembered that may still be said. */
export async function lookUp(asked: string, answers: Answers, io: LookupIo): Promise<{ finding: Finding; stale: boolean } | null> {
  const name = asked.toLowerCase();
  const fresh = io.cache.get(name, io.now(), io.freshMs ?? limits.answersCacheMs);
  if (fresh !== null) return { finding: fresh, stale: false };
  try {
    const finding = await within(io.deadlineMs, find(name, answers));
    io.cache.put(name, finding, io.now());
    return { finding, stale: false };
  } catch {
    const stale = io.cache.get(name, io.now(), limits.answersStaleMs);
    return stale === null ? null : { finding: stale, stale: true };
  }
}

/** `name` in lower case. The name's own object first; only where it has nothing, the objects of its possible zones, each once. */
export async function find(name: string, answers: Answers): Promise<Finding> {
  const { self, zones } = knowable(name);
  if (self !== null) {
    const served = await answers(self).lookup(self);
    if (served !== null) return { kind: "served", served };
  }
  const [nearest] = zones;
  if (nearest === undefined) return { kind: "foreign" };
  const groups = [...Map.groupBy(zones, answersIndex).values()];
  const found = await Promise.all(groups.map((group) => answers(group[0] ?? nearest).longestZone(group, nearest)));
  const longest = found.filter((entry) => entry !== null).toSorted((a, b) => b.zone.length - a.zone.length)[0];
  if (longest === undefined) return { kind: "foreign" };
  // A name that could not be published has nothing below it either.
  const exists = self !== null && (longest.below || longest.zone === self);
  return { kind: exists ? "empty" : "absent", zone: longest.zone };
}

async function within<T>(deadlineMs: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("no answer in time")), deadlineMs);
  });
  return Promise.race([work, deadline]).finally(() => clearTimeout(timer));
}
