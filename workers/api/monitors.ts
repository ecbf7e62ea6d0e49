/** `/v0.1/monitors`. Of a monitor's types the check plugins know; here is only what is the same for all. */
import type { Hono } from "hono";
import { sealedOf } from "../../domain/monitor.ts";
import { hash32 } from "../../domain/name.ts";
import { checkPluginOf, monitorWrite, secretsOf } from "../../plugins/index.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import type { ApiContext } from "./context.ts";
import { agentsAway, monitorErrors, unprocessableIf } from "./feasible.ts";
import { mergeSecrets, sealMonitor } from "./monitor-secrets.ts";
import { listParameters } from "./query.ts";
import { paths } from "./render.ts";
import { renderMonitor, runnableOf } from "./render-monitor.ts";
import { answerCreate, answerList, answerPatch, answerRead, answerRemove, answerReplace, type Noun, prepare, sealed } from "./resource.ts";
import { pathId, route } from "./route.ts";
import { type SeenVantage, vantageOf } from "./vantage.ts";

const monitorFilters = ["name", "type", "tags"] as const;

/** A monitor shows, and is refused by, what it can be run from. */
export const monitorNoun = (vantage: SeenVantage): Noun<"monitor"> => ({
  kind: "monitor",
  name: "monitor",
  collection: "monitors",
  write: monitorWrite,
  readOnly: ["runnable", "heartbeat_path"],
  constants: {},
  writeOnly: (monitor) => [...new Set([...secretsOf(monitor.type), ...Object.keys(sealedOf(monitor))])],
  immutable: { type: (value) => checkPluginOf(value)?.type ?? null },
  infeasible: (pointer) => /^\/headers\/(authorization|cookie)$/i.test(pointer),
  refuse: (input, settings, current) => {
    // A region that is gone does not keep the monitor that has it from being changed, or switched off.
    const kept = new Set(current?.check_regions);
    const regions = input.check_regions.filter((region) => !kept.has(region));
    const errors = monitorErrors(input, settings, vantage).filter(({ pointer }) => !isKept(pointer, input.check_regions, kept));
    return unprocessableIf(errors) ?? agentsAway(regions, vantage);
  },
  mergeWriteOnly: (c, current, patch) => mergeSecrets(current, patch, c.var.project, c.env.settings),
  seal: (c, input) => sealMonitor(input, c.var.project, c.env.settings),
  filters: monitorFilters,
  sortKeys: ["created_at", "updated_at", "name"],
  // What else changes in a monitor's body is what it can be run from.
  revision: (monitor) => hash32(JSON.stringify(runnableOf(monitor, vantage))),
  path: paths.monitor,
  render: (monitor, origin) => renderMonitor(monitor, origin, vantage),
});

function isKept(pointer: string, regions: readonly string[], kept: ReadonlySet<string>): boolean {
  const [, index] = /^\/check_regions\/([0-9]+)$/.exec(pointer) ?? [];
  return index !== undefined && kept.has(regions[Number(index)] ?? "");
}

const nounOf = async (c: ApiContext): Promise<Noun<"monitor">> => monitorNoun(await vantageOf(c, isWrite(c)));

/** What is written may name an agent that was made a moment ago. */
const isWrite = (c: ApiContext): boolean => c.req.method === "POST" || c.req.method === "PUT" || c.req.method === "PATCH";

export function monitorRoutes(app: Hono<ApiEnv>): void {
  const monitorId = (c: ApiContext) => pathId(c, "monitor_id");
  route(app, "/v0.1/monitors", {
    GET: { query: [...listParameters, ...monitorFilters], handle: async (c) => answerList(c, await nounOf(c)) },
    POST: { handle: create },
  });
  route(app, "/v0.1/monitors/:monitor_id", {
    GET: { tagged: true, handle: async (c) => answerRead(c, await nounOf(c), monitorId(c)) },
    PUT: { tagged: true, handle: async (c) => answerReplace(c, await nounOf(c), monitorId(c)) },
    PATCH: { tagged: true, handle: async (c) => answerPatch(c, await nounOf(c), monitorId(c)) },
    DELETE: { tagged: true, handle: async (c) => answerRemove(c, await nounOf(c), monitorId(c)) },
  });
}

async function create(c: ApiContext): Promise<Response> {
  const noun = await nounOf(c);
  const body = await readObject(c);
  const input = body.ok ? prepare(noun, body.value, c.env.settings) : body;
  return answerCreate(c, noun, input.ok ? await sealed(c, noun, input.value) : input);
}
