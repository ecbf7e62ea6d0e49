/** What was read of names whose first write, or removal, must not be made blindly. It is used once, soon, and forgotten. In memory alone. */
import type { LiveRecords } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";

export class Readings {
  private readonly byKey = new Map<string, { readonly live: LiveRecords; readonly at: number }>();

  put(key: string, live: LiveRecords, now: number): void {
    this.byKey.set(key, { live, at: now });
  }

  /** `perMs`: how long a call may have to wait for another, where the provider has such a bound. */
  get(key: string, perMs: number, now: number): LiveRecords | undefined {
    const known = this.byKey.get(key);
    if (known === undefined) return undefined;
    const age = now - known.at;
    if (age >= 0 && age <= Math.max(limits.readDeadlineMs, 2 * perMs)) return known.live;
    this.byKey.delete(key);
    return undefined;
  }

  forget(key: string): void {
    this.byKey.delete(key);
  }
}
