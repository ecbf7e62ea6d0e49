/**
 * Both sides of the bench of checks: rounds of five HTTP checks through Kosmos's checker, its queue message included, and rounds of as many
 * bare requests. One call drives many rounds, so that the call itself weighs nothing.
 */
import { connect } from "cloudflare:sockets";
import { WorkerEntrypoint } from "cloudflare:workers";
import type { CheckReport } from "../domain/observation.ts";
import type { Env } from "../durable-objects/env.ts";
import type { CheckBatch } from "../durable-objects/rpc.ts";
import { Checker } from "../workers/checker/checker.ts";

export { Checker };

export type Drive = {
  /**
   * `checker`: Kosmos's. `fetch`, `connect`: bare requests. `send`: bare `fetch`, and one queue message a round. `plain`: the same in an
   * entrypoint of its own, called as the checker is.
   */
  readonly mode: "checker" | "fetch" | "connect" | "send" | "plain";
  readonly rounds: number;
  /** How many checks a round has; left out: five, as many as a Prober has slots. */
  readonly checks?: number;
  /** How many rounds are under way at a time; left out: one. */
  readonly lanes?: number;
  /** Fields of the monitor beside its port. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** An address or a host name, canonical. */
  readonly host: string;
  readonly port: number;
};
/** How many of the checks, or requests, came to a pass. */
export type Driven = { readonly passed: number };

const checksPerRound = 5;
const idsOf = ({ checks = checksPerRound }: Drive) =>
  Array.from({ length: checks }, (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`);

export default {
  async fetch(request, env, context) {
    // The local system asks whether it is ready.
    if (request.method !== "POST") return Response.json({ ok: true });
    const drive = await request.json<Drive>();
    let passed = 0;
    let begun = 0;
    const lane = async () => {
      while (begun < drive.rounds) {
        const round = begun++;
        // Not `passed += await …`, which would forget what other lanes added meanwhile.
        const more = drive.mode === "checker" || drive.mode === "plain" ? await call(drive, round, context) : await ask(drive);
        passed += more;
        if (drive.mode === "send") await env.STATUS_RESULTS.send(reportOf(batchOf(drive, round)), { contentType: "json" });
      }
    };
    await Promise.all(Array.from({ length: drive.lanes ?? 1 }, lane));
    return Response.json({ passed } satisfies Driven);
  },
} satisfies ExportedHandler<Env>;

/** The checker without Kosmos in it: what its shape costs here (a call, its JSON, a message), whatever the code. */
export class Plain extends WorkerEntrypoint<Env> {
  override async fetch(request: Request): Promise<Response> {
    const batch = await request.json<CheckBatch>();
    const { target, spec } = batch.checks[0] ?? {};
    await ask({ mode: "fetch", rounds: 1, host: target?.host ?? "", port: Number(spec?.port) });
    const report = reportOf(batch);
    await this.env.STATUS_RESULTS.send(report, { contentType: "json" });
    return Response.json(report);
  }
}

function reportOf({ checks, ...shard }: CheckBatch): CheckReport {
  return {
    ...shard,
    colo: "local",
    observations: checks.map(({ member_id, endpoint, monitor_id, monitor_version, tick }) => ({
      member_id,
      endpoint,
      monitor_id,
      monitor_version,
      tick,
      outcome: "pass",
      latency_ms: 1,
      detail: "200",
    })),
  };
}

const batchOf = (drive: Drive, round: number): CheckBatch => ({
  project_id: "bench",
  region: "weur",
  shard: 0,
  generation: 1,
  checks: idsOf(drive).map((id) => ({
    member_id: id,
    endpoint: "192.0.2.1",
    monitor_id: id,
    monitor_version: 1,
    tick: Date.now() + round,
    type: "HTTP",
    timeout_ms: 5_000,
    spec: { ...drive.spec, port: drive.port },
    target: { host: drive.host, port: null, hostHeader: null, endpoint: drive.host },
  })),
});

async function call(drive: Drive, round: number, context: ExecutionContext): Promise<number> {
  const { exports } = context as unknown as { exports: { Checker: Fetcher; Plain: Fetcher } };
  const entrypoint = drive.mode === "checker" ? exports.Checker : exports.Plain;
  const answer = await entrypoint.fetch("http://checker/", { method: "POST", body: JSON.stringify(batchOf(drive, round)) });
  if (!answer.ok) throw new Error(`the checker answered ${answer.status}: ${await answer.text()}`);
  const report = await answer.json<CheckReport>();
  return report.observations.filter((observation) => observation.outcome === "pass").length;
}

async function ask(drive: Drive): Promise<number> {
  const { mode, host, port } = drive;
  const hostname = host.replace(/\.$/, "");
  const answers = await Promise.all(
    idsOf(drive).map(() => (mode !== "connect" ? byFetch(`http://${hostname}:${port}/`) : byConnect(hostname, port))),
  );
  return answers.filter((ok) => ok).length;
}

async function byFetch(url: string): Promise<boolean> {
  const response = await fetch(url, { redirect: "manual" });
  await response.body?.cancel();
  return response.status === 200;
}

/** The least that HTTP over a socket can be: it trusts the status line to come in the first piece. */
async function byConnect(hostname: string, port: number): Promise<boolean> {
  const socket = connect({ hostname, port });
  const writer = socket.writable.getWriter();
  await writer.write(new TextEncoder().encode(`GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\n\r\n`));
  const { value } = await socket.readable.getReader().read();
  socket.close().catch(() => undefined);
  return new TextDecoder().decode(value).startsWith("HTTP/1.1 200 ");
}
