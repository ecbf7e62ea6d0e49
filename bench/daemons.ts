/**
 * Failover beside what people run today: gdnsd, which answers by itself, and HAProxy, which takes a server out. All of them watch the same origins,
 * so that each death is one moment for all; Kosmos is asked through a real PowerDNS in front of it. Three kinds of death, at random moments.
 */
import { randomUUID } from "node:crypto";
import { assert } from "../domain/result.ts";
import { freePort } from "../test/servers/daemon.ts";
import { type Gdnsd, startGdnsd } from "../test/servers/gdnsd.ts";
import { type Haproxy, startHaproxy } from "../test/servers/haproxy.ts";
import { whatIsMissing } from "../test/servers/installed.ts";
import { lookUp, resolverOf } from "../test/servers/name-server.ts";
import { type PdnsRemote, startPdnsRemote } from "../test/servers/pdns-remote.ts";
import { answer, hang, type Origin, startOrigin } from "../test/system/origins.ts";
import { create, remove } from "./api-calls.ts";
import { type Bench, type Figure, median, seconds } from "./figure.ts";
import { type ScratchSystem, startScratchSystem } from "./scratch-system.ts";

const runs = 8;
const pollMs = 20;
const patienceMs = 60_000;
const pdnsSecret = "bench-secret-of-more-than-thirty-two-characters";

const deaths = ["killed", "503", "frozen"] as const;
type Death = (typeof deaths)[number];

/** Against whom, at which settings, and how much of its median is allowed. */
const opponents = [
  { delay: 2, other: "gdnsd", allowed: { killed: 0.5, "503": 0.5, frozen: 0.7 } },
  { delay: 1, other: "haproxy", allowed: { killed: 1.2, "503": 1.2, frozen: 1 } },
] as const;

/** Whether the origin that dies is in service, as one observer sees it. */
type Observer = { readonly name: string; serves(death: Death): Promise<boolean> };

const dying = (death: Death) => `127.0.0.${21 + deaths.indexOf(death)}`;
const lasting = "127.0.0.20";

export const daemons: Bench = {
  name: "daemons",
  about: `Seconds from a death until nobody is sent there, in ${runs} runs each; baseline: gdnsd (interval 2, down 3) and HAProxy (inter 1 s, fall 3)`,
  run: async (say) => {
    const missing = whatIsMissing("gdnsd", "haproxy", "pdns-remote");
    if (missing !== null) throw new Error(missing);
    const ends: (() => Promise<void>)[] = [];
    try {
      return await measure(ends, say);
    } finally {
      for (const end of ends.toReversed()) await end();
    }
  },
};

async function measure(ends: (() => Promise<void>)[], say: (line: string) => void): Promise<Figure[]> {
  const port = await freePort();
  const origins = new Map<Death, Origin>();
  const survivor = await startOrigin({ address: lasting, port });
  ends.push(() => survivor.close());
  for (const death of deaths) {
    const origin = await startOrigin({ address: dying(death), port });
    ends.push(() => origin.close());
    origins.set(death, origin);
  }
  const gdnsd = await startGdnsd(
    deaths.map((death) => ({ name: nameOf(death), primary: dying(death), secondary: lasting })),
    port,
  );
  ends.push(() => gdnsd.stop());
  const haproxy = await startHaproxy(deaths.map((death) => ({ name: nameOf(death), address: dying(death), port })));
  ends.push(() => haproxy.stop());
  const system = await startScratchSystem(undefined, { KOSMOS_PDNS_SECRET: pdnsSecret, KOSMOS_PDNS_NS: "ns1.example.com" });
  ends.push(() => system.close());
  const monitors = new Map<number, string>();
  for (const { delay } of opponents) {
    monitors.set(
      delay,
      (await create(system, "/v0.1/monitors", { type: "HTTP", url_path: "/healthz", delay, timeout: 1, max_retries: 3 })).id,
    );
  }
  /** The present name of each (delay, death). */
  const names = new Map<string, string>();
  const pdns = await startPdnsRemote(`${system.url}/pdns/${pdnsSecret}`);
  ends.push(() => pdns.stop());
  const observers = [watchGdnsd(gdnsd), watchHaproxy(haproxy), ...opponents.map(({ delay }) => watchKosmos(pdns, delay, names))];

  const seen = new Map<string, number[]>();
  const note = (observer: string, death: Death, took: number) => {
    const key = `${observer} ${death}`;
    seen.set(key, [...(seen.get(key) ?? []), took]);
  };
  await Promise.all(
    deaths.map(async (death) => {
      const origin = origins.get(death);
      assert(origin !== undefined, "each death has an origin");
      for (let run = 0; run < runs; run += 1) {
        // A name, and members, of its own for each death: one that falls again and again would come back ever later.
        const made: string[] = [];
        for (const [delay, monitorId] of monitors) {
          const { fqdn, paths } = await deploy(system, delay, death, port, monitorId);
          names.set(`${delay} ${death}`, fqdn);
          made.push(...paths);
        }
        await Promise.all(observers.map((observer) => until(observer, death, true)));
        // Whoever looks now and then is hit at any moment of his round.
        await pause(500 + Math.random() * 3_000);
        await die(origin, death);
        await Promise.all(observers.map(async (observer) => note(observer.name, death, await until(observer, death, false))));
        await remove(system, made);
        await revive(origin, death);
      }
    }),
  );
  return opponents.flatMap(({ delay, other, allowed }) =>
    deaths.map((death): Figure => {
      const ours = seen.get(`kosmos, delay ${delay} ${death}`) ?? [];
      const theirs = seen.get(`${other} ${death}`) ?? [];
      const ratio = median(ours) / median(theirs);
      const name = `${death}: Kosmos with delay ${delay} s behind PowerDNS, beside ${other}`;
      say(`${name}: ${list(ours)}; ${other} ${list(theirs)}`);
      return {
        name,
        ours: seconds(median(ours)),
        baseline: seconds(median(theirs)),
        ratio,
        goal: `≤ ${allowed[death]}`,
        met: ratio <= allowed[death],
      };
    }),
  );
}

const nameOf = (death: Death): string => (death === "503" ? "refusing" : death);
const list = (values: readonly number[]): string => `${values.map((value) => value.toFixed(2)).join(" ")} s`;
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function die(origin: Origin, death: Death): Promise<void> {
  if (death === "killed") await origin.kill();
  else origin.behave(death === "503" ? answer(503) : hang);
}

async function revive(origin: Origin, death: Death): Promise<void> {
  if (death === "killed") await origin.revive();
  else origin.behave(answer());
}

/** Seconds until it sees it so. */
async function until(observer: Observer, death: Death, serves: boolean): Promise<number> {
  const from = performance.now();
  while (performance.now() - from < patienceMs) {
    const is = await observer.serves(death).catch(() => null);
    if (is === serves) return (performance.now() - from) / 1_000;
    await pause(pollMs);
  }
  throw new Error(
    `${observer.name} did not see within ${patienceMs / 1_000} s that the origin (${death}) ${serves ? "is back" : "is gone"}`,
  );
}

function watchGdnsd({ port }: Gdnsd): Observer {
  const resolver = resolverOf(port);
  return {
    name: "gdnsd",
    serves: async (death) => (await lookUp(port, `${nameOf(death)}.gslb.test`, resolver)).includes(dying(death)),
  };
}

const watchHaproxy = (haproxy: Haproxy): Observer => ({
  name: "haproxy",
  serves: async (death) => (await haproxy.up()).includes(nameOf(death)),
});

function watchKosmos({ port }: PdnsRemote, delay: number, names: ReadonlyMap<string, string>): Observer {
  const resolver = resolverOf(port);
  return {
    name: `kosmos, delay ${delay}`,
    serves: async (death) => (await lookUp(port, names.get(`${delay} ${death}`) ?? "", resolver)).includes(dying(death)),
  };
}

/** A name with two pools in failover, as gdnsd's primary and secondary. */
async function deploy(
  system: ScratchSystem,
  delay: number,
  death: Death,
  port: number,
  monitorId: string,
): Promise<{ readonly fqdn: string; readonly paths: readonly string[] }> {
  const pools: string[] = [];
  for (const address of [dying(death), lasting]) {
    const members = [{ endpoints: [address], monitor_port: port }];
    pools.push((await create(system, "/v0.1/pools", { name: `${address} ${delay}`, members, monitor_ids: [monitorId] })).id);
  }
  const fqdn = `${randomUUID()}.example.com.`;
  const gslb = await create(system, "/v0.1/gslbs", { fqdn, domain_name: "example.com.", ttl: 1, pool_ids: pools });
  return { fqdn, paths: [`/v0.1/gslbs/${gslb.id}`, ...pools.map((id) => `/v0.1/pools/${id}`)] };
}
