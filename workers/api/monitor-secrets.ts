/** What of a monitor is secret never leaves the API as it came: it is sealed here, and known from then on only to whoever runs the checks. */
import type { MonitorWrite } from "../../domain/monitor.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { type SealingKeys, sealSecrets } from "../../durable-objects/seal.ts";
import { secretsOf } from "../../plugins/index.ts";

/** The write without its secrets: they are in `sealed`, with null for one that is to be cleared. */
export async function sealMonitor(input: MonitorWrite, project: string, keys: SealingKeys): Promise<Result<MonitorWrite, Problem>> {
  const given = secretsOf(input.type).filter((field) => Object.hasOwn(input, field));
  if (given.length === 0) return ok(input);
  const cleared = given.filter((field) => input[field] === null);
  const secrets = given.filter((field) => input[field] !== null).map((field) => [field, input[field]]);
  const sealed = await sealSecrets(Object.fromEntries(secrets), project, keys);
  if (!sealed.ok) return fail({ type: "unavailable", detail: `secrets cannot be kept: ${sealed.error}`, retryAfterSeconds: 60 });
  const rest = Object.entries(input).filter(([field]) => !given.includes(field));
  const write = { ...Object.fromEntries(rest), sealed: { ...sealed.value, ...Object.fromEntries(cleared.map((field) => [field, null])) } };
  return ok(write as unknown as MonitorWrite);
}
