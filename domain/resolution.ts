/**
 * What a host name came to: addresses that are asked for again as their TTL says, within bounds, and kept where nobody can say better. A value and
 * its transitions; who asks keeps it.
 */
import { z } from "zod";
import { limits } from "./limits.ts";

export const resolution = z.object({
  name: z.string(),
  /** In one order, so that a resolver that turns its answers around changes nothing. */
  v4: z.array(z.string()).readonly(),
  v6: z.array(z.string()).readonly(),
  /** When the addresses were last learnt, Unix ms; null: never. */
  at: z.number().nullable(),
  /** When it is asked next, Unix ms. */
  dueAt: z.number(),
  failures: z.int(),
  /** Why it was not learnt when it was last asked; null: it was. */
  error: z.string().nullable(),
});
export type Resolution = Readonly<z.output<typeof resolution>>;

export const unresolved = (name: string): Resolution => ({ name, v4: [], v6: [], at: null, dueAt: 0, failures: 0, error: null });

/** What was heard of one family: its addresses, none where the name has none, and for how long; or why nothing was. */
export type Heard =
  | { readonly ok: true; readonly addresses: readonly string[]; readonly ttlSeconds: number }
  | { readonly ok: false; readonly error: string };

/** Takes an answer over. Of a family that was not heard the last addresses stay; a name without any address keeps those that it had. */
export function heard(before: Resolution, v4: Heard, v6: Heard, now: number): Resolution {
  const error = !v4.ok ? v4.error : !v6.ok ? v6.error : null;
  const addresses = { v4: v4.ok ? sorted(v4.addresses) : before.v4, v6: v6.ok ? sorted(v6.addresses) : before.v6 };
  const isEmpty = addresses.v4.length + addresses.v6.length === 0;
  if (isEmpty || (!v4.ok && !v6.ok)) {
    const failures = before.failures + 1;
    return { ...before, failures, error: error ?? "the name has no address", dueAt: now + retryMs(failures) };
  }
  const ttls = [v4, v6].flatMap((one) => (one.ok && one.addresses.length > 0 ? [one.ttlSeconds] : []));
  const failures = error === null ? 0 : before.failures + 1;
  const fresh = now + clamp(Math.min(...ttls, limits.resolveMaxSeconds)) * 1_000;
  return { ...before, ...addresses, at: now, failures, error, dueAt: error === null ? fresh : Math.min(fresh, now + retryMs(failures)) };
}

export const addressesOf = ({ v4, v6 }: Resolution): readonly string[] => [...v4, ...v6];

/** When it is to be asked. A time that is further ahead than any TTL was set before the clock was. */
export const askAt = ({ dueAt }: Resolution, now: number): number => (dueAt > now + limits.resolveMaxSeconds * 1_000 ? now : dueAt);

const clamp = (ttlSeconds: number): number => Math.min(limits.resolveMaxSeconds, Math.max(limits.resolveMinSeconds, ttlSeconds));

const retryMs = (failures: number): number => clamp(limits.resolveMinSeconds * 2 ** Math.min(failures - 1, 10)) * 1_000;

const sorted = (addresses: readonly string[]): readonly string[] => [...new Set(addresses)].toSorted();
