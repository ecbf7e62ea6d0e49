/**
 * What a name server of an operator must show, written once for every server that can run here: a GSLB made through the API on real origins, the
 * answers that `dig` sees when one dies and returns, records that somebody edits by hand, and the server itself away while origins die.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Subject, SubjectKind, ZoneRecord } from "../backends/subject.ts";
import { whereInstalled } from "../servers/installed.ts";
import { npmStarted, removeDirectory, type Started } from "./npm-start.ts";
import { type Origin, startOrigin } from "./origins.ts";
import { type Client, clientOf } from "./system.ts";
import { until } from "./until.ts";
import { create, quickMonitor, write } from "./world.ts";

/** What must be at the name server no later than this after a verdict. */
const promisedMs = 3_000;
/** A minute, where somebody runs this by hand to see it; else as long as it takes to fail often. */
const awayMs = Number(process.env.KOSMOS_AWAY_SECONDS ?? 0) * 1_000;

type HistoryEvent = {
  readonly at: string;
  readonly kind: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly reason: string;
  readonly member_id: string | null;
  readonly flavor: string | null;
  readonly plan: number | null;
};

export function nameServerCases(kind: SubjectKind): void {
  const subject = whereInstalled(kind.needs, kind.start);
  // Whoever was away for long is tried again ever more seldom.
  const patienceMs = 60_000 + 4 * awayMs;
  let started: Started;
  let system: Client;
  const origins: Origin[] = [];
  beforeAll(
    async () => {
      [started] = await Promise.all([npmStarted(), subject.start()]);
      system = clientOf(started.url, started.token);
    },
    (kind.timeoutMs ?? 60_000) + 60_000,
  );
  afterAll(async () => {
    await started?.end();
    if (started !== undefined) await removeDirectory(started.stateDirectory);
    await subject.stop();
    for (const origin of origins) await origin.close();
  }, 60_000);

  const get = async (path: string) => (await system.api("GET", path)).body;
  const history = async (path: string): Promise<readonly HistoryEvent[]> => (await get(`${path}/history?limit=1000`)).history;
  const origin = async (address: string) => {
    const made = await startOrigin({ address });
    origins.push(made);
    return made;
  };

  describe(`a GSLB at ${kind.name}`, { timeout: 180_000 + (kind.timeoutMs ?? 0) + 5 * awayMs }, () => {
    it("follows its origins, is set right after others edited it, and after the server was away has the newest plan, once", async (context) => {
      const { zone, settings, credentials, ...server } = subject.get(context);
      const figure = (what: string, ms: number) => context.annotate(`${kind.name}: ${what} ${(ms / 1_000).toFixed(3)} s`);
      const fqdn = `www-outage.${zone}`;
      const before = await others(server, fqdn);
      expect(before.length).toBeGreaterThan(2);

      const flavor = { name: "ns", provider: kind.provider, settings: { ...settings, drift_interval: 1 }, credentials };
      await create(system, "/v0.1/flavors", { ...flavor, domain_names: [zone] });
      expect((await system.api("POST", "/v0.1/flavors/ns/test")).body).toMatchObject({ ok: true });

      const [one, two, three] = [await origin("127.0.0.1"), await origin("127.0.0.2"), await origin("127.0.0.3")];
      const monitor = await create(system, "/v0.1/monitors", quickMonitor);
      const pool = await create(system, "/v0.1/pools", { name: "web", monitor_ids: [monitor.id] });
      const poolPath = `/v0.1/pools/${pool.id}`;
      const member = async ({ address, port }: Origin) =>
        (await create(system, `${poolPath}/pool_members`, { endpoints: [address], monitor_port: port })).id;
      const [memberOne, memberTwo] = [await member(one), await member(two)];
      const wanted = { fqdn, domain_name: zone, flavor: "ns", steering_policy: "round_robin", ttl: 30, pool_ids: [pool.id] };
      const { id } = await create(system, "/v0.1/gslbs", wanted);
      const path = `/v0.1/gslbs/${id}`;

      /** When clients were told, Unix ms. */
      const told = async (...addresses: string[]): Promise<number> => {
        await until(async () => (await server.resolve?.(fqdn, "A"))?.map(({ data }) => data).toSorted() ?? [], {
          what: `dig to show ${addresses.join(", ")} at ${kind.name}`,
          timeoutMs: patienceMs,
          intervalMs: 10,
          is: (found) => found.join() === addresses.join(),
        });
        return Date.now();
      };
      const inSync = () =>
        until(() => get(`${path}/status`), {
          what: "it to be in sync",
          timeoutMs: patienceMs,
          is: ({ published }) => published?.length === 1 && published[0].in_sync,
        });
      /** When the newest verdict on a member fell, Unix ms. */
      const verdict = async (of: string, to: string, since: number): Promise<number> => {
        const isIt = ({ kind: what, member_id, to: status, at }: HistoryEvent) =>
          what === "member_status" && member_id === of && status === to && Date.parse(at) >= since;
        const events = await until(() => history(path), {
          what: `the history to have a member ${to}`,
          timeoutMs: patienceMs,
          is: (found) => found.some(isIt),
        });
        return Date.parse(events.find(isIt)?.at ?? "");
      };
      const dies = async (dying: Origin, its: string, ...left: string[]) => {
        const from = Date.now();
        await dying.kill();
        const at = await told(...left);
        const took = at - (await verdict(its, "DOWN", from));
        await figure("verdict to dig", took);
        expect(took).toBeLessThan(promisedMs);
      };

      await told("127.0.0.1", "127.0.0.2");
      await dies(one, memberOne, "127.0.0.2");
      await one.revive();
      await told("127.0.0.1", "127.0.0.2");
      await dies(two, memberTwo, "127.0.0.1");
      await two.revive();
      await told("127.0.0.1", "127.0.0.2");
      expect(await others(server, fqdn)).toEqual(before);
      await inSync();

      await server.byHand(fqdn, "A", 30, ["203.0.113.66"]);
      const edited = Date.now();
      const drifts = () => history(path).then((events) => events.filter((event) => event.kind === "drift"));
      const [drift] = await until(drifts, {
        what: "the drift to be in the history",
        timeoutMs: patienceMs,
        is: (found) => found.length > 0,
      });
      expect(drift).toMatchObject({ flavor: "ns", reason: expect.stringContaining("203.0.113.66") });
      await figure("edited by hand until it is as it was", (await told("127.0.0.1", "127.0.0.2")) - edited);
      await inSync();

      const serial = await serialOf(server);
      const went = Date.now();
      await server.away?.();
      await one.kill();
      await verdict(memberOne, "DOWN", went);
      const error = await until(() => get(`${path}/status`), {
        what: "it to be an error",
        timeoutMs: patienceMs,
        is: ({ status }) => status === "ERROR",
      });
      expect(error.reason).toMatch(/^ns did not take plan \d+: ./);
      expect(error.published).toMatchObject([{ flavor: "ns", in_sync: false, last_error: expect.any(String) }]);
      await until(() => get(path), { what: "the GSLB itself to be an error", is: ({ status }) => status === "ERROR" });
      await write(system, "PATCH", path, { ttl: 20 });
      const memberThree = await member(three);
      await verdict(memberThree, "ACTIVE", went);
      const second = Date.now();
      await two.kill();
      await verdict(memberTwo, "DOWN", second);
      await until(() => Date.now() - went, {
        what: "the server to have been away for long",
        is: (ms) => ms >= awayMs,
        timeoutMs: awayMs + 1,
      });
      const back = Date.now();
      await server.back?.();
      const up = Date.now();
      const at = await told("127.0.0.3");
      await figure(`away for ${((back - went) / 1_000).toFixed(0)} s, starting for`, up - back);
      await figure("back to published", at - up);
      const { published } = await inSync();
      const ttls = (await server.resolve?.(fqdn, "A"))?.map(({ ttl }) => ttl);
      expect(ttls).toEqual([20]);
      // Only Designate numbers its zones by the time.
      if (kind.provider !== "designate") expect(await serialOf(server)).toBe(serial + 1);
      expect(await others(server, fqdn)).toEqual(before);

      expect((await system.api("DELETE", path)).status).toBe(202);
      await until(() => system.api("GET", path), { what: "it to be gone", timeoutMs: patienceMs, is: ({ status }) => status === 404 });
      await told();
      expect((await server.dump()).filter(({ name }) => name.endsWith(fqdn))).toEqual([]);
      // The history comes in order: all that was published is in it by now.
      const all = await until(() => get(`/v0.1/history?gslb_id=${id}&limit=1000`).then((page): readonly HistoryEvent[] => page.history), {
        what: "the removal to be in the history",
        is: (events) => events.some((event) => event.kind === "unpublished"),
      });
      const written = all.filter((event) => event.kind === "published" && Date.parse(event.at) >= went);
      expect(written.map(({ plan, to }) => ({ plan, to }))).toEqual([{ plan: published[0].plan, to: "127.0.0.3" }]);
      expect(await others(server, fqdn)).toEqual(before);
    });
  });
}

const inOrder = (records: readonly ZoneRecord[]) => records.map(({ name, type, ttl, data }) => `${name} ${ttl} ${type} ${data}`).toSorted();

/** All of the zone but our name with its mark, and the SOA, whose number counts changes. A transfer has the SOA at both ends. */
const others = async (server: Pick<Subject, "dump">, fqdn: string) =>
  inOrder((await server.dump()).filter(({ name, type }) => !name.endsWith(fqdn) && type !== "SOA"));

async function serialOf(server: Pick<Subject, "dump">): Promise<number> {
  const soa = (await server.dump()).find(({ type }) => type === "SOA");
  return Number(soa?.data.split(" ")[2]);
}
