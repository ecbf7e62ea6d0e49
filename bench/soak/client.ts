/** The few calls of the API that a soak makes. */
import { assert } from "../../domain/result.ts";
import { adminToken } from "../scratch-system.ts";

export type SoakMember = { readonly id: string; readonly endpoint: string };
export type Seen = {
  readonly id: string;
  readonly status: string;
  readonly regions: readonly { readonly region: string; readonly at: string; readonly detail: string }[];
};
export type Fall = { readonly member_id: string; readonly at: string; readonly from: string; readonly to: string; readonly reason: string };

const membersPerPool = 100;

export class SoakClient {
  private readonly url: string;
  private readonly pools: string[] = [];
  private readonly names: string[] = [];

  constructor(url: string) {
    this.url = url;
  }

  async monitor(fields: Readonly<Record<string, unknown>>): Promise<string> {
    return (await this.call<{ id: string }>("POST", "/v0.1/monitors", fields)).id;
  }

  /** A pool for each hundred of them, and a name for each pool. */
  async members(monitorId: string, addresses: readonly string[]): Promise<SoakMember[]> {
    const made: SoakMember[] = [];
    for (let from = 0; from < addresses.length; from += membersPerPool) {
      const members = addresses.slice(from, from + membersPerPool).map((address) => ({ endpoints: [address] }));
      const number = from / membersPerPool;
      const pool = await this.call<Pool>("POST", "/v0.1/pools", { name: `soak-${number}`, monitor_ids: [monitorId], members });
      this.pools.push(pool.id);
      const name = `soak-${number}.example.com.`;
      await this.call("POST", "/v0.1/gslbs", { fqdn: name, domain_name: "example.com.", pool_ids: [pool.id] });
      this.names.push(name);
      made.push(...pool.members.map(({ id, endpoints }) => ({ id, endpoint: endpoints[0] as string })));
    }
    assert(made.length === addresses.length, "every member was made");
    return made;
  }

  async statuses(): Promise<Seen[]> {
    const seen: Seen[] = [];
    for (const pool of this.pools) seen.push(...(await this.call<{ members: Seen[] }>("GET", `/v0.1/pools/${pool}/status`)).members);
    return seen;
  }

  /** Of every member's status, newest first. */
  async changes(): Promise<Fall[]> {
    const all: Fall[] = [];
    type Page = { history: Fall[]; links: { next?: string } };
    for (let path: string | undefined = "/v0.1/history?kind=member_status&limit=1000"; path !== undefined; ) {
      const page: Page = await this.call<Page>("GET", path);
      all.push(...page.history);
      path = page.links.next?.replace(/^https?:\/\/[^/]+/, "");
    }
    return all;
  }

  /** What every name answers. */
  async answers(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const name of this.names) {
      const answer = await fetch(`${this.url}/dns-query?name=${name}&type=A`, { headers: { accept: "application/dns-json" } });
      for (const { data } of ((await answer.json()) as { Answer?: { data: string }[] }).Answer ?? []) found.add(data);
    }
    return found;
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers: { "x-auth-token": adminToken, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    assert(answer.ok, `${method} ${path}: ${answer.status} ${text.slice(0, 500)}`);
    return JSON.parse(text) as T;
  }
}

type Pool = { readonly id: string; readonly members: readonly { readonly id: string; readonly endpoints: readonly string[] }[] };
