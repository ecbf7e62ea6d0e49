/** What most system tests begin with: a monitor, a pool of members at local origins, and a GSLB over it, made through the public API. */
import type { Origin } from "./origins.ts";
import type { Client } from "./system.ts";
import { until } from "./until.ts";

/** Creates through the API and returns the resource; a refusal fails the test with the problem. */
export async function create(system: Client, path: string, body: unknown): Promise<{ id: string; version: number }> {
  const answer = await system.api("POST", path, body);
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

export async function write(system: Client, method: "PUT" | "PATCH" | "DELETE", path: string, body?: unknown): Promise<void> {
  const answer = await system.api(method, path, body);
  if (answer.status >= 300) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}

/** A monitor that decides quickly: two fails, two passes, two seconds apart. */
export const quickMonitor = { type: "HTTP", delay: 2, timeout: 1, max_retries: 2, rise: 2 };

/** A member that answers with a documentation address and is checked at a local origin. */
export const memberAt = (origin: Origin, endpoint: string) => ({
  endpoints: [endpoint],
  monitor_address: origin.address,
  monitor_port: origin.port,
});

export type Deployed = { readonly fqdn: string; readonly gslb: string; readonly monitor: string; readonly pools: readonly string[] };

let names = 0;

/** One GSLB over one pool for each list of members. */
export async function deploy(
  system: Client,
  pools: readonly (readonly object[])[],
  over: { monitor?: object; pool?: object; gslb?: object } = {},
): Promise<Deployed> {
  names += 1;
  const fqdn = `www${names}.example.com.`;
  const monitor = await create(system, "/v0.1/monitors", { ...quickMonitor, ...over.monitor });
  const made: string[] = [];
  for (const [index, members] of pools.entries()) {
    const pool = await create(system, "/v0.1/pools", { name: `pool-${index}`, members, monitor_ids: [monitor.id], ...over.pool });
    made.push(pool.id);
  }
  const gslb = await create(system, "/v0.1/gslbs", { fqdn, domain_name: "example.com.", pool_ids: made, ...over.gslb });
  return { fqdn, gslb: gslb.id, monitor: monitor.id, pools: made };
}

/** Waits until the name answers with exactly these addresses. */
export async function answers(system: Client, fqdn: string, expected: readonly string[], timeoutMs = 20_000): Promise<void> {
  const wanted = [...expected].sort();
  await until(() => system.dns(fqdn), {
    what: `${fqdn} to answer with ${wanted.join(", ") || "nothing"}`,
    timeoutMs,
    is: (values) => JSON.stringify(values) === JSON.stringify(wanted),
  });
}

/** Watches the answer until `until` ends, and returns every different answer that was seen on the way. */
export async function watch(system: Client, fqdn: string, work: () => Promise<void>): Promise<string[]> {
  const seen = new Set<string>();
  let over = false;
  const watching = (async () => {
    while (!over) {
      seen.add((await system.dns(fqdn)).join(","));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  try {
    await work();
  } finally {
    over = true;
    await watching;
  }
  return [...seen];
}
