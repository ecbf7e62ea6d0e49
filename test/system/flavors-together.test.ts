/**
 * Several real name servers under one Kosmos: one GSLB at two of them, of which one is away; moved from one to the other, with clients asking all
 * the while; others' records at its name; deleted while its server is away; and new credentials, wrong and right.
 */
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import type { Subject } from "../backends/subject.ts";
import { powerdns } from "../backends/subjects/powerdns.ts";
import { bind } from "../backends/subjects/rfc2136.ts";
import { whereInstalled } from "../servers/installed.ts";
import { npmStarted, removeDirectory, type Started } from "./npm-start.ts";
import { type Client, clientOf } from "./system.ts";
import { until } from "./until.ts";
import { create, write } from "./world.ts";

const zone = "gslb.test.";
const patienceMs = 45_000;
let started: Started;
let system: Client;
const [ofPowerdns, ofBind] = [powerdns, bind].map((kind) => whereInstalled(kind.needs, kind.start)) as [Server, Server];
type Server = ReturnType<typeof whereInstalled<Subject>>;

beforeAll(async () => {
  [started] = await Promise.all([npmStarted(), ofPowerdns.start(), ofBind.start()]);
  system = clientOf(started.url, started.token);
});
afterAll(async () => {
  await started?.end();
  if (started !== undefined) await removeDirectory(started.stateDirectory);
  await Promise.all([ofPowerdns.stop(), ofBind.stop()]);
});

/** Both servers, each with the flavor of its name. */
async function both(context: TestContext): Promise<{ readonly pdns: Subject; readonly named: Subject }> {
  const servers = { pdns: ofPowerdns.get(context), named: ofBind.get(context) };
  for (const [name, { plugin, settings, credentials }] of Object.entries(servers)) {
    if ((await system.api("GET", `/v0.1/flavors/${name}`)).status === 200) continue;
    await create(system, "/v0.1/flavors", { name, provider: plugin.provider, settings, credentials });
  }
  return servers;
}

const get = async (path: string) => (await system.api("GET", path)).body;
type Published = { readonly flavor: string; readonly in_sync: boolean; readonly last_error: string | null };
type Status = { readonly status: string; readonly reason: string; readonly published: readonly Published[] };
const status = (id: string, what: string, is: (status: Status) => boolean): Promise<Status> =>
  until(() => get(`/v0.1/gslbs/${id}/status`), { what, timeoutMs: patienceMs, is: (seen) => Array.isArray(seen.published) && is(seen) });
const inSync = (id: string, ...flavors: string[]) =>
  status(id, `it to be in sync at ${flavors.join(" and ")}`, ({ published }) => {
    const synced = published.flatMap(({ flavor, in_sync }) => (in_sync ? [flavor] : []));
    return published.length === flavors.length && synced.join() === flavors.join();
  });
const kindsOf = (id: string): Promise<readonly string[]> =>
  get(`/v0.1/gslbs/${id}/history?limit=1000`).then(({ history }) => history.map((event: { kind: string }) => event.kind));

const failureOf = (id: string) =>
  get(`/v0.1/gslbs/${id}/history?limit=1000`).then(({ history }) =>
    history.find((event: { kind: string }) => event.kind === "publish_failed"),
  );

const clientsSee = async (server: Subject, fqdn: string): Promise<readonly string[]> =>
  ((await server.resolve?.(fqdn, "A")) ?? []).map(({ data }) => data).toSorted();
const serves = (server: Subject, fqdn: string, ...values: string[]) =>
  until(() => clientsSee(server, fqdn), {
    what: `${server.plugin.provider} to have ${values.join() || "nothing"}`,
    timeoutMs: patienceMs,
    is: (found) => found.join() === values.join(),
  });
const left = async (server: Subject, fqdn: string) => (await server.dump()).filter(({ name }) => name.endsWith(fqdn));

/** A GSLB over two members without a monitor, which are ACTIVE as soon as they are known. */
async function make(host: string, flavors: readonly string[], over: object = {}) {
  const fqdn = `${host}.${zone}`;
  const members = ["192.0.2.1", "192.0.2.2"].map((address) => ({ endpoints: [address] }));
  const pool = await create(system, "/v0.1/pools", { name: host, members });
  const { id } = await create(system, "/v0.1/gslbs", { fqdn, domain_name: zone, flavors, pool_ids: [pool.id], ttl: 30, ...over });
  const [member] = (await get(`/v0.1/pools/${pool.id}`)).members;
  const override = `/v0.1/pools/${pool.id}/pool_members/${member.id}/override`;
  return { fqdn, id, path: `/v0.1/gslbs/${id}`, down: () => write(system, "PUT", override, { state: "down", reason: "a test" }) };
}

describe("GSLBs at PowerDNS and BIND", { timeout: 120_000 }, () => {
  it("one backend that is away does not hold back the other, and each says how it is", async (context) => {
    const { pdns, named } = await both(context);
    const { fqdn, id, down } = await make("both", ["pdns", "named"]);
    await inSync(id, "pdns", "named");
    await named.away?.();
    try {
      await down();
      await serves(pdns, fqdn, "192.0.2.2");
      const { published, reason } = await status(
        id,
        "it to be an error",
        (seen) => seen.status === "ERROR" && seen.published[0]?.in_sync === true,
      );
      expect(reason).toMatch(/^named did not take plan \d+: ./);
      expect(published).toMatchObject([
        { flavor: "pdns", in_sync: true, last_error: null },
        { flavor: "named", in_sync: false, last_error: expect.any(String) },
      ]);
    } finally {
      await named.back?.();
    }
    await serves(named, fqdn, "192.0.2.2");
    await inSync(id, "pdns", "named");
  });

  it("leaves others' records at the name, says what is there, and replaces them when it is told to", async (context) => {
    const { named } = await both(context);
    const theirs = `theirs.${zone}`;
    await named.byHand(theirs, "A", 300, ["203.0.113.9"]);
    const { fqdn, id, path } = await make("theirs", ["named"]);
    const { published } = await status(id, "it to be an error", (seen) => seen.status === "ERROR");
    expect(published).toMatchObject([{ in_sync: false, last_error: expect.stringContaining("203.0.113.9") }]);
    const failure = await until(() => failureOf(id), { what: "the failure to be in the history" });
    expect(failure).toMatchObject({ flavor: "named", reason: expect.stringContaining("203.0.113.9"), evidence: { class: "foreign" } });
    expect((await left(named, fqdn)).map(({ name, ttl, data }) => [name, ttl, data])).toEqual([[fqdn, 300, "203.0.113.9"]]);

    await write(system, "PATCH", path, { adopt: true });
    await serves(named, fqdn, "192.0.2.1", "192.0.2.2");
    await inSync(id, "named");
    await until(() => kindsOf(id), { what: "the history to say so", is: (kinds) => kinds.includes("adopted") });
  });

  it("a deleted one stays on its way out while the server is away, and is gone with its records when it is back", async (context) => {
    const { named } = await both(context);
    const { fqdn, id, path } = await make("gone", ["named"]);
    await inSync(id, "named");
    await named.away?.();
    try {
      const deleted = await system.api("DELETE", path);
      expect([deleted.status, deleted.body.action]).toEqual([202, "DELETE"]);
      await until(() => failureOf(id), { what: "the removal to fail" });
      expect(await get(path)).toMatchObject({ action: "DELETE" });
    } finally {
      await named.back?.();
    }
    await until(() => system.api("GET", path), { what: "it to be gone", timeoutMs: patienceMs, is: (answer) => answer.status === 404 });
    expect(await left(named, fqdn)).toEqual([]);
  });

  it("one that moves is at one of them all the while", async (context) => {
    const { pdns, named } = await both(context);
    const { fqdn, id, path } = await make("moves", ["pdns"]);
    await inSync(id, "pdns");
    for (const [from, to, next] of [
      [pdns, named, "named"],
      [named, pdns, "pdns"],
    ] as const) {
      let gaps = 0;
      let asked = 0;
      let isOver = false;
      const watching = (async () => {
        while (!isOver) {
          // The one that it leaves is asked first: what is at neither now was not at the other a moment ago either.
          if ((await clientsSee(from, fqdn)).length < 2 && (await clientsSee(to, fqdn)).length < 2) gaps += 1;
          asked += 1;
        }
      })();
      try {
        await until(() => asked, { what: "clients to ask", is: (times) => times > 2 });
        await write(system, "PATCH", path, { flavors: [next] });
        await serves(to, fqdn, "192.0.2.1", "192.0.2.2");
        await serves(from, fqdn);
        await inSync(id, next);
      } finally {
        isOver = true;
        await watching;
      }
      expect({ gaps, left: await left(from, fqdn) }).toEqual({ gaps: 0, left: [] });
    }
  });

  it.for(["pdns", "named"] as const)(
    "new credentials of %s are tried first: wrong ones are refused, forced they do no good, and right ones go on",
    async (flavor, context) => {
      const server = (await both(context))[flavor];
      const { credentials, wrongCredentials } = server;
      const { fqdn, id, down } = await make(`keys-${flavor}`, [flavor]);
      await inSync(id, flavor);
      const path = `/v0.1/flavors/${flavor}`;
      const refused = await system.api("PATCH", path, { credentials: wrongCredentials });
      expect([refused.status, refused.body.errors[0].pointer]).toEqual([422, "/credentials"]);
      await write(system, "PATCH", `${path}?force=true`, { credentials: wrongCredentials });
      await down();
      await status(id, "it to be an error", (seen) => seen.status === "ERROR" && seen.reason.startsWith(`${flavor} did not take plan`));
      expect(await clientsSee(server, fqdn)).toEqual(["192.0.2.1", "192.0.2.2"]);
      await write(system, "PATCH", path, { credentials });
      await serves(server, fqdn, "192.0.2.2");
      await inSync(id, flavor);
    },
  );
});
