/**
 * Carries the wanted plans out: batches what is due by flavor and zone, calls the backend's plugin, and says of each change what came of it.
 * Plans are read at the moment of the call, so that only the newest is ever written.
 */
import type { Change, WriteFailure } from "../../domain/backend.ts";
import { isDue, ownersOf, type Publication } from "../../domain/publish.ts";
import { fail, type Result } from "../../domain/result.ts";
import type { BackendPorts } from "./ports.ts";

/** How long a backend may take for one batch, in milliseconds. */
const deadlineMs = 30_000;

export type Written = { readonly key: string; readonly number: number; readonly failure: WriteFailure | null };

/** The next batch that is due, or null. */
export function nextBatch(
  publications: ReadonlyMap<string, Publication>,
  now: number,
  { flavors }: Pick<BackendPorts, "flavors">,
): (readonly [key: string, publication: Publication])[] | null {
  const due = [...publications].filter(([, publication]) => isDue(publication, now));
  const [first] = due;
  if (first === undefined) return null;
  const [, { flavor, zone }] = first;
  const together = due.filter(([, publication]) => publication.flavor === flavor && publication.zone === zone);
  return together.slice(0, flavors(flavor)?.plugin.supports.batch ?? 1);
}

export async function writeBatch(
  batch: readonly (readonly [key: string, publication: Publication])[],
  ports: BackendPorts,
): Promise<Written[]> {
  const changes = batch.map(([, publication]) => changeOf(publication));
  const results = await writeChanges(batch[0]?.[1].flavor ?? "", changes, ports);
  return batch.map(([key, { number }], index) => {
    const result = results[index] ?? fail<WriteFailure>({ class: "retry", detail: "the backend did not say what came of it" });
    return { key, number, failure: result.ok ? null : result.error };
  });
}

async function writeChanges(
  flavorName: string,
  changes: readonly Change[],
  ports: BackendPorts,
): Promise<readonly Result<null, WriteFailure>[]> {
  const all = (failure: WriteFailure) => changes.map(() => fail(failure));
  const flavor = ports.flavors(flavorName);
  if (flavor === null) return all({ class: "not-found", detail: `there is no flavor ${flavorName}` });
  const deadline = new AbortController();
  const ended = new AbortController();
  const late = async (): Promise<never> => {
    await ports.sleep(deadlineMs, ended.signal);
    deadline.abort();
    throw new Error(`no answer within ${deadlineMs / 1_000} s`);
  };
  const io = { ...ports.backendIo, signal: deadline.signal };
  try {
    const outcome = await Promise.race([flavor.plugin.write(changes, flavor.settings, flavor.credentials, io), late()]);
    return "class" in outcome ? all(outcome) : outcome;
  } catch (error) {
    return all({ class: "retry", detail: error instanceof Error ? error.message : String(error) });
  } finally {
    ended.abort();
  }
}

function changeOf(publication: Publication): Change {
  const { wanted, fqdn, zone, gslbId, epoch, number } = publication;
  if (wanted !== null && wanted !== "removed") return { kind: "publish", plan: wanted };
  const also = ownersOf(publication).filter((owner) => owner !== gslbId);
  return { kind: "unpublish", fqdn, zone, gslbId, ...(also.length > 0 ? { also } : {}), epoch, number };
}
