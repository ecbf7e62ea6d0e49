/**
 * The worlds in which every check is tested: a Worker's network, as strict as production but for this machine's own addresses, and an agent's.
 * Each check has an invocation of its own, so that what one leaves behind is seen, and hinders no other.
 */
import { agentIo } from "../agent/node-io.fixture.ts";
import type { CheckTarget, Outcome } from "../domain/check.ts";
import { type CheckerIo, type OneCheck, runCheck } from "../workers/checker/run-checks.ts";
import { type StrictWorld, strictIo } from "./strict-io.ts";

export type Invocation = {
  readonly io: CheckerIo;
  /** Sockets that this side holds open; null: only the other side can tell. */
  open(): number | null;
  end(): void;
};
export type World = {
  readonly name: "a Worker" | "an agent";
  invoke(more?: StrictWorld): Invocation;
};

export const worker: World = {
  name: "a Worker",
  invoke(more) {
    const io = strictIo({ local: true, ...more });
    return { io, open: io.open, end: io.end };
  },
};
/** A Worker in which each connection and each request is an invocation of its own: for tests of single checks that need no end. */
export const workerIo: CheckerIo = {
  ...strictIo({ local: true }),
  fetch: (url, init) => strictIo({ local: true }).fetch(url, init),
  connect: (address, tls) => strictIo({ local: true }).connect(address, tls),
};
export const agent: World = { name: "an agent", invoke: () => ({ io: agentIo, open: () => null, end: () => undefined }) };

export const worlds: readonly (readonly [World["name"], World])[] = [
  [worker.name, worker],
  [agent.name, agent],
];

/** A deadline that only passes when it is meant to: this machine answers within it even while it is busy. */
export const enoughMs = 700;

export const target = (host = "127.0.0.1", port: number | null = null, more: Partial<CheckTarget> = {}): CheckTarget => ({
  host,
  port,
  hostHeader: null,
  endpoint: host,
  ...more,
});

/** One check, as a Prober has it carried out. */
export async function checkIn(
  world: World,
  type: string,
  spec: Record<string, unknown>,
  { timeout_ms = 2_000, ...more }: Partial<OneCheck> & { readonly routes?: StrictWorld["routes"]; readonly ca?: string } = {},
): Promise<Outcome> {
  const { routes, ca, ...order } = more;
  const { io, end } = world.invoke({ ...(routes === undefined ? {} : { routes }), ...(ca === undefined ? {} : { ca }) });
  try {
    return await runCheck({ type, spec, target: target(), timeout_ms, ...order }, io);
  } finally {
    end();
  }
}

/** "fail: connection refused" */
export const said = ({ outcome, detail }: Outcome): string => `${outcome}: ${detail}`;
