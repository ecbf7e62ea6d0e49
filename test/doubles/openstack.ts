/**
 * A cloud that is only a `fetch`: Keystone, Neutron's ports and Octavia's load balancers as their api-refs have them (docs.openstack.org/api-ref/network/v2,
 * …/load-balancer/v2), each asked with a token that Keystone knows. Whatever else is asked is no path of theirs.
 */
import { type KeystoneDouble, keystoneDouble } from "../keystone-double.ts";

export type Port = { readonly fixed_ips: readonly { readonly subnet_id: string; readonly ip_address: string }[] };
export type Balancer = {
  readonly vip_address: string;
  readonly additional_vips?: readonly { readonly ip_address: string }[];
  readonly operating_status: string;
  readonly provisioning_status: string;
  readonly listeners?: readonly unknown[];
};

export class OpenStackDouble {
  readonly keystone: KeystoneDouble;
  readonly ports = new Map<string, Port>();
  readonly balancers = new Map<string, Balancer>();
  /** Paths that were asked with a good token, in order. */
  asked: string[] = [];
  /** What the services answer instead, Keystone aside. */
  outage: (() => Response | Promise<Response>) | null = null;

  constructor(now: () => number, tokenSeconds = 3_600) {
    const endpoints = (url: string) => [{ interface: "public", region: "RegionTwo", region_id: "RegionTwo", url }];
    const catalogue = [
      { type: "network", name: "neutron", endpoints: endpoints("http://neutron.test:9696") },
      { type: "load-balancer", name: "octavia", endpoints: endpoints("http://octavia.test:9876") },
    ];
    this.keystone = keystoneDouble({ now, tokenSeconds, catalogue });
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    if (url.hostname === "keystone.test") return this.keystone.fetch(input, init);
    init.signal?.throwIfAborted();
    if (this.outage !== null) return this.outage();
    const token = new Headers(init.headers).get("X-Auth-Token");
    if (!this.keystone.knows(token))
      return json(401, { error: { code: 401, title: "Unauthorized", message: "The request you have made requires authentication." } });
    this.asked.push(url.pathname);
    const [, kind = "", id = "", rest = ""] = /^\/v2\.0\/(ports|lbaas\/loadbalancers)\/([^/]+)(\/status)?$/.exec(url.pathname) ?? [];
    if (url.hostname === "neutron.test" && kind === "ports") return this.port(id);
    if (url.hostname === "octavia.test" && kind === "lbaas/loadbalancers") return this.balancer(id, rest);
    return json(404, {});
  };

  private port(id: string): Response {
    const port = this.ports.get(id);
    if (port === undefined)
      return json(404, { NeutronError: { type: "PortNotFound", message: `Port ${id} could not be found.`, detail: "" } });
    return json(200, { port: { id, status: "ACTIVE", admin_state_up: true, ...port } });
  }

  private balancer(id: string, rest: string): Response {
    const one = this.balancers.get(id);
    if (one === undefined) return json(404, { faultcode: "Client", faultstring: `Load Balancer ${id} not found.`, debuginfo: null });
    const { listeners = [], operating_status, provisioning_status } = one;
    if (rest === "") return json(200, { loadbalancer: { id, ...one } });
    return json(200, { statuses: { loadbalancer: { id, name: "lb", operating_status, provisioning_status, listeners } } });
  }
}

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
