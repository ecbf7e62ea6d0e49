/**
 * The world of a check on Node: real sockets with all of TLS, UDP, and the system's `ping`. Every way out goes through the allow list first.
 * There is no `fetch` here: plugins speak over `connect` where `tls` is, so that no library follows a redirect or resolves a name by itself.
 */
import { VantageRefusal } from "../domain/check.ts";
import { agentCapabilities } from "../domain/vantage-point.ts";
import type { CheckerIo } from "../workers/checker/run-checks.ts";
import type { AllowList } from "./allow.ts";
import { openDatagrams } from "./node-datagrams.ts";
import { ping } from "./node-ping.ts";
import { openSocket } from "./node-socket.ts";
import { type Lookup, Resolver } from "./resolver.ts";

export type NodeIoSettings = {
  readonly allow: AllowList;
  /** The path of `ping` (`findPing`); null: there is none. */
  readonly ping: string | null;
  /** In place of the system's resolver. */
  readonly lookup?: Lookup;
};

export function createNodeIo({ allow, ping: program, lookup }: NodeIoSettings): CheckerIo {
  const resolver = new Resolver(allow, lookup);
  return {
    capabilities: new Set(agentCapabilities.filter((capability) => capability !== "ping" || program !== null)),
    now: () => Date.now(),
    fetch: () => Promise.reject(new VantageRefusal("an agent has no fetch: its checks connect by themselves")),
    connect: (address, tls) => openSocket(address, tls, (host) => resolver.addressOf(host)),
    datagrams: async ({ hostname, port }) => openDatagrams(await resolver.addressOf(hostname), port),
    ...(program === null ? {} : { ping: async (hostname, signal) => ping(program, await resolver.addressOf(hostname), signal) }),
  };
}
