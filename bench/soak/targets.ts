/** The targets of a soak: two processes of web servers on loopback addresses, one of which freezes when the soak begins. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import { join } from "node:path";
import type { Answer, Order } from "./target-process.ts";

/** `hangs`: accepts and never answers; `freezes`: no handshake ends. */
export type Fate = "healthy" | "hangs" | "freezes";
export type Target = { readonly address: string; readonly fate: Fate };
export type Request = { readonly address: string; readonly at: number };

/** Every connection that a frozen server's queue may take, and some more. */
const fillers = 4;
const fillMs = 500;

export class Targets {
  readonly port: number;
  private readonly targets: readonly Target[];
  private readonly web: ChildProcess = start();
  private readonly frozen: ChildProcess = start();
  private readonly filling: Socket[] = [];

  constructor(targets: readonly Target[], port: number) {
    this.targets = targets;
    this.port = port;
  }

  /** All of them are well. */
  async listen(): Promise<void> {
    await ask(this.frozen, { kind: "listen", addresses: this.addresses("freezes"), port: this.port });
    const addresses = [...this.addresses("healthy"), ...this.addresses("hangs")];
    await ask(this.web, { kind: "listen", addresses, port: this.port });
  }

  /** From now on each has its fate. */
  async part(): Promise<void> {
    const addresses = this.addresses("freezes");
    await ask(this.web, { kind: "hang", addresses: this.addresses("hangs") });
    await ask(this.frozen, { kind: "freeze" });
    for (const address of addresses) for (let filler = 0; filler < fillers; filler += 1) this.filling.push(this.open(address));
    await new Promise((resolve) => setTimeout(resolve, fillMs));
    const open = await Promise.all(addresses.map((address) => this.accepts(address)));
    const accepting = addresses.filter((_, index) => open[index]);
    if (accepting.length > 0) throw new Error(`${accepting.length} frozen servers still end handshakes: ${accepting[0]}`);
  }

  /** What the healthy and the hanging ones were asked since the last call. */
  async requests(): Promise<Request[]> {
    const answer = await ask(this.web, { kind: "requests" });
    const flat = answer.kind === "requests" ? answer.requests : [];
    return Array.from({ length: flat.length / 2 }, (_, index) => ({ address: String(flat[2 * index]), at: Number(flat[2 * index + 1]) }));
  }

  async close(): Promise<void> {
    for (const socket of this.filling) socket.destroy();
    for (const child of [this.web, this.frozen]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
  }

  private addresses(fate: Fate): string[] {
    return this.targets.filter((target) => target.fate === fate).map(({ address }) => address);
  }

  private open(host: string): Socket {
    const socket = createConnection({ host, port: this.port });
    socket.on("error", () => undefined);
    return socket;
  }

  /** Whether a handshake ends. */
  private accepts(address: string): Promise<boolean> {
    const socket = this.open(address);
    return new Promise((resolve) => {
      const say = (opened: boolean) => {
        socket.destroy();
        resolve(opened);
      };
      socket.once("connect", () => say(true));
      setTimeout(() => say(false), fillMs);
    });
  }
}

/** 127.1.0.1, 127.1.0.2, …: the whole of 127.0.0.0/8 is this machine. */
export const addressOf = (index: number): string =>
  `127.${1 + Math.floor(index / 62_500)}.${Math.floor(index / 250) % 250}.${1 + (index % 250)}`;

const start = (): ChildProcess => fork(join(import.meta.dirname, "target-process.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });

async function ask(child: ChildProcess, order: Order): Promise<Answer> {
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`the targets' process ended with ${code}`);
  });
  const answered = once(child, "message");
  child.send(order);
  const [answer] = (await Promise.race([answered, ended])) as [Answer];
  return answer;
}
