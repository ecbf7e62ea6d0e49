/** What of a monitor is secret never leaves the API as it came: it is sealed here, and known from then on only to whoever runs the checks. */
import { type MonitorWrite, sealedOf } from "../../domain/monitor.ts";
import { type Problem, unprocessable } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { openSpec, type SealingKeys, seal, sealSecrets } from "../../durable-objects/seal.ts";
import { secretsOf } from "../../plugins/index.ts";
import { isJsonObject, type JsonObject } from "./json.ts";
import { mergePatch } from "./merge-patch.ts";

/** The write without its secrets: they are in `sealed`, with null for one that is to be cleared. */
export async function sealMonitor(input: MonitorWrite, project: string, keys: SealingKeys): Promise<Result<MonitorWrite, Problem>> {
  const given = secretsOf(input.type).filter((field) => Object.hasOwn(input, field));
  if (given.length === 0) return ok(input);
  const cleared = given.filter((field) => input[field] === null);
  const secrets = given.filter((field) => input[field] !== null).map((field) => [field, input[field]]);
  const sealed = await sealSecrets(Object.fromEntries(secrets), project, keys);
  if (!sealed.ok) return fail(notKept(sealed.error));
  const rest = Object.entries(input).filter(([field]) => !given.includes(field));
  const write = { ...Object.fromEntries(rest), sealed: { ...sealed.value, ...Object.fromEntries(cleared.map((field) => [field, null])) } };
  return ok(write as unknown as MonitorWrite);
}

/** Without a key nothing secret is stored. */
export const notKept = (why: string): Problem => ({ type: "unavailable", detail: `secrets cannot be kept: ${why}`, retryAfterSeconds: 60 });

/** The secrets that a merge patch gives in part, merged into those that are stored (RFC 7396). */
export async function mergeSecrets(
  current: MonitorWrite,
  patch: JsonObject,
  project: string,
  keys: SealingKeys,
): Promise<Result<JsonObject, Problem>> {
  const merged: Record<string, unknown> = {};
  for (const [field, text] of Object.entries(sealedOf(current))) {
    const given = patch[field];
    if (!isJsonObject(given)) continue;
    const opened = await openSpec({ sealed: { [field]: text } }, project, keys);
    if (!opened.ok) return fail(await notOpened(field, opened.error, keys));
    merged[field] = mergePatch(opened.value[field], given);
  }
  return ok(merged);
}

/** Without a key no secret can be written either way; with one, what does not open can still be replaced. */
async function notOpened(field: string, why: string, keys: SealingKeys): Promise<Problem> {
  const key = await seal("", "", keys);
  if (!key.ok) return notKept(key.error);
  return unprocessable(`/${field}`, `cannot be merged into what is stored (${why}); give it whole with PUT`);
}
