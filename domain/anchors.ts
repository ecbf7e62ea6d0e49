/**
 * Anchors (`KOSMOS_ANCHORS`): known-good targets that every vantage point checks beside the members. A region that cannot reach what most of
 * the others reach is itself away, and has no vote. An anchor that most regions fail says nothing: it is the anchor then.
 */
import { z } from "zod";
import { canonicalAddress } from "./address.ts";
import type { CheckTarget } from "./check.ts";
import { canonicalHost } from "./host.ts";
import { limits } from "./limits.ts";
import { hash32 } from "./name.ts";
import type { OutcomeKind } from "./observation.ts";
import { fail, ok, type Result } from "./result.ts";

export type Anchor = {
  /** Of its checks: as a member's and as a monitor's. A UUID of version 8, so never one that was drawn (RFC 9562, 5.8). */
  readonly id: string;
  /** As it was written. */
  readonly url: string;
  readonly type: "HTTP" | "HTTPS" | "TCP";
  readonly spec: Readonly<Record<string, unknown>>;
  readonly target: CheckTarget;
};

/** `https://name/path`, `http://host/path`, `tcp://host:port`, separated by commas. Fails with words for whoever wrote the setting. */
export function parseAnchors(setting: string | undefined): Result<readonly Anchor[], string> {
  const texts = [...new Set((setting ?? "").split(",").map((part) => part.trim()))].filter((part) => part !== "");
  if (texts.length > limits.anchors) return fail(`KOSMOS_ANCHORS has ${texts.length} targets; at most ${limits.anchors} can be checked`);
  const anchors: Anchor[] = [];
  for (const text of texts) {
    const anchor = parseAnchor(text);
    if (!anchor.ok) return fail(`KOSMOS_ANCHORS: ${JSON.stringify(text)} ${anchor.error}`);
    anchors.push(anchor.value);
  }
  return ok(anchors);
}

const types = { "http:": "HTTP", "https:": "HTTPS", "tcp:": "TCP" } as const;

function parseAnchor(text: string): Result<Anchor, string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  const type = url === null ? undefined : types[url.protocol as keyof typeof types];
  if (url === null || type === undefined) return fail("must be https://…, http://… or tcp://host:port");
  const host = canonicalHost(url.hostname.replace(/^\[(.*)\]$/, "$1"));
  if (host === null) return fail("has no host that is a name or an address");
  if (url.username !== "" || url.password !== "" || url.hash !== "") return fail("must have no user, password or fragment");
  const port = url.port === "" ? null : Number(url.port);
  if (port === 0) return fail("must have a port from 1 to 65535");
  const target = { host, port, hostHeader: null, endpoint: host };
  const id = anchorId(text);
  if (type === "TCP") {
    if (port === null) return fail("must have a port: tcp://host:port");
    if (url.pathname !== "" || url.search !== "") return fail("must be tcp://host:port and no more");
    return ok({ id, url: text, type, spec: { port }, target });
  }
  if (type === "HTTPS" && canonicalAddress(host) !== null) return fail("must have a host name: a Worker verifies no address's certificate");
  const spec = { url_path: `${url.pathname}${url.search}`, http_method: "HEAD", expected_codes: ["200-399"] };
  return ok({ id, url: text, type, spec, target });
}

/** A UUID that is always the same for the same text. */
function anchorId(text: string): string {
  const hex = [0, 1, 2, 3].map((part) => hash32(`anchor ${part} ${text}`).toString(16).padStart(8, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** The newest results of one region for one anchor: how many of a kind in a row, and the tick of the last. One of the two counts is 0. */
export type AnchorRun = { readonly passes: number; readonly fails: number; readonly tick: number };

/** The run with one result more. The same object comes back where it says nothing new: `no_data`, repeated, or late. */
export function continueRun(run: AnchorRun | undefined, outcome: OutcomeKind, tick: number): AnchorRun | undefined {
  if (outcome === "no_data") return run;
  // A tick that is much older is of a clock that was set back: what is known then is of a time that has not come.
  if (run !== undefined && tick <= run.tick && run.tick - tick <= limits.anchorFreshMs) return run;
  const goesOn = run !== undefined && Math.abs(tick - run.tick) <= limits.anchorFreshMs;
  const before = goesOn ? run : { passes: 0, fails: 0 };
  return outcome === "pass" ? { passes: before.passes + 1, fails: 0, tick } : { passes: 0, fails: before.fails + 1, tick };
}

export const adriftState = z.object({
  /** Since when no anchor could tell how it is, Unix ms; null: some can. */
  untoldSince: z.number().nullable(),
});
/** A region that lost its vote by the anchors. */
export type AdriftState = Readonly<z.output<typeof adriftState>>;

export type AnchorJudgement = {
  /** Who has no vote. */
  readonly adrift: ReadonlyMap<string, AdriftState>;
  /** Who would have none if they were not so many; with the next judgement they are who was. */
  readonly suspects: ReadonlyMap<string, AdriftState>;
  /** What each of the suspects fails of what counts. */
  readonly failing: ReadonlyMap<string, readonly string[]>;
};

/** So many results of a kind in a row are believed. */
const inARow = 2;

/**
 * Who is adrift now, from who was. `runs`: by anchor, then by region; what is older than `limits.anchorFreshMs` is not heard. An anchor counts
 * while more than half of the regions that are heard on it passed it last. A region is adrift when it failed at least half of the counting ones
 * twice in a row, until it passed more than half of them twice in a row. Where that would be more than half of all regions heard, nobody is: then
 * the anchors contradict each other, and the members' own checks, with rule 3 of their own, must do. State is not held for that: a failover
 * must not wait for other people's servers.
 */
export function judgeAnchors(
  was: ReadonlyMap<string, AdriftState>,
  runs: ReadonlyMap<string, ReadonlyMap<string, AnchorRun>>,
  now: number,
): AnchorJudgement {
  const heard = new Map<string, { readonly anchor: string; readonly run: AnchorRun; readonly counts: boolean }[]>();
  for (const [anchor, regions] of runs) {
    const fresh = [...regions].filter(([, run]) => Math.abs(now - run.tick) <= limits.anchorFreshMs);
    const counts = fresh.filter(([, run]) => run.passes > 0).length * 2 > fresh.length;
    for (const [region, run] of fresh) heard.set(region, [...(heard.get(region) ?? []), { anchor, run, counts }]);
  }
  const suspects = new Map<string, AdriftState>();
  const failing = new Map<string, readonly string[]>();
  for (const region of new Set([...heard.keys(), ...was.keys()])) {
    const counting = (heard.get(region) ?? []).filter(({ counts }) => counts);
    const before = was.get(region);
    const next = adriftNow(before, counting, now);
    if (next === null) continue;
    suspects.set(region, next);
    failing.set(
      region,
      counting.filter(({ run }) => run.fails > 0).map(({ anchor }) => anchor),
    );
  }
  const tooMany = suspects.size * 2 > new Set([...heard.keys(), ...was.keys()]).size;
  return { adrift: tooMany ? new Map() : suspects, suspects, failing };
}

function adriftNow(before: AdriftState | undefined, counting: readonly { readonly run: AnchorRun }[], now: number): AdriftState | null {
  if (counting.length === 0) {
    if (before === undefined) return null;
    // Nothing to compare it with: it stays as it was, but not for ever.
    const untoldSince = Math.min(before.untoldSince ?? now, now);
    return now - untoldSince < limits.recoveryMaxMs ? { untoldSince } : null;
  }
  const failed = counting.filter(({ run }) => run.fails >= inARow).length;
  const passed = counting.filter(({ run }) => run.passes >= inARow).length;
  const isAdrift = before === undefined ? failed * 2 >= counting.length : passed * 2 <= counting.length;
  return isAdrift ? { untoldSince: null } : null;
}
