/**
 * How often a monitor speaks, and how often it must say the same: what silence, freshness and a verdict are measured by. A monitor that Kosmos
 * judges itself has other words for it than one that is run from somewhere.
 */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { calculatedType, heartbeatType, type Monitor } from "../../domain/monitor.ts";
import type { Timing } from "../../domain/quorum.ts";
import type { Thresholds } from "../../domain/verdict.ts";
import { octaviaType } from "./octavia-monitor.ts";

export const isHeartbeat = (monitor: Monitor): boolean => monitor.type === heartbeatType;
export const isCalculated = (monitor: Monitor): boolean => monitor.type === calculatedType;
/** Whether nobody is sent to look: Kosmos itself is the one voter. */
export const isPassive = (monitor: Monitor): boolean => isHeartbeat(monitor) || isCalculated(monitor) || monitor.type === octaviaType;

const heartbeat = z.object({ period: z.number(), grace: z.number() });

/** When the next heartbeat is due after one, and how much later it may come, in milliseconds. */
export function heartbeatPace(monitor: Monitor): { readonly periodMs: number; readonly graceMs: number } {
  const { period, grace } = heartbeat.parse(monitor);
  return { periodMs: period * 1_000, graceMs: grace * 1_000 };
}

export function timingOf(monitor: Monitor, now: number): Timing {
  if (isHeartbeat(monitor)) {
    const { periodMs, graceMs } = heartbeatPace(monitor);
    return { now, delayMs: periodMs, timeoutMs: graceMs };
  }
  // It is said again with each regular alarm.
  if (isCalculated(monitor)) return { now, delayMs: limits.checkpointMs, timeoutMs: 0 };
  return { now, delayMs: monitor.delay * 1_000, timeoutMs: monitor.timeout * 1_000 };
}

/** What Kosmos finds itself it need not find twice. */
export const thresholdsOf = (monitor: Monitor): Thresholds =>
  isPassive(monitor) ? { maxRetries: 1, rise: 1 } : { maxRetries: monitor.max_retries, rise: monitor.rise };
