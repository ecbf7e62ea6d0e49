/** Monitors as rows: the fields of every type have columns, how often, from where and the type's own are one JSON column. */
import { and, eq, getTableColumns } from "drizzle-orm";
import { heartbeatType, type Monitor, type MonitorWrite } from "../../domain/monitor.ts";
import type { Scope } from "./change.ts";
import { shown } from "./resource.ts";
import { monitor } from "./schema.ts";
import type { Store } from "./store.ts";

export const monitorColumns = getTableColumns(monitor);

type MonitorRow = typeof monitor.$inferSelect;

export function toMonitor({ settings, ...row }: MonitorRow): Monitor {
  const { delay, timeout, max_retries, rise, check_regions, ...own } = settings as Pick<
    MonitorWrite,
    "delay" | "timeout" | "max_retries" | "rise" | "check_regions"
  >;
  // A row from before the field has what was the rule then: confirmation as it is by default.
  const confirm_delay = 1;
  return {
    ...shown(row),
    name: row.name === "" ? null : row.name,
    delay,
    timeout,
    max_retries,
    rise,
    confirm_delay,
    check_regions,
    // As `confirm_delay`.
    observe_only: false,
    target: null,
    ...own,
  };
}

export async function readMonitor({ store, project }: Scope, id: string): Promise<Monitor | null> {
  const [row] = await store.read((db) =>
    db
      .select(monitorColumns)
      .from(monitor)
      .where(and(eq(monitor.id, id), eq(monitor.project_id, project))),
  );
  return row === undefined ? null : toMonitor(row);
}

/** `heartbeatSecret`: of a HEARTBEAT, made with it and never changed. */
export function monitorRow(input: MonitorWrite, heartbeatSecret: string | null) {
  const { name, description, tags, admin_state_up, type, ...rest } = input;
  const settings = heartbeatSecret === null ? rest : { ...rest, heartbeat_secret: heartbeatSecret };
  return { name: name ?? "", description, tags, admin_state_up, type, settings };
}

/** What the endpoints of a stored HEARTBEAT know; null of any other type. */
export const heartbeatSecretOf = (one: Monitor): string | null =>
  one.type === heartbeatType && typeof one.heartbeat_secret === "string" ? one.heartbeat_secret : null;

/** 32 random bytes, base64url. */
export function newHeartbeatSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Looked for in every project, since whoever beats has no token that would say whose it is. */
export async function heartbeatOf(store: Store, id: string): Promise<{ readonly project_id: string; readonly secret: string } | null> {
  const [row] = await store.read((db) =>
    db
      .select(monitorColumns)
      .from(monitor)
      .where(and(eq(monitor.id, id), eq(monitor.type, heartbeatType))),
  );
  const secret = row === undefined ? null : heartbeatSecretOf(toMonitor(row));
  return row === undefined || secret === null ? null : { project_id: row.project_id, secret };
}
