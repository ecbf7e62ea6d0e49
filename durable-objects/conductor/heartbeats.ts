/**
 * Whose heartbeats are whose, as the Conductor named `deployment` tells it: from D1, and from its own storage while D1 is away. An endpoint
 * that reports must not be missed because we cannot read.
 */
import { StorageAway } from "./failure.ts";
import { heartbeatOf } from "./monitor-row.ts";
import type { Store } from "./store.ts";
import { within } from "./within.ts";

type Owner = { readonly project_id: string; readonly secret: string };

/** D1 that has not answered by then is away, as far as an endpoint that waits is concerned. */
const readMs = 2_000;

export class Heartbeats {
  private readonly store: Store;
  private readonly storage: DurableObjectStorage;

  constructor(store: Store, storage: DurableObjectStorage) {
    this.store = store;
    this.storage = storage;
  }

  /** Null: there is no such monitor, or it is of another type. Throws `StorageAway` where that cannot be told. */
  async of(monitorId: string): Promise<Owner | null> {
    const key = `heartbeat ${monitorId}`;
    const kept = await this.storage.get<Owner>(key);
    try {
      const found = await within(readMs, heartbeatOf(this.store, monitorId));
      if (found === null && kept !== undefined) await this.storage.delete(key);
      // Neither ever changes.
      if (found !== null && kept === undefined) await this.storage.put(key, found);
      return found;
    } catch (error) {
      if (kept !== undefined) return kept;
      throw error instanceof StorageAway ? error : new StorageAway("whose heartbeat it is cannot be read", { cause: error });
    }
  }
}
