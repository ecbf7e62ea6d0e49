/** What a Prober asks of a checker, parsed where it enters. */
import { z } from "zod";
import type { CheckTarget } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { checkReport, observation } from "../../domain/observation.ts";
import { port } from "../../domain/schema.ts";
import type { CheckBatch } from "../../durable-objects/rpc.ts";
import type { TestOrder } from "../../durable-objects/rpc-vantage.ts";

const host = z.string().min(1).max(255);

const target: z.ZodType<CheckTarget> = z.object({ host, port: port.nullable(), hostHeader: host.nullable(), endpoint: host });

const work = {
  type: z.string().max(64),
  timeout_ms: z.int().min(1).max(60_000),
  spec: z.record(z.string(), z.unknown()),
  target,
};

const check = observation.pick({ member_id: true, endpoint: true, monitor_id: true, monitor_version: true, tick: true }).extend(work);

export const checkBatch: z.ZodType<CheckBatch> = checkReport
  .pick({ project_id: true, region: true, shard: true, generation: true })
  .extend({ checks: z.array(check).min(1).max(limits.shardTargets) });

/** A monitor's test, for `POST /test`. */
export const testOrder: z.ZodType<TestOrder> = checkReport
  .pick({ project_id: true, region: true })
  .extend({ monitor_id: z.string().max(64).nullable(), ...work });

export type CheckOrder = CheckBatch["checks"][number];
