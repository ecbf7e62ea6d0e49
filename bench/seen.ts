/**
 * From the verdict to the name server: seconds from the moment at which a member is DOWN, as the history has it, until clients are told, at a real
 * PowerDNS and a real BIND; baseline: the `edge` answers over HTTPS, for the same deaths of the same origin.
 */
import { randomBytes, randomUUID } from "node:crypto";
import { startBind } from "../test/servers/bind.ts";
import { whatIsMissing } from "../test/servers/installed.ts";
import { lookUp, resolverOf } from "../test/servers/name-server.ts";
import { startPdns } from "../test/servers/pdns.ts";
import { startOrigin } from "../test/system/origins.ts";
import { create, read, remove } from "./api-calls.ts";
import { type Bench, type Figure, median, seconds } from "./figure.ts";
import { type ScratchSystem, startScratchSystem } from "./scratch-system.ts";

const runs = 8;
const pollMs = 5;
const patienceMs = 60_000;
const zone = "gslb.test.";

export const seen: Bench = {
  name: "seen",
  about: `Seconds from a verdict until the name server tells clients, ${runs} deaths; baseline: the edge answers at /dns-query`,
  run: async (say) => {
    const missing = whatIsMissing("pdns", "bind");
    if (missing !== null) throw new Error(missing);
    const ends: (() => Promise<void>)[] = [];
    try {
      return await measure(ends, say);
    } finally {
      for (const end of ends.toReversed()) await end();
    }
  },
};

type Watcher = { readonly name: string; serves(): Promise<boolean> };

async function measure(ends: (() => Promise<void>)[], say: (line: string) => void): Promise<Figure[]> {
  const pdns = await startPdns();
  ends.push(() => pdns.stop());
  await pdns.makeZone(zone);
  const bind = await startBind();
  ends.push(() => bind.stop());
  const system = await startScratchSystem(undefined, { KOSMOS_ENCRYPTION_KEY: randomBytes(32).toString("base64") });
  ends.push(() => system.close());
  const origin = await startOrigin();
  const lasting = await startOrigin();
  ends.push(
    () => origin.close(),
    () => lasting.close(),
  );
  const { sha256 } = bind.keys;
  await create(system, "/v0.1/flavors", {
    name: "powerdns",
    provider: "powerdns",
    settings: { api_url: pdns.apiUrl },
    credentials: { api_key: pdns.apiKey },
  });
  await create(system, "/v0.1/flavors", {
    name: "bind",
    provider: "rfc2136",
    settings: { server: "127.0.0.1", port: bind.port, key_name: sha256.name, algorithm: sha256.algorithm },
    credentials: { key_secret: sha256.secret },
  });
  const monitor = await create(system, "/v0.1/monitors", { type: "HTTP", delay: 1, timeout: 1, max_retries: 2 });
  const took = new Map<string, number[]>(["edge", "powerdns", "bind"].map((name) => [name, []]));
  for (let run = 0; run < runs; run += 1) {
    // A member of its own for each death: one that falls again and again would come back ever later.
    const members = [
      { endpoints: ["192.0.2.1"], monitor_address: origin.address, monitor_port: origin.port },
      { endpoints: ["192.0.2.2"], monitor_address: lasting.address, monitor_port: lasting.port },
    ];
    const pool = await create(system, "/v0.1/pools", { name: `web-${run}`, members, monitor_ids: [monitor.id] });
    const fqdn = `${randomUUID()}.${zone}`;
    const body = { fqdn, domain_name: zone, ttl: 1, pool_ids: [pool.id], flavors: ["edge", "powerdns", "bind"] };
    const gslb = await create(system, "/v0.1/gslbs", body);
    const doomed = pool.members?.find(({ endpoints }) => endpoints[0] === "192.0.2.1")?.id ?? "";
    const watchers: Watcher[] = [
      { name: "edge", serves: () => edgeServes(system, fqdn) },
      { name: "powerdns", serves: nameServer(pdns.port, fqdn) },
      { name: "bind", serves: nameServer(bind.port, fqdn) },
    ];
    await Promise.all(watchers.map((watcher) => until(watcher, true)));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_000));
    await origin.kill();
    const gone = await Promise.all(watchers.map((watcher) => until(watcher, false)));
    const verdict = await verdictOf(system, pool.id, doomed);
    for (const [index, at] of gone.entries()) took.get(watchers[index]?.name ?? "")?.push((at - verdict) / 1_000);
    await remove(system, [`/v0.1/gslbs/${gslb.id}`, `/v0.1/pools/${pool.id}`]);
    await origin.revive();
  }
  const baseline = median(took.get("edge") ?? []);
  return ["powerdns", "bind"].map((name): Figure => {
    const values = took.get(name) ?? [];
    say(
      `${name}: ${values.map((value) => value.toFixed(3)).join(" ")} s; edge ${(took.get("edge") ?? []).map((value) => value.toFixed(3)).join(" ")} s`,
    );
    return {
      name: `verdict to dig, ${name}`,
      ours: `${seconds(median(values))}, longest ${seconds(Math.max(...values))}`,
      baseline: seconds(baseline),
      ratio: median(values) / baseline,
      goal: "≤ 3 s",
      met: Math.max(...values) <= 3,
    };
  });
}

function nameServer(port: number, fqdn: string): () => Promise<boolean> {
  const resolver = resolverOf(port);
  return async () => (await lookUp(port, fqdn, resolver)).includes("192.0.2.1");
}

async function edgeServes(system: ScratchSystem, fqdn: string): Promise<boolean> {
  const response = await fetch(`${system.url}/dns-query?name=${fqdn}&type=A`, { headers: { Accept: "application/dns-json" } });
  const { Answer = [] } = (await response.json()) as { Answer?: readonly { data: string }[] };
  return Answer.some(({ data }) => data === "192.0.2.1");
}

/** Unix ms at which it sees it so. */
async function until(watcher: Watcher, serves: boolean): Promise<number> {
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    if ((await watcher.serves().catch(() => null)) === serves) return Date.now();
    // The edge answers have a limit for each client.
    await new Promise((resolve) => setTimeout(resolve, watcher.name === "edge" ? 20 : pollMs));
  }
  throw new Error(`${watcher.name} did not see within ${patienceMs / 1_000} s that the member ${serves ? "is back" : "is gone"}`);
}

/** When the member was called DOWN, Unix ms. */
async function verdictOf(system: ScratchSystem, poolId: string, memberId: string): Promise<number> {
  type View = { readonly status: string; readonly since: string };
  for (const end = Date.now() + patienceMs; Date.now() < end; ) {
    const { status, since } = await read<View>(system, `/v0.1/pools/${poolId}/pool_members/${memberId}/status`);
    if (status === "DOWN") return Date.parse(since);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the member is not DOWN");
}
