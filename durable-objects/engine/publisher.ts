/**
 * Carries the wanted plans out: batches what is due by flavor and zone, calls the backend's plugin, and says of each change what came of it.
 * Plans are read at the moment of the call, so that only the newest is ever written.
 */
import type { BackendIo, Change, WriteFailure } from "../../domain/backend.ts";
import { builtInFlavors } from "../../domain/flavor.ts";
import { isDue, ownersOf, type Publication } from "../../domain/publish.ts";
import { fail, type Result } from "../../domain/result.ts";
import { backendPlugins } from "../../plugins/backends/index.ts";

/** How long a backend may take for one batch, in milliseconds. */
const deadlineMs = 30_000;

export type Written = { readonly key: string; readonly number: number; readonly failure: WriteFailure | null };

/** The next batch that is due, or null. */
export function nextBatch(
  publications: ReadonlyMap<string, Publication>,
  now: number,
): (readonly [key: string, publication: Publication])[] | null {
  const due = [...publications].filter(([, publication]) => isDue(publication, now));
  const [first] = due;
  if (first === undefined) return null;
  const [, { flavor, zone }] = first;
  const together = due.filter(([, publication]) => publication.flavor === flavor && publication.zone === zone);
  return together.slice(0, pluginOf(flavor)?.supports.batch ?? 1);
}

export async function writeBatch(
  batch: readonly (readonly [key: string, publication: Publication])[],
  io: Omit<BackendIo, "signal">,
): Promise<Written[]> {
  const changes = batch.map(([, publication]) => changeOf(publication));
  const results = await writeChanges(batch[0]?.[1].flavor ?? "", changes, io);
  return batch.map(([key, { number }], index) => {
    const result = results[index] ?? fail<WriteFailure>({ class: "retry", detail: "the backend did not say what came of it" });
    return { key, number, failure: result.ok ? null : result.error };
  });
}

async function writeChanges(
  flavorName: string,
  changes: readonly Change[],
  io: Omit<BackendIo, "signal">,
): Promise<readonly Result<null, WriteFailure>[]> {
  const flavor = builtInFlavors.find((candidate) => candidate.name === flavorName);
  const plugin = pluginOf(flavorName);
  const all = (failure: WriteFailure) => changes.map(() => fail(failure));
  if (flavor === undefined || plugin === undefined) return all({ class: "not-found", detail: `there is no flavor ${flavorName}` });
  // A timer of our own, so that it ends with the call: one that is still pending would keep the object awake, and billed.
  const deadline = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`no answer within ${deadlineMs / 1_000} s`));
    deadline.abort();
  }, deadlineMs);
  try {
    return await Promise.race([plugin.write(changes, flavor.settings, {}, { ...io, signal: deadline.signal }), late.promise]);
  } catch (error) {
    return all({ class: "retry", detail: error instanceof Error ? error.message : String(error) });
  } finally {
    clearTimeout(timer);
  }
}

const pluginOf = (flavorName: string) => backendPlugins[builtInFlavors.find((flavor) => flavor.name === flavorName)?.provider ?? ""];

function changeOf(publication: Publication): Change {
  const { wanted, fqdn, zone, gslbId, epoch, number } = publication;
  if (wanted !== null && wanted !== "removed") return { kind: "publish", plan: wanted };
  const also = ownersOf(publication).filter((owner) => owner !== gslbId);
  return { kind: "unpublish", fqdn, zone, gslbId, ...(also.length > 0 ? { also } : {}), epoch, number };
}
