/**
 * Both sides of the bench of checks: rounds of five HTTP checks through Kosmos's checker, its queue message included, and rounds of as many
 * bare requests, by `fetch` or over a socket. One call drives many rounds, so that the call itself weighs nothing.
 */
import { connect } from "cloudflare:sockets";
import type { Env } from "../durable-objects/env.ts";
import type { CheckBatch } from "../durable-objects/rpc.ts";
import { Checker } from "../workers/checker/checker.ts";

export { Checker };

export type Drive = {
  readonly mode: "checker" | "fetch" | "connect";
  readonly rounds: number;
  /** An address or a host name, canonical. */
  readonly host: string;
  readonly port: number;
};
/** How many of the checks, or requests, came to a pass. */
export type Driven = { readonly passed: number };

const checksPerRound = 5;
const ids = Array.from({ length: checksPerRound }, (_, index) => `00000000-0000-4000-8000-00000000000${index}`);

export default {
  async fetch(request, _env, context) {
    // The local system asks whether it is ready.
    if (request.method !== "POST") return Response.json({ ok: true });
    const drive = await request.json<Drive>();
    let passed = 0;
    for (let round = 0; round < drive.rounds; round += 1) {
      passed += drive.mode === "checker" ? await check(drive, round, context) : await ask(drive);
    }
    return Response.json({ passed } satisfies Driven);
  },
} satisfies ExportedHandler<Env>;

async function check({ host, port }: Drive, round: number, context: ExecutionContext): Promise<number> {
  const batch: CheckBatch = {
    project_id: "bench",
    region: "weur",
    shard: 0,
    generation: 1,
    checks: ids.map((id) => ({
      member_id: id,
      endpoint: "192.0.2.1",
      monitor_id: id,
      monitor_version: 1,
      tick: Date.now() + round,
      type: "HTTP",
      timeout_ms: 5_000,
      spec: { port },
      target: { host, port: null, hostHeader: null, endpoint: host },
    })),
  };
  const { Checker: checker } = (context as unknown as { exports: { Checker: Fetcher } }).exports;
  const answer = await checker.fetch("http://checker/", { method: "POST", body: JSON.stringify(batch) });
  if (!answer.ok) throw new Error(`the checker answered ${answer.status}: ${await answer.text()}`);
  const report = await answer.json<{ observations: { outcome: string }[] }>();
  return report.observations.filter((observation) => observation.outcome === "pass").length;
}

async function ask({ mode, host, port }: Drive): Promise<number> {
  const hostname = host.replace(/\.$/, "");
  const answers = await Promise.all(ids.map(() => (mode === "fetch" ? byFetch(`http://${hostname}:${port}/`) : byConnect(hostname, port))));
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
