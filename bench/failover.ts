/**
 * Seconds from an origin's death to the changed answer at /dns-query, and back, through the whole system: real origins, five regions, the
 * queue, the Engine, the Answers. Compared with the least that the monitor's settings allow, computed for each death from the regions' ticks.
 */
import { randomUUID } from "node:crypto";
import { Agent } from "node:http";
import { defaultRegions } from "../domain/monitor.ts";
import { isQuorumDown } from "../domain/quorum.ts";
import { assert } from "../domain/result.ts";
import { nextTick, phaseMs } from "../domain/schedule.ts";
import { answer, hang, type Origin, startOrigin } from "../test/system/origins.ts";
import { type Created, create, remove } from "./api-calls.ts";
import { type Bench, type Figure, median, seconds } from "./figure.ts";
import { type LoadRequest, send } from "./load.ts";
import { adminToken, type ScratchSystem, startScratchSystem } from "./scratch-system.ts";

type Settings = {
  readonly delay: number;
  readonly confirm_delay: number;
  readonly timeout: number;
  readonly max_retries: number;
  readonly rise: number;
  /** The longest that any run may take, in seconds: out of the answer, and back. */
  readonly goal: { readonly out: number; readonly back: number };
};
/** `confirm_delay` as long as `delay`: what is measured is the way of a result, not how soon the regions look again. */
const settings: readonly Settings[] = [
  { delay: 2, confirm_delay: 2, timeout: 1, max_retries: 2, rise: 2, goal: { out: 8, back: 12 } },
  // What has no goal of its own has the bound of the decision rules: (count + 1) × delay + timeout + 2 s.
  { delay: 5, confirm_delay: 5, timeout: 2, max_retries: 3, rise: 2, goal: { out: 24, back: 19 } },
];
const deaths = ["refused", "frozen"] as const;
type Death = (typeof deaths)[number];
const runs = 5;
/** Ten names at this pace stay below what one address may ask `/dns-query`. */
const pollMs = 125;
const quorumPercent = 51;
/** The regions that must say "down", and those that must say "up" again, before the quorum turns. */
const downVotes = defaultRegions.findIndex((_, index) => isQuorumDown(index + 1, defaultRegions.length, quorumPercent)) + 1;
const upVotes = defaultRegions.length - downVotes + 1;

export const failover: Bench = {
  name: "failover",
  about: `Seconds from an origin's death to the changed answer; baseline: the least that the settings allow, ${minimumFormula()}`,
  run: async (say) => {
    const system = await startScratchSystem();
    const client = newClient(system);
    const figures: Figure[] = [];
    try {
      for (const wanted of settings) figures.push(...(await measure(client, wanted, say)));
      return figures;
    } finally {
      client.close();
      await system.close();
    }
  },
};

function minimumFormula(): string {
  return (
    `(until ${downVotes} of ${defaultRegions.length} regions had a tick) + (max_retries − 1) × delay + (timeout, if frozen); on average ` +
    `${(downVotes - 0.5) / defaultRegions.length} × delay for the first part. Back: the same with ${upVotes} regions, rise, and no timeout.`
  );
}

type Subject = {
  readonly death: Death;
  readonly origin: Origin;
  readonly fqdn: string;
  readonly paths: readonly string[];
  readonly phases: readonly number[];
};
/** Seconds: as seen at /dns-query, as the Engine says it had published it, and the minimum. */
type Move = { readonly seen: number; readonly published: number; readonly minimum: number };
type Run = { readonly death: Death; readonly out: Move; readonly back: Move };

const dying = "192.0.2.1";
const lasting = "192.0.2.2";

async function measure(client: Client, wanted: Settings, say: (line: string) => void): Promise<Figure[]> {
  const survivor = await startOrigin();
  const origins = [survivor];
  try {
    const { goal: _, ...monitor } = wanted;
    const { id: monitorId } = await client.create("/v0.1/monitors", { type: "HTTP", ...monitor });
    const subjects: Subject[] = [];
    for (const death of deaths) {
      for (let run = 0; run < runs; run += 1) {
        const origin = await startOrigin();
        origins.push(origin);
        subjects.push(await subjectOf(client, death, origin, survivor, monitorId, wanted));
      }
    }
    await Promise.all(subjects.map((subject) => client.untilAnswers(subject.fqdn, [dying, lasting])));
    const seen = await Promise.all(subjects.map((subject) => dieAndReturn(client, subject, wanted)));
    for (const path of subjects.flatMap((subject) => subject.paths)) await client.remove(path);
    await client.remove(`/v0.1/monitors/${monitorId}`);
    return deaths.flatMap((death) =>
      figuresOf(
        wanted,
        death,
        seen.filter((run) => run.death === death),
        say,
      ),
    );
  } finally {
    for (const origin of origins) await origin.close();
  }
}

/** A name of two members: one that will die, one that all names share. */
async function subjectOf(
  client: Client,
  death: Death,
  origin: Origin,
  survivor: Origin,
  monitorId: string,
  wanted: Settings,
): Promise<Subject> {
  const member = (endpoint: string, at: Origin) => ({ endpoints: [endpoint], monitor_address: at.address, monitor_port: at.port });
  const fqdn = `${randomUUID()}.example.com.`;
  const pool = await client.create("/v0.1/pools", {
    name: fqdn,
    quorum_percent: quorumPercent,
    members: [member(dying, origin), member(lasting, survivor)],
    monitor_ids: [monitorId],
  });
  const gslb = await client.create("/v0.1/gslbs", { fqdn, domain_name: "example.com.", pool_ids: [pool.id] });
  const doomed = pool.members?.find((candidate) => candidate.endpoints[0] === dying);
  assert(doomed !== undefined, "the pool has the member that will die");
  const phases = defaultRegions.map((region) =>
    phaseMs({
      member_id: doomed.id,
      endpoint: dying,
      monitor_id: monitorId,
      delayMs: wanted.delay * 1_000,
      region,
      regions: defaultRegions,
    }),
  );
  return { death, origin, fqdn, phases, paths: [`/v0.1/gslbs/${gslb.id}`, `/v0.1/pools/${pool.id}`] };
}

/** One death and one return, each at a random moment of the regions' round. */
async function dieAndReturn(client: Client, subject: Subject, wanted: Settings): Promise<Run> {
  const { origin, fqdn, death, phases } = subject;
  const round = wanted.delay * 1_000;
  const move = async (
    act: () => Promise<void> | void,
    addresses: readonly string[],
    minimumMs: (from: number) => number,
  ): Promise<Move> => {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * round));
    const from = Date.now();
    await act();
    await client.untilAnswers(fqdn, addresses);
    const seen = (Date.now() - from) / 1_000;
    const published = ((await client.publishedAt(subject.paths[0] ?? "")) - from) / 1_000;
    return { seen, published, minimum: minimumMs(from) / 1_000 };
  };
  const frozenMs = death === "frozen" ? wanted.timeout * 1_000 : 0;
  const firstTicks = (from: number) =>
    phases.map((phase) => nextTick({ delayMs: round, phaseMs: phase }, from - 1) - from).toSorted((a, b) => a - b);
  const out = await move(
    () => (death === "frozen" ? origin.behave(hang) : origin.kill()),
    [lasting],
    (from) => (firstTicks(from)[downVotes - 1] ?? 0) + (wanted.max_retries - 1) * round + frozenMs,
  );
  const back = await move(
    () => (death === "frozen" ? origin.behave(answer()) : origin.revive()),
    [dying, lasting],
    (from) => (firstTicks(from)[upVotes - 1] ?? 0) + (wanted.rise - 1) * round,
  );
  return { death, out, back };
}

function figuresOf(wanted: Settings, death: Death, seen: readonly Run[], say: (line: string) => void): Figure[] {
  const directions = [
    { word: "out", moves: seen.map((run) => run.out), count: wanted.max_retries, goal: wanted.goal.out },
    { word: "back", moves: seen.map((run) => run.back), count: wanted.rise, goal: wanted.goal.back },
  ];
  return directions.map(({ word, moves, count, goal }) => {
    const name = `failover ${death}, delay ${wanted.delay} s, timeout ${wanted.timeout} s, ${count} in a row: ${word}`;
    const times = moves.map((move) => move.seen);
    const ratio = median(moves.map((move) => move.seen / move.minimum));
    const least = median(moves.map((move) => move.minimum));
    const published = median(moves.map((move) => move.published));
    const longest = Math.max(...times);
    say(
      `${name}: ${times.map((time) => time.toFixed(2)).join(" ")} s; minimum ${moves.map((move) => move.minimum.toFixed(2)).join(" ")} s; published after ${seconds(published)} (median)`,
    );
    return {
      name,
      ours: `${seconds(median(times))}, longest ${seconds(longest)}`,
      baseline: seconds(least),
      ratio,
      goal: `≤ ${goal} s`,
      met: longest <= goal,
    };
  });
}

type Client = {
  create(path: string, body: unknown): Promise<Created>;
  remove(path: string): Promise<void>;
  /** Waits for exactly these addresses. */
  untilAnswers(fqdn: string, addresses: readonly string[]): Promise<void>;
  /** When the Engine had the newest plan confirmed, Unix ms. */
  publishedAt(path: string): Promise<number>;
  close(): void;
};

const patienceMs = 90_000;

function newClient(system: ScratchSystem): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const call = async <T>(wanted: LoadRequest, status: number, headers: Readonly<Record<string, string>> = {}): Promise<T> => {
    const answered = await send(system.url, agent, wanted, { "x-auth-token": adminToken, ...headers });
    if (answered.status !== status)
      throw new Error(`${wanted.method} ${wanted.path} answered ${answered.status}: ${answered.body.slice(0, 500)}`);
    return (answered.body === "" ? null : JSON.parse(answered.body)) as T;
  };
  return {
    create: (path, body) => create(system, path, body),
    remove: (path) => remove(system, [path]),
    publishedAt: async (path) => {
      const status = await call<{ published: readonly { published_at: string }[] }>({ method: "GET", path: `${path}/status` }, 200);
      return Date.parse(status.published[0]?.published_at ?? "");
    },
    untilAnswers: async (fqdn, addresses) => {
      const wanted = JSON.stringify([...addresses].sort());
      const deadline = performance.now() + patienceMs;
      let seen = "";
      while (performance.now() < deadline) {
        const query: LoadRequest = { method: "GET", path: `/dns-query?${new URLSearchParams({ name: fqdn, type: "A" })}` };
        const { Answer } = await call<{ Answer?: readonly { data: string }[] }>(query, 200, { accept: "application/dns-json" });
        seen = JSON.stringify((Answer ?? []).map((record) => record.data).toSorted());
        if (seen === wanted) return;
        await new Promise((resolve) => setTimeout(resolve, pollMs));
      }
      throw new Error(
        `${fqdn} answers ${seen} after ${patienceMs / 1_000} s, not ${wanted}; the Worker's errors: ${system.errors.slice(-3).join("; ")}`,
      );
    },
    close: () => agent.destroy(),
  };
}
