/** The API over Conductors in memory, called without a server. */
import type { ConductorRpc, EngineRpc } from "../../durable-objects/rpc.ts";
import type { BackendsRpc, FlavorsRpc } from "../../durable-objects/rpc-backends.ts";
import type { AgentsRpc, HeartbeatsRpc, TesterRpc, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import { createApi } from "./app.ts";
import type { ApiBindings, ApiSettings } from "./bindings.ts";
import { MemoryConductor } from "./conductor.fixture.ts";
import { MemoryFlavors } from "./flavors.fixture.ts";

export const token = "unit-test-token";

// biome-ignore lint/suspicious/noExplicitAny: a test reads bodies of every shape, and a wrong one fails its assertion.
export type Answer = { readonly status: number; readonly headers: Headers; readonly body: any };

export function startApi(settings: ApiSettings = {}, engine: Partial<EngineRpc> = {}, more: Partial<ApiBindings> = {}) {
  const api = createApi();
  const conductors = new Map<string, MemoryConductor>();
  const conductorFor = (project: string): MemoryConductor => {
    const conductor = conductors.get(project) ?? new MemoryConductor(project);
    conductors.set(project, conductor);
    return conductor;
  };
  const memoryFlavors = new MemoryFlavors();
  const bindings = {
    settings: { KOSMOS_ADMIN_TOKEN: token, ...settings },
    deployment: () => conductorFor("default") as unknown as ConductorRpc,
    conductor: (project: string) => conductorFor(project) as unknown as ConductorRpc,
    engine: () => ({ ...unknowing, ...engine }) as EngineRpc,
    answers: () => {
      throw new Error("no test of the API asks for answers");
    },
    mayAskDns: async () => true,
    mayBeat: async (_client?: string) => true,
    agents: () => ({ agentOf: async () => null, agents: async () => ({ ok: true, value: [] }) }) as unknown as AgentsRpc,
    flavors: () => memoryFlavors as unknown as FlavorsRpc,
    backends: (_project: string): BackendsRpc => {
      throw new Error("this test tests no flavor");
    },
    vantage: (): VantageRpc => {
      throw new Error("this test does not speak of vantage points");
    },
    tester: (): TesterRpc => {
      throw new Error("this test tests no monitor");
    },
    heartbeats: (): HeartbeatsRpc => ({ heartbeatOf: (id) => conductorFor("default").heartbeatOf(id) }),
    ...more,
  };

  /** A string or a stream is sent as it is, anything else as JSON; a header that is null is left out. */
  async function call(method: string, path: string, body?: unknown, headers: Record<string, string | null> = {}): Promise<Answer> {
    const sent = new Headers({ "X-Auth-Token": token });
    if (body !== undefined) sent.set("Content-Type", method === "PATCH" ? "application/merge-patch+json" : "application/json");
    for (const [name, value] of Object.entries(headers)) value === null ? sent.delete(name) : sent.set(name, value);
    const init: RequestInit & { duplex?: "half" } = { method, headers: sent };
    if (body instanceof ReadableStream) Object.assign(init, { body, duplex: "half" });
    else if (body !== undefined)
      init.body = typeof body === "string" || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body);
    const response = await api.request(`http://kosmos.test${path}`, init, bindings);
    const text = await response.text();
    const json = response.headers.get("Content-Type")?.includes("json") ?? false;
    return { status: response.status, headers: response.headers, body: text === "" ? null : json ? JSON.parse(text) : text };
  }

  return { call, bindings, conductor: conductorFor("default"), conductorFor, flavors: memoryFlavors };
}

/** An Engine that has seen nothing. */
const unknowing: Partial<EngineRpc> = {
  memberStatus: async () => null,
  poolStatus: async () => null,
  gslbStatus: async () => null,
  preflight: async () => ({ matched: [], impact: [] }),
  release: async () => null,
  failback: async () => ({ ok: true, value: null }),
  health: async () => ({ ok: true, detail: "the alarm is set", queue_lag_seconds: 0.2 }),
};

export const gslbBody = { fqdn: "www.gslb.example.com", domain_name: "example.com" };
export const memberBody = { endpoints: ["192.0.2.10"] };
export const monitorBody = { type: "HTTP", delay: 2, timeout: 1, max_retries: 2 };
export const unknownId = "00000000-0000-4000-8000-000000000000";

export const pointers = (answer: Answer): string[] => (answer.body.errors ?? []).map((error: { pointer: string }) => error.pointer);
export const parameters = (answer: Answer): string[] => (answer.body.errors ?? []).map((error: { parameter: string }) => error.parameter);
