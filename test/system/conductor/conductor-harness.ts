/** The Conductor in the real runtime, called over a door of the test's own Worker, with bodies as the API makes them. */
import { resolve } from "node:path";
import { createTestHarness } from "wrangler";
import { gslbWrite } from "../../../domain/gslb.ts";
import { memberWrite } from "../../../domain/member.ts";
import type { MonitorWrite } from "../../../domain/monitor.ts";
import { poolCreate, poolWrite } from "../../../domain/pool.ts";
import type { Problem } from "../../../domain/problem.ts";
import { assert, type Result } from "../../../domain/result.ts";
import type { Caller, ConductorRpc, ListQuery } from "../../../durable-objects/rpc.ts";

export const by: Caller = { id: "bootstrap", name: "admin", requestId: "request-1" };

export type Faults = { d1?: "none" | "before" | "after"; matching?: string; engine?: "none" | "refuses" | "lags" };

export async function startConductors() {
  const harness = createTestHarness({ workers: [{ configPath: resolve(import.meta.dirname, "wrangler.toml") }] });
  const url = (await harness.listen()).url.origin;
  const worker = harness.getWorker();

  const post = async (path: string, body: unknown): Promise<unknown> => {
    const response = await fetch(url + path, { method: "POST", body: JSON.stringify(body) });
    const text = await response.text();
    assert(response.ok, `the door answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };
  const call = async (project: string | null, method: string, args: readonly unknown[]): Promise<unknown> => {
    const answer = (await post("/rpc", { project, method, args })) as { returned: unknown } | { thrown: string };
    if ("thrown" in answer) throw new Error(answer.thrown);
    return answer.returned;
  };
  const door = (project: string | null): ConductorRpc =>
    new Proxy({} as ConductorRpc, {
      // It is no promise: whoever awaits it gets the door itself.
      get: (_, method) => (method === "then" ? undefined : (...args: unknown[]) => call(project, String(method), args)),
    });

  return {
    harness,
    worker,
    of: door,
    deployment: door(null),
    faults: (faults: Faults) => post("/faults", faults),
    d1Calls: async () => ((await (await fetch(`${url}/calls`)).json()) as { d1: number }).d1,
    told: async (project: string) =>
      (await (await fetch(`${url}/told/${project}`)).json()) as {
        told: { epoch: number; seq: number } | null;
        tries: number;
        /** How often it was told that flavors changed. */
        backends: number;
      },
    /** Rows of D1 as they stand, past the Conductor. */
    rows: async <T = Record<string, unknown>>(sql: string, ...values: unknown[]): Promise<T[]> => {
      const { DB } = (await worker.getEnv()) as { DB: D1Database };
      return (
        await DB.prepare(sql)
          .bind(...values)
          .all<T>()
      ).results;
    },
    evict: async (name: string) => {
      try {
        await worker.evictDurableObject("Conductor", { name });
      } catch (error) {
        if (!String(error).includes("not currently running")) throw error;
      }
    },
  };
}
export type Conductors = Awaited<ReturnType<typeof startConductors>>;

export function value<T>(result: Result<T, Problem>): T {
  assert(result.ok, `the Conductor refused: ${JSON.stringify(result)}`);
  return result.value;
}

export function problem(result: Result<unknown, Problem>): Problem {
  assert(!result.ok, `the Conductor did not refuse: ${JSON.stringify(result)}`);
  return result.error;
}

export const gslbOf = (label: string, rest: object = {}) =>
  gslbWrite.parse({ fqdn: `${label}.example.com`, domain_name: "example.com", ...rest });
export const poolOf = (name: string, rest: object = {}) => poolCreate.parse({ name, ...rest });
export const poolFieldsOf = (name: string, rest: object = {}) => poolWrite.parse({ name, ...rest });
export const memberOf = (address: string, rest: object = {}) => memberWrite.parse({ endpoints: [address], ...rest });
export const monitorOf = (rest: object = {}): MonitorWrite => ({
  type: "TCP",
  name: null,
  description: null,
  tags: [],
  delay: 20,
  timeout: 5,
  max_retries: 3,
  confirm_delay: 1,
  rise: 2,
  check_regions: [],
  observe_only: false,
  target: null,
  admin_state_up: true,
  port: 80,
  ...rest,
});

export const listOf = (rest: Partial<ListQuery> = {}): ListQuery => ({
  limit: 100,
  marker: null,
  sort_key: "created_at",
  sort_dir: "asc",
  filters: {},
  count: false,
  ...rest,
});

/** Addresses of the documentation ranges, all different. */
export const address = (index: number): string => `198.51.${100 + Math.floor(index / 250)}.${(index % 250) + 1}`;
