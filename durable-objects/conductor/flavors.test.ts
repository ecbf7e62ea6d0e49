/** The flavors of a deployment in the Conductor's own storage, from which the Engines have them while D1 is away. */
import { describe, expect, it } from "vitest";
import { StorageAway } from "./failure.ts";
import { flavorKind } from "./flavors.ts";
import { Shared } from "./shared.ts";
import { memoryStorage } from "./storage.fixture.ts";
import type { Store } from "./store.ts";

const row = (n: number) => ({
  id: `id-${n}`,
  name: `dns-${n}`,
  provider: "powerdns",
  settings: {},
  description: null,
  // As many and as long as the API takes them.
  project_ids: Array.from({ length: 1_000 }, (_, at) => `${at}`.padStart(64, "p")),
  domain_names: Array.from({ length: 1_000 }, (_, at) => `${`${at}`.padStart(60, "d")}.${"e".repeat(60)}.example.com.`),
  sealed: "v1.aaaaaaaa.AAAA",
  version: 1,
  created_at: n,
  updated_at: n,
});

describe("the flavors while D1 is away", () => {
  it("are as D1 last had them, however much they are together, also after there were fewer", async () => {
    const storage = memoryStorage();
    for (const count of [0, 15, 2]) {
      const rows = Array.from({ length: count }, (_, n) => row(n));
      await new Shared(flavorKind, { read: async () => rows } as unknown as Store, storage).refresh();
      const away = { read: () => Promise.reject(new StorageAway("away")) } as unknown as Store;
      expect((await new Shared(flavorKind, away, storage).list()).map(({ name }) => name)).toEqual(rows.map(({ name }) => name));
    }
  });
});
