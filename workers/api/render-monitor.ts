/** Monitors as they go out: with what they can be run from, and never with a secret, sealed or open, but the one that HEARTBEAT is beaten with. */
import { heartbeatType, type Monitor, type MonitorWrite } from "../../domain/monitor.ts";
import { asking, type Runnable, runnable, type Vantage } from "../../domain/runnable.ts";
import { shownLoad } from "../../domain/target-load.ts";
import type { Attached } from "../../durable-objects/rpc.ts";
import { readSpec, secretsOf } from "../../plugins/index.ts";
import type { JsonObject } from "./json.ts";
import { identity, links, paths, times } from "./render.ts";

/** Where it can be run, for the easiest target that its type has. */
export const runnableOf = (monitor: MonitorWrite, vantage: Vantage): Runnable => runnableAs(readSpec(monitor), monitor, vantage);

function runnableAs(read: ReturnType<typeof readSpec>, monitor: MonitorWrite, vantage: Vantage): Runnable {
  if (!read.ok) return { ok: false, reason: read.error, regions: [] };
  return runnable(monitor.type, read.value.plugin.needs(read.value.spec, null), monitor.check_regions, vantage);
}

/** A monitor's own fields are its type's, so they are passed on as its plugin reads them; fields that are younger have their defaults. */
export function renderMonitor(monitor: Monitor, origin: string, vantage: Vantage): JsonObject {
  const { id, project_id, domain_id, name, description, tags, type, version, created_at, updated_at, ...rest } = monitor;
  const { sealed: _, heartbeat_secret: secret, ...own } = rest;
  const read = readSpec(monitor);
  const secrets = new Set(secretsOf(type));
  const fields = Object.entries({ ...own, ...(read.ok ? read.value.spec : {}) }).filter(([field]) => !secrets.has(field));
  return {
    ...identity(monitor),
    type,
    ...Object.fromEntries(fields),
    ...(type === heartbeatType && typeof secret === "string" ? { heartbeat_path: `/v0.1/heartbeats/${id}/${secret}` } : {}),
    runnable: runnableAs(read, monitor, vantage),
    ...times(monitor),
    links: links(origin + paths.monitor(monitor)),
  };
}

/** `load` is what the monitor asks of one endpoint. */
export function renderAttached(attached: Attached, vantage: Vantage, origin: string): JsonObject {
  const { monitor, attached_to, inherited } = attached;
  const points = monitor.admin_state_up ? (attached.vantage_points ?? asking(runnableOf(monitor, vantage))) : 0;
  const load = { requests_per_second: shownLoad(points / monitor.delay), vantage_points: points };
  return { ...renderMonitor(monitor, origin, vantage), attached_to, inherited, load };
}
