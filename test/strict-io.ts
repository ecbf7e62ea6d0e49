/**
 * The world of a check as a Worker has it in production, over this machine's sockets: where workerd on one's own machine is kinder, this is as
 * strict (developers.cloudflare.com/workers/runtime-apis/tcp-sockets/ and …/platform/limits/). One of these is one invocation: six connections may
 * wait at a time, and what hangs is only let go by `end()`. It can do less than an agent, and tells less: each strictness has its test.
 */
import { localNameReason, privateReason } from "../domain/address.ts";
import type { TlsOptions } from "../domain/check.ts";
import { workerCapabilities } from "../domain/vantage-point.ts";
import type { CheckerIo } from "../workers/checker/run-checks.ts";
import { type Place, Sockets } from "./strict-connections.ts";
import { fetchStrictly } from "./strict-fetch.ts";
import { openStrictSocket } from "./strict-socket.ts";

export type StrictWorld = {
  /** Where a name or address and port really is: "www.example.com:443" or "[2001:db8::1]:80" → a port of 127.0.0.1. "hangs": packets get lost. */
  readonly routes?: Readonly<Record<string, number | "hangs">>;
  /** As under `npm start`, where KOSMOS_ALLOW_PRIVATE is 1: this machine's own addresses and port 25 are not refused. */
  readonly local?: boolean;
  /** PEM: the authorities that are public ones here. */
  readonly ca?: string;
  /** How long Cloudflare waits for an origin to connect and to answer (19 s and 100 s) before it answers itself. */
  readonly patienceMs?: number;
};

export type StrictIo = CheckerIo & {
  /** Connections that wait to be open, or for the head of an answer; and those behind them of which nobody is told. */
  waiting(): { readonly now: number; readonly queued: number };
  /** Sockets that somebody has to let go of: those that never opened are nobody's, and end with the invocation. */
  open(): number;
  /** The invocation is over: whatever is open is dropped, whatever hangs never comes. */
  end(): void;
};

export function strictIo(world: StrictWorld = {}): StrictIo {
  const sockets = new Sockets();
  const placeOf = (hostname: string, port: number): Place => locate(world, hostname, port);
  return {
    capabilities: new Set(workerCapabilities(world.local === true ? "1" : undefined)),
    now: standingClock(),
    fetch: (url, init) => fetchStrictly(url, init, { sockets, placeOf, ca: world.ca, patienceMs: world.patienceMs ?? 100_000 }),
    connect: (address, tls?: TlsOptions) => openStrictSocket(address, tls !== undefined, { sockets, placeOf, ca: world.ca }),
    waiting: () => ({ now: sockets.waiting, queued: sockets.queued }),
    open: () => sockets.open,
    end: () => sockets.drop(),
  };
}

/** What is neither routed nor this machine's own is nowhere: not resolvable, or not routable. */
function locate({ routes = {}, local = false }: StrictWorld, hostname: string, port: number): Place {
  const isPrivate = privateReason(hostname) !== null || localNameReason(hostname) !== null;
  if (!local && (isPrivate || port === 25)) return "nowhere";
  const route = routes[`${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`];
  if (route === "hangs") return route;
  if (route !== undefined) return { address: "127.0.0.1", port: route };
  if (local && hostname === "localhost") return { address: "127.0.0.1", port };
  return local && privateReason(hostname) === "loopback" ? { address: hostname, port } : "nowhere";
}

/** A Worker's clock stands still between two I/O operations. */
function standingClock(): () => number {
  let now: number | null = null;
  return () => {
    if (now === null) {
      now = Date.now();
      setImmediate(() => {
        now = null;
      });
    }
    return now;
  };
}
