/**
 * Both sides of the bench of the Engine: the real consumer in front of the real Engine, with its storage and the real Answers, and the same
 * consumer in front of an object that does nothing (`BENCH_SIDE` is "sink"). Nothing is checked: the Probers are told, and do nothing.
 */
import { DurableObject } from "cloudflare:workers";
import type { CheckReport } from "../domain/observation.ts";
import { Answers } from "../durable-objects/answers/answers.ts";
import { Engine as RealEngine } from "../durable-objects/engine/engine.ts";
import type { Env } from "../durable-objects/env.ts";
import type { Assignment, Configuration, EngineRpc, WriteBack } from "../durable-objects/rpc.ts";
import { answersOf, engineOf } from "../durable-objects/stubs.ts";
import { consume } from "../workers/engine/consumer.ts";
import { benchConfiguration, projectId } from "./engine-project.ts";

export { Answers };

export type Counts = {
  /** What the consumer was handed. */
  batches: number;
  messages: number;
  observations: number;
  /** What the Engine's storage wrote: rows of SQL, and alarms, which count as rows. */
  rows: number;
  alarms: number;
  /** Rows by the table they went to. */
  tables: Record<string, number>;
  events: number;
  statuses: number;
  confirmations: number;
  /** Of the Engine's Probers; 0: it has told none yet. */
  generation: number;
};
export type Decide = { readonly report: CheckReport; readonly fqdn: string; readonly address: string };
export type Decided = { readonly tookMs: number };

type BenchEnv = Env & { readonly SINK: DurableObjectNamespace; readonly BENCH_SIDE: string; readonly BENCH_MEMBERS: string };

/** Module state, because all parts of a local Worker share one isolate. */
const counts: Counts = {
  batches: 0,
  messages: 0,
  observations: 0,
  rows: 0,
  alarms: 0,
  tables: {},
  events: 0,
  statuses: 0,
  confirmations: 0,
  generation: 0,
};

/** An answer that has not changed after so long never will. */
const decideTimeoutMs = 30_000;
const messagesPerSend = 100;

export class Engine extends RealEngine {
  constructor(context: DurableObjectState, env: Env) {
    countWrites(context.storage);
    super(context, { ...env, PROBER: idleProbers as unknown as DurableObjectNamespace });
  }
}

export class Conductor extends DurableObject<BenchEnv> {
  configuration(since: { readonly epoch: number; readonly seq: number } | null): Configuration {
    const whole = benchConfiguration(Number(this.env.BENCH_MEMBERS));
    return since === null ? whole : { ...whole, full: false, gslbs: [], pools: [], members: [], monitors: [] };
  }

  record({ events, statuses }: WriteBack): void {
    counts.events += events.length;
    counts.statuses += statuses.length;
  }
}

export class Sink extends DurableObject {
  observe(_reports: readonly CheckReport[], _queueLagMs: number): void {}
}

export default {
  async fetch(request, env) {
    const engine = engineOf(env.ENGINE, projectId);
    switch (new URL(request.url).pathname) {
      case "/start":
        return Response.json(await engine.configurationChanged({ epoch: 0, seq: 1 }));
      case "/counts":
        return Response.json(counts);
      // Past the queue: what the system was before it is measured.
      case "/fill":
        await engine.observe(await request.json<CheckReport[]>(), 0);
        return new Response(null, { status: 204 });
      case "/reports": {
        const messages = (await request.json<CheckReport[]>()).map((body) => ({ body, contentType: "json" as const }));
        for (let at = 0; at < messages.length; at += messagesPerSend) {
          await env.STATUS_RESULTS.sendBatch(messages.slice(at, at + messagesPerSend));
        }
        return new Response(null, { status: 204 });
      }
      case "/decide":
        return decide(await request.json<Decide>(), env);
      default:
        return Response.json({ ok: true });
    }
  },
  async scheduled(_event, env) {
    if (env.BENCH_SIDE !== "sink") await engineOf(env.ENGINE, projectId).watch();
  },
  queue(batch, env) {
    counts.batches += 1;
    counts.messages += batch.messages.length;
    for (const { body } of batch.messages) counts.observations += body.observations.length;
    const sink = env.BENCH_SIDE === "sink" ? env.SINK.get(env.SINK.idFromName("sink")) : null;
    return consume(batch, (project) => (sink === null ? engineOf(env.ENGINE, project) : (sink as unknown as EngineRpc)));
  },
} satisfies ExportedHandler<BenchEnv, CheckReport>;

/** Answers once the address is not answered any more. */
async function decide({ report, fqdn, address }: Decide, env: BenchEnv): Promise<Response> {
  const answers = answersOf(env.ANSWERS, fqdn);
  const isServed = async () => (await answers.lookup(fqdn))?.answers.some(({ values }) => values.includes(address)) === true;
  if (!(await isServed())) return Response.json({ detail: "it is not answered" }, { status: 409 });
  const startedAt = Date.now();
  await env.STATUS_RESULTS.send(report, { contentType: "json" });
  while (await isServed()) {
    if (Date.now() > startedAt + decideTimeoutMs) return Response.json({ detail: "it is still answered" }, { status: 504 });
    await scheduler.wait(1);
  }
  return Response.json({ tookMs: Date.now() - startedAt } satisfies Decided);
}

function countWrites(storage: DurableObjectStorage): void {
  const { sql } = storage;
  const exec = sql.exec.bind(sql);
  const setAlarm = storage.setAlarm.bind(storage);
  const counted: SqlStorage["exec"] = (query, ...bindings) => {
    const cursor = exec(query, ...bindings);
    if (!query.startsWith("SELECT")) {
      const { rowsWritten } = cursor;
      const table = /(?:INTO|FROM|EXISTS) (\w+)/.exec(query)?.[1] ?? query;
      counts.rows += rowsWritten;
      counts.tables[table] = (counts.tables[table] ?? 0) + rowsWritten;
    }
    return cursor as ReturnType<typeof exec> as never;
  };
  Object.defineProperty(sql, "exec", { value: counted });
  Object.defineProperty(storage, "setAlarm", {
    value: (time: number) => {
      counts.alarms += 1;
      return setAlarm(time);
    },
  });
}

/** Probers that take what they are told, and check nothing. */
const idleProbers = {
  versions: new Map<string, number>(),
  idFromName: (name: string) => name,
  get: (name: string) => ({
    assign: async ({ generation, version }: Assignment) => {
      counts.generation = generation;
      idleProbers.versions.set(name, version);
      return { version };
    },
    confirm: async (confirmations: readonly unknown[]) => {
      counts.confirmations += confirmations.length;
    },
    wake: async () => ({ version: idleProbers.versions.get(name) ?? 0, checks: 0, next_due_at: null }),
  }),
};
