/** Flavors in the Engine: kept sealed, opened in memory, found out by itself; one that cannot be called fails alone, and says why. */
import { beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { BackendFailure, type BackendPlugin, type Change } from "../../domain/backend.ts";
import { driftSettings, type Flavor } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import { memoryBackend } from "../../plugins/backends/memory.ts";
import type { Sealed } from "../rpc-backends.ts";
import { flavorPlace, seal } from "../seal.ts";
import { configuration, gslb, member, pool, uuid } from "./project.fixture.ts";
import { Desk } from "./shell.fixture.ts";
import type { EngineShell } from "./shell.ts";

const keys = { KOSMOS_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString("base64") };
const token = "hush-hush-hush";
const newer = "tell-nobody-else";

/** A provider that wants a token, and does not keep it to itself. */
function strictBackend(live: Map<string, Change>, accepted: () => string): BackendPlugin {
  const memory = memoryBackend(live);
  const settings = z.strictObject({ url: z.string(), ...driftSettings });
  const credentials = z.strictObject({ api_token: z.string() });
  const login = ({ api_token }: z.output<typeof credentials>) => {
    if (api_token !== accepted()) throw new BackendFailure({ class: "credentials", detail: `401 for Bearer ${api_token}` });
  };
  const nothing = { settings: {}, credentials: {} };
  const { title, supports, identity } = memory;
  const plugin: BackendPlugin<typeof settings, typeof credentials> = {
    provider: "strict",
    title,
    supports,
    identity: () => identity({}),
    settings,
    credentials,
    read: async (zone, fqdns, { credentials: given, io }) => {
      login(given);
      return (await memory.read?.(zone, fqdns, { ...nothing, io })) ?? [];
    },
    write: async (zone, changes, { credentials: given, io }) => {
      login(given);
      return memory.write(zone, changes, { ...nothing, io });
    },
    test: async (zones, { credentials: given, settings: { url } }) => {
      login(given);
      return { details: [`${url} has ${zones.join()} for ${given.api_token}`] };
    },
  };
  return plugin as unknown as BackendPlugin;
}

async function flavor(over: Partial<Flavor> = {}, credentials: object | null = { api_token: token }): Promise<Sealed<Flavor>> {
  const { name = "pdns" } = over;
  const sealed = credentials === null ? null : await seal(JSON.stringify(credentials), flavorPlace(name), keys);
  if (sealed?.ok === false) throw new Error(sealed.error);
  return {
    id: uuid(700),
    name,
    provider: "strict",
    settings: { url: "http://192.0.2.53", drift_interval: 60, on_drift: "hold" },
    description: null,
    project_ids: [],
    domain_names: ["example.com."],
    version: 1,
    created_at: "2026-01-01T00:00:00Z",
    updated_at: "2026-01-01T00:00:00Z",
    ...over,
    sealed: sealed?.value ?? null,
  };
}

const one = gslb(1_000, [uuid(10)], { flavor: "edge", flavors: ["edge", "pdns"] });
const server = member(100, uuid(10), ["192.0.2.1"]);
const whole = configuration({ full: true, seq: 7, gslbs: [one], pools: [pool(10)], members: [server] });

let desk: Desk;
let remote: Map<string, Change>;
let accepted: string;
beforeEach(async () => {
  desk = new Desk();
  remote = new Map();
  accepted = token;
  desk.live = new Map();
  desk.configuration = whole;
  Object.assign(desk.keys, keys);
  desk.plugins = { strict: strictBackend(remote, () => accepted) };
  desk.made = [await flavor()];
});

const started = async () => {
  const shell = await desk.start();
  await desk.rest();
  return shell;
};
/** The alarm comes, so much later. */
async function later(shell: EngineShell, ms: number) {
  desk.now += ms;
  await shell.alarm();
  await desk.rest();
}
const published = async (shell: EngineShell, name = "pdns") =>
  (await shell.gslbStatus(one.id))?.published.find((entry) => entry.flavor === name);
const everything = () => {
  const { sql } = desk.storage;
  const tables = sql.exec<{ name: string }>("SELECT name FROM sqlite_master WHERE type = 'table'").toArray();
  return JSON.stringify(tables.map(({ name }) => sql.exec(`SELECT * FROM ${name}`).toArray()));
};

describe("a flavor that was made in the deployment", () => {
  it("is published to beside edge, by its provider's name", async () => {
    const shell = await started();
    expect(await published(shell)).toMatchObject({ provider: "strict", in_sync: true, last_error: null });
    expect(await published(shell, "edge")).toMatchObject({ provider: "memory", in_sync: true });
    expect([...remote.keys()]).toEqual([one.fqdn]);
    // It was asked for before it was wanted: nobody was told of an error.
    expect(desk.recorded.filter((event) => event.startsWith("publish_failed"))).toEqual([]);
    expect((await shell.gslbStatus(one.id))?.status).toBe("ACTIVE");
  });

  it("is published to from what is stored while the Conductor is away", async () => {
    await started();
    desk.away = true;
    const shell = await started();
    remote.clear();
    await later(shell, 60_000);
    // Found gone, and held as its settings say.
    expect(await published(shell)).toMatchObject({ provider: "strict", in_sync: false, last_error: expect.stringContaining("changed") });
  });

  it("has its credentials nowhere in clear", async () => {
    accepted = "another";
    const shell = await started();
    const seen = [everything(), desk.logged.join(), JSON.stringify(await shell.gslbStatus(one.id)), desk.recorded.join()];
    expect(seen.filter((text) => text.includes(token))).toEqual([]);
    expect((await published(shell))?.last_error).toBe("401 for Bearer ***");
    expect(everything()).toContain("v1.");
  });

  it("is not asked for by a project that uses none", async () => {
    desk.configuration = { ...whole, gslbs: [{ ...one, flavors: ["edge"] }] };
    const shell = await started();
    await shell.watch();
    await shell.backendsChanged();
    await desk.rest();
    expect([desk.asked, everything().includes("strict")]).toEqual([0, false]);
  });

  it("is forgotten when nobody uses it any more", async () => {
    const shell = await started();
    desk.configuration = configuration({ seq: 8, gslbs: [{ ...one, flavors: ["edge"], version: 2 }] });
    await shell.configurationChanged({ epoch: 0, seq: 8 });
    await desk.rest();
    await shell.backendsChanged();
    expect(everything()).not.toContain("strict");
  });
});

describe("new credentials", () => {
  const rotate = async () => {
    accepted = newer;
    desk.made = [await flavor({ version: 2 }, { api_token: newer })];
  };
  const secondMember = async (shell: EngineShell) => {
    desk.configuration = configuration({ seq: 8, members: [member(101, uuid(10), ["192.0.2.2"])] });
    desk.configuration = { ...desk.configuration, gslbs: [{ ...one, steering_policy: "round_robin", version: 2 }] };
    await shell.configurationChanged({ epoch: 0, seq: 8 });
    await desk.rest();
  };

  it("that somebody tells of are used at once, for what failed too", async () => {
    const shell = await started();
    accepted = newer;
    await secondMember(shell);
    expect((await published(shell))?.last_error).toBe("401 for Bearer ***");
    expect(await published(shell, "edge")).toMatchObject({ in_sync: true });
    await rotate();
    await shell.backendsChanged();
    await desk.rest();
    expect(await published(shell)).toMatchObject({ in_sync: true, last_error: null });
  });

  it("that nobody told of are found out by the watchdog", async () => {
    const shell = await started();
    await rotate();
    await shell.watch();
    await desk.rest();
    await secondMember(shell);
    expect(await published(shell)).toMatchObject({ in_sync: true, last_error: null });
  });

  it("are tried again to be read by the alarm, and whoever told is told that they were not", async () => {
    const shell = await started();
    await rotate();
    desk.knowsFlavors = false;
    await expect(shell.backendsChanged()).rejects.toThrow("could not be read");
    desk.knowsFlavors = true;
    await later(shell, limits.retryMaxMs);
    await secondMember(shell);
    expect(await published(shell)).toMatchObject({ in_sync: true, last_error: null });
  });
});

describe("a flavor that cannot be called", () => {
  it.each<[string, string, () => Promise<unknown> | unknown]>([
    ["whose key is gone", "the credentials of the flavor pdns do not open", () => delete desk.keys.KOSMOS_ENCRYPTION_KEY],
    ["that was sealed elsewhere", "do not open", async () => (desk.made = [{ ...(await flavor({ name: "other" })), name: "pdns" }])],
    ["without its credentials", "do not fit strict: api_token", async () => (desk.made = [await flavor({}, null)])],
    ["with credentials of others", "do not fit strict", async () => (desk.made = [await flavor({}, { api_token: 5, password: token })])],
    ["of an unknown provider", "of the provider gone, which", async () => (desk.made = [await flavor({ provider: "gone" })])],
    ["with settings of others", "do not fit strict: url", async () => (desk.made = [await flavor({ settings: {} })])],
    ["that is not there", "there is no flavor pdns", () => (desk.made = [])],
  ])("%s: %s", async (_, reason, breakIt) => {
    await breakIt();
    const shell = await started();
    expect((await published(shell))?.last_error).toContain(reason);
    expect((await shell.gslbStatus(one.id))?.reason).toContain(`pdns did not take plan 1: `);
    expect(await published(shell, "edge")).toMatchObject({ in_sync: true });
    expect([everything(), desk.logged.join()].join()).not.toContain(token);
  });

  it("since the Conductor is away is a matter of time, and is published to when it is back", async () => {
    desk.knowsFlavors = false;
    const shell = await started();
    desk.now += limits.flavorWaitMs;
    await desk.rest();
    expect((await published(shell))?.last_error).toContain("is not known yet");
    desk.knowsFlavors = true;
    await later(shell, limits.retryMaxMs);
    expect(await published(shell)).toMatchObject({ provider: "strict", in_sync: true });
  });
});

describe("a flavor that is tried", () => {
  it("says what was found, without what is secret", async () => {
    const shell = await started();
    expect(await shell.testFlavor(await flavor())).toEqual({ ok: true, value: ["http://192.0.2.53 has example.com. for ***"] });
  });

  it("is tried at its own zones, and where it may write to all, at those that have names", async () => {
    const shell = await started();
    const tried = async (domain_names: string[], name = "pdns") => {
      const { value } = (await shell.testFlavor(await flavor({ name, domain_names }))) as { value: readonly string[] };
      return value;
    };
    expect(await tried(["example.org."])).toEqual(["http://192.0.2.53 has example.org. for ***"]);
    expect(await tried([])).toEqual(["http://192.0.2.53 has example.com. for ***"]);
    expect(await tried([], "unused")).toEqual(["http://192.0.2.53 has  for ***"]);
  });

  it("need not be stored, nor be used", async () => {
    const shell = await started();
    expect(await shell.testFlavor(await flavor({ name: "fresh" }, { api_token: "wrong-token" }))).toEqual({
      ok: false,
      error: { class: "credentials", detail: "401 for Bearer ***" },
    });
    expect(everything()).not.toContain("fresh");
  });

  it("fails by its own words where it cannot be bound", async () => {
    const shell = await started();
    delete desk.keys.KOSMOS_ENCRYPTION_KEY;
    expect(await shell.testFlavor(await flavor({ provider: "gone" }))).toMatchObject({ error: { class: "not-found" } });
    const { error } = (await shell.testFlavor(await flavor())) as { error: { class: string; detail: string } };
    expect(error.class).toBe("credentials");
    expect(error.detail).toContain("KOSMOS_ENCRYPTION_KEY is not set");
  });
});
