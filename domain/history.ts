/** The history: every transition, plan and hold, with the votes, the rule and the numbers that decided it (engine.md, rule 22). */
import { z } from "zod";
import { id, oneOf } from "./schema.ts";

export const eventKinds = [
  "member_status",
  "pool_status",
  "gslb_status",
  "published",
  "publish_failed",
  "unpublished",
  "adopted",
  "config",
  "all_down",
  "region_lost_vote",
  "region_regained_vote",
  "blind",
  "held",
  "released",
  "panic",
  "failback",
  "override",
  "override_expired",
  "drift",
  "conflict",
  "hand_edit",
  "warning",
] as const;
export const severities = ["info", "warning", "critical"] as const;
export type EventKind = (typeof eventKinds)[number];
export type Severity = (typeof severities)[number];
export const eventKind = oneOf(eventKinds);
export const severity = oneOf(severities);

/** An event as the API shows it (api-shapes.md, "History event"). `evidence` is free: what decided differs by kind. */
export const historyEvent = z.object({
  id,
  at: z.string(),
  kind: eventKind,
  severity,
  gslb_id: id.nullable(),
  pool_id: id.nullable(),
  member_id: id.nullable(),
  flavor: z.string().nullable(),
  from: z.string().nullable(),
  to: z.string().nullable(),
  reason: z.string(),
  rule: z.string().nullable(),
  by: z.string().nullable(),
  plan: z.int().nullable(),
  incident_id: z.string().nullable(),
  request_id: z.string().nullable(),
  evidence: z.record(z.string(), z.unknown()),
});
export type HistoryEvent = z.output<typeof historyEvent>;
