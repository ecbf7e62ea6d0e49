/** Starts every server, asks both probers every question, a few at a time, and hands back what each said. */
import { createSocket } from "node:dgram";
import { AllowList } from "../../agent/allow.ts";
import { createNodeIo } from "../../agent/node-io.ts";
import type { CheckTarget, Outcome } from "../../domain/check.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";
import { startRawServer } from "../raw-server.ts";
import { type Blackbox, startBlackbox } from "../servers/blackbox.ts";
import { freePort } from "../servers/daemon.ts";
import { startFrozen } from "../servers/frozen.ts";
import { startGrpc } from "../servers/grpc.ts";
import { startKnot } from "../servers/knot.ts";
import { startNginx } from "../servers/nginx.ts";
import { startRedis } from "../servers/redis.ts";
import { startSmtp } from "../servers/smtp.ts";
import { startSshd } from "../servers/sshd.ts";
import { strictIo } from "../strict-io.ts";
import { type Case, type Echo, host, type Lab, timeoutMs } from "./case.ts";

export type Result = {
  readonly of: Case;
  readonly agent: Outcome;
  /** Null: the check needs what a Worker has not. */
  readonly worker: Outcome | null;
  readonly blackbox: { readonly success: boolean; readonly log: string };
};

/** What is needed on the machine. */
export const wanted = ["nginx", "openssl", "sshd", "knot", "redis", "blackbox"] as const;

const atOnce = 12;

/** In the order of the cases. */
export async function askBoth(cases: readonly Case[]): Promise<Result[]> {
  const stops: (() => Promise<void>)[] = [];
  const keep = <T extends { stop(): Promise<void> }>(server: T): T => {
    stops.push(() => server.stop());
    return server;
  };
  try {
    const lab = await startLab(keep);
    const own = await Promise.all(cases.map((one) => startOwn(one, keep)));
    const asked = cases.map((one, index) => ({
      one,
      port: own[index] ?? 0,
      theirs: one.theirs(lab, own[index] ?? 0),
      name: `case-${index}`,
    }));
    const blackbox = keep(await startBlackbox(Object.fromEntries(asked.map(({ name, theirs }) => [name, theirs.module]))));
    const agent = agentIo();
    return await inTurn(asked, async ({ one, port, theirs, name }) => ({
      of: one,
      agent: await ask(one, lab, port, agent),
      worker: await askWorker(one, lab, port),
      blackbox: await theirVerdict(blackbox, name, theirs.target),
    }));
  } finally {
    for (const stop of stops.toReversed()) await stop();
  }
}

async function startLab(keep: <T extends { stop(): Promise<void> }>(server: T) => T): Promise<Lab> {
  const nginx = keep(await startNginx());
  const [knot, sshd, redis, mail, plainMail, grpc, secureGrpc, frozen] = await Promise.all([
    startKnot().then(keep),
    startSshd().then(keep),
    startRedis().then(keep),
    startSmtp(nginx.certificates).then(keep),
    startSmtp(null).then(keep),
    startGrpc(null).then(keep),
    startGrpc(nginx.certificates).then(keep),
    startFrozen().then(keep),
  ]);
  return {
    nginx,
    knot,
    sshPort: sshd.port,
    redisPort: redis.port,
    mailPort: mail.port,
    plainMailPort: plainMail.port,
    grpcPort: grpc.port,
    secureGrpcPort: secureGrpc.port,
    frozenPort: frozen.port,
    closedPort: await freePort(),
  };
}

/** The port of the case's own server; 0 where it has none. */
async function startOwn({ server }: Case, keep: <T extends { stop(): Promise<void> }>(server: T) => T): Promise<number> {
  if (server === null) return 0;
  if (typeof server === "function") return startEcho(server, keep);
  const { port, close } = await startRawServer(server.talk, { atOnce: server.atOnce });
  keep({ stop: close });
  return port;
}

async function startEcho(answer: Echo, keep: <T extends { stop(): Promise<void> }>(server: T) => T): Promise<number> {
  const socket = createSocket("udp4");
  socket.on("message", (datagram, from) => {
    for (const said of answer(datagram)) socket.send(said, from.port, from.address);
  });
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  keep({ stop: () => new Promise((resolve) => socket.close(() => resolve())) });
  return socket.address().port;
}

function agentIo(): CheckerIo {
  // The second: nothing is there, and nothing is ever sent to it.
  const allow = AllowList.of(["127.0.0.0/8", "255.255.255.255"]);
  if (!allow.ok) throw new Error(allow.error);
  return createNodeIo({ allow: allow.value, ping: null });
}

/** A Worker's network, as strict as production but for the addresses of this machine; each check is an invocation of its own. */
async function askWorker(one: Case, lab: Lab, port: number): Promise<Outcome | null> {
  const io = strictIo({ local: true });
  try {
    const outcome = await ask(one, lab, port, io);
    return outcome.outcome === "no_data" && outcome.detail.startsWith("this vantage point cannot do") ? null : outcome;
  } finally {
    io.end();
  }
}

function ask({ ours }: Case, lab: Lab, own: number, io: CheckerIo): Promise<Outcome> {
  const at = ours.host ?? host;
  const target: CheckTarget = { host: at, port: ours.port(lab, own), hostHeader: null, endpoint: at };
  return runCheck({ type: ours.type, spec: ours.spec(lab, own), target, timeout_ms: timeoutMs }, io);
}

async function theirVerdict(blackbox: Blackbox, module: string, target: string): Promise<{ success: boolean; log: string }> {
  return blackbox.probe(module, target);
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = items.entries();
  const next = async () => {
    for (const [index, item] of waiting) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, next));
  return results;
}
