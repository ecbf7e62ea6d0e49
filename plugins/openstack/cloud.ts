/**
 * A cloud as its members need it: the addresses of load balancers and ports, and what Octavia says of a load balancer, with one token for all. It
 * throws `BackendFailure`, as backends do.
 */
import { BackendFailure } from "../../domain/backend.ts";
import type { Cloud } from "../../domain/cloud.ts";
import { failureOf, type HttpAnswer, isOk, jsonOf } from "../backends/http.ts";
import { type ApplicationCredential, type KeystoneIo, keystoneSession } from "./keystone.ts";
import { fixedIpsOf, type LoadBalancerWord, loadBalancerHealth, vipsOf } from "./octavia.ts";

export type NeutronKind = "neutron_lbaas_v2" | "neutron_port";
export type Account = Pick<Cloud, "auth_url" | "interface" | "regions"> & { readonly credentials: ApplicationCredential };

export type CloudClient = {
  /** Where it answers, as OpenStack wrote it; none: it has no address yet. */
  addresses(kind: NeutronKind, region: string, id: string): Promise<readonly string[]>;
  health(region: string, id: string): Promise<LoadBalancerWord>;
  /** Tries every region: whether it is in the catalogue, and whether its services know us. One line each. */
  test(): Promise<readonly string[]>;
};

const services = {
  neutron_lbaas_v2: { type: "load-balancer", name: "Octavia", path: "/v2.0/lbaas/loadbalancers", read: vipsOf },
  neutron_port: { type: "network", name: "Neutron", path: "/v2.0/ports", read: fixedIpsOf },
} as const;

/** What asks at the same time should share one: it shares the token's renewal. */
export function cloudClient({ auth_url, interface: kind, regions, credentials }: Account, io: KeystoneIo): CloudClient {
  const session = keystoneSession({ authUrl: auth_url, credentials }, io);
  const get = async (of: NeutronKind, region: string, rest: string): Promise<HttpAnswer> => {
    const { type, name, path } = services[of];
    const root = await session.endpoint({ type, interface: kind, region });
    // Some catalogues have the version in the root.
    const answer = await session.request({ method: "GET", url: `${root.replace(/\/v2(\.0)?$/, "")}${path}${rest}` });
    if (isOk(answer)) return answer;
    const failure = failureOf(answer, io.now());
    throw new BackendFailure({ ...failure, detail: `${name}: ${failure.detail}` });
  };
  const tryOne = async (of: NeutronKind, region: string): Promise<string> => {
    await get(of, region, "?limit=1&fields=id");
    return `${region}: ${services[of].name} answers`;
  };
  return {
    addresses: async (of, region, id) => {
      const found = services[of].read(await get(of, region, `/${encodeURIComponent(id)}`));
      if (found === null) throw new BackendFailure({ class: "retry", detail: `${services[of].name}: its answer has no address` });
      return found;
    },
    health: async (region, id) => loadBalancerHealth(jsonOf(await get("neutron_lbaas_v2", region, `/${encodeURIComponent(id)}/status`))),
    test: async () => {
      const { expiresAt } = await session.login();
      const lines = [`Keystone: a token until ${new Date(expiresAt).toISOString()}`];
      for (const region of regions) {
        const tried = await Promise.allSettled((["neutron_lbaas_v2", "neutron_port"] as const).map((of) => tryOne(of, region)));
        const failures = tried.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
        // Members are of the one kind or the other: a region without both is none, and a service that refuses is told.
        const isAbsent = (failure: unknown) => failure instanceof BackendFailure && failure.failure.class === "not-found";
        const worst = failures.find((failure) => !isAbsent(failure)) ?? (failures.length === tried.length ? failures[0] : undefined);
        if (worst !== undefined) throw worst;
        lines.push(...tried.flatMap((one) => (one.status === "fulfilled" ? [one.value] : [])));
        lines.push(...failures.map((failure) => `${region}: ${failure instanceof Error ? failure.message : String(failure)}`));
      }
      return lines;
    },
  };
}
