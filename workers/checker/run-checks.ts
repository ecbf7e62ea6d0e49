/**
 * Carries out a batch of checks: it owns the slots, the deadlines and every throw. What goes wrong on this side is `no_data`; only a plugin
 * says `fail`. The network is an argument.
 */
import { type CheckIo, failed, noData, type Outcome, VantageRefusal } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import type { Observation } from "../../domain/observation.ts";
import { ok, type Result } from "../../domain/result.ts";
import { userAgentOf } from "../../domain/user-agent.ts";
import { missing } from "../../domain/vantage-point.ts";
import { checkPluginOf } from "../../plugins/index.ts";
import type { CheckOrder } from "./batch.ts";

/** The world as `CheckIo` has it, without the deadline and the name to go by, which are set here. */
export type CheckerIo = Omit<CheckIo, "signal" | "userAgent">;

/** Opens what is sealed in a monitor's fields, or says why it does not open. */
export type OpenSpec = (spec: OneCheck["spec"]) => Promise<Result<OneCheck["spec"], string>>;

/** One observation for each check, in their order. A check's time begins when it gets its slot. */
export async function runChecks(checks: readonly CheckOrder[], io: CheckerIo, open?: OpenSpec): Promise<Observation[]> {
  const observations: Observation[] = [];
  const waiting = checks.entries();
  const slot = async (): Promise<void> => {
    for (const [index, check] of waiting) observations[index] = observationOf(check, await runCheck(check, io, open));
  };
  await Promise.all(Array.from({ length: Math.min(limits.proberSlots, checks.length) }, slot));
  return observations;
}

export type OneCheck = Pick<CheckOrder, "type" | "spec" | "target" | "timeout_ms"> & { readonly monitor_id?: string | null };

/** `open` left out: no secret in `spec` is sealed. */
export async function runCheck(check: OneCheck, io: CheckerIo, open?: OpenSpec): Promise<Outcome> {
  const outcome = await carryOut(check, io, open);
  const { detail, warning } = outcome;
  return { ...outcome, detail: printable(detail), ...(warning == null ? {} : { warning: printable(warning) }) };
}

/** On one line and without what would act on the terminal or the page that shows it: much of it is in others' words. */
const printable = (text: string): string =>
  text
    .toWellFormed()
    .replace(/\s/g, " ")
    .replace(/[\p{C}\ufffd]/gu, "?");

async function carryOut(check: OneCheck, io: CheckerIo, open?: OpenSpec): Promise<Outcome> {
  const plugin = checkPluginOf(check.type);
  if (plugin === null) return noData(`this checker knows no monitors of type ${check.type}`);
  const opened = open !== undefined && Object.hasOwn(check.spec, "sealed") ? await open(check.spec) : ok(check.spec);
  if (!opened.ok) return noData(opened.error.slice(0, limits.checkDetailLength));
  const spec = plugin.spec.safeParse(opened.value);
  if (!spec.success) return noData(`the monitor's fields cannot be read: ${spec.error.issues[0]?.message}`);
  const unable = missing(plugin.needs(spec.data, check.target), io.capabilities);
  if (unable.length > 0) return noData(`this vantage point cannot do what the check needs: ${unable.join(", ")}`);

  const within = `within ${check.timeout_ms} ms`;
  const deadline = new AbortController();
  const startedAt = io.now();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const missed = new Promise<Outcome>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort(within);
      // The plugin's own words first, if it has any: what it waits for is settled by the abort.
      timer = setTimeout(() => resolve(failed(null, `no answer ${within}`)), 10);
    }, check.timeout_ms);
  });
  try {
    const outcome = await Promise.race([
      plugin.run(spec.data, check.target, { ...io, userAgent: userAgentOf(check.monitor_id ?? null), signal: deadline.signal }),
      missed,
    ]);
    const elapsed = io.now() - startedAt;
    if (elapsed > check.timeout_ms + limits.checkLateMs) return noData(`the checker took ${elapsed} ms for ${check.timeout_ms}`);
    return outcome;
  } catch (error) {
    if (error instanceof VantageRefusal) return noData(error.message);
    return noData(`the check could not be carried out: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

const observationOf = (check: CheckOrder, { outcome, latencyMs, detail, warning }: Outcome): Observation => ({
  member_id: check.member_id,
  endpoint: check.endpoint,
  monitor_id: check.monitor_id,
  monitor_version: check.monitor_version,
  tick: check.tick,
  outcome,
  latency_ms: latencyMs === null ? null : Math.max(0, latencyMs),
  detail: detail.slice(0, limits.checkDetailLength),
  ...(warning == null ? {} : { warning: warning.slice(0, limits.checkDetailLength) }),
});
