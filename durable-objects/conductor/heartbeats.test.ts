/** Whose heartbeats are whose, while D1 comes and goes. */
import { describe, expect, it } from "vitest";
import { StorageAway } from "./failure.ts";
import { Heartbeats } from "./heartbeats.ts";
import { memoryStorage } from "./storage.fixture.ts";
import type { Store } from "./store.ts";

const owner = { project_id: "default", secret: "secret" };
const row = {
  id: "m",
  name: "",
  type: "HEARTBEAT",
  project_id: "default",
  created_at: 1,
  updated_at: 1,
  settings: { heartbeat_secret: "secret" },
};

function start() {
  const state = { away: false, rows: [row] };
  const read = async () => {
    if (state.away) throw new StorageAway("away");
    return state.rows;
  };
  const storage = memoryStorage();
  const heartbeats = () => new Heartbeats({ read } as unknown as Store, storage);
  return { state, heartbeats };
}

describe("a heartbeat's owner", () => {
  it("is known while D1 is away, also to an object that has just started", async () => {
    const { state, heartbeats } = start();
    expect(await heartbeats().of("m")).toEqual(owner);
    state.away = true;
    expect(await heartbeats().of("m")).toEqual(owner);
  });

  it("is not known any more once it is gone, and never is nobody for want of D1", async () => {
    const { state, heartbeats } = start();
    await heartbeats().of("m");
    state.rows = [];
    expect(await heartbeats().of("m")).toBeNull();
    state.away = true;
    await expect(heartbeats().of("m")).rejects.toBeInstanceOf(StorageAway);
  });
});
