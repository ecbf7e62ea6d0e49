/** The connections of one invocation of a Worker: at most six of them wait at a time, the seventh is held back without a word. */
import type { Socket } from "node:net";

/** Where a connection leads: to a port of this machine, to where packets get lost, or to no place at all. */
export type Place = { readonly address: string; readonly port: number } | "hangs" | "nowhere";

const mayWait = 6;

export class Sockets {
  private readonly sockets = new Set<Socket>();
  private readonly opened = new Set<Socket>();
  private readonly line: (() => void)[] = [];
  private count = 0;
  private dropped = false;

  get waiting(): number {
    return this.count;
  }
  get queued(): number {
    return this.line.length;
  }
  get open(): number {
    return this.opened.size;
  }

  /** Resolves when it is this one's turn. Whoever had it gives it back with `done()`, once it no longer waits. */
  async turn(): Promise<() => void> {
    if (this.count < mayWait) this.count += 1;
    else await new Promise<void>((resolve) => this.line.push(resolve));
    let given = true;
    return () => {
      if (!given) return;
      given = false;
      const next = this.line.shift();
      if (next === undefined) this.count -= 1;
      else next();
    };
  }

  /** It is on its way, and ends with the invocation. */
  keep(socket: Socket): void {
    if (this.dropped) {
      socket.destroy();
      return;
    }
    this.sockets.add(socket);
    socket.once("close", () => {
      this.sockets.delete(socket);
      this.opened.delete(socket);
    });
  }

  /** It is open, and somebody has to let go of it. */
  nowOpen(socket: Socket): void {
    if (this.sockets.has(socket)) this.opened.add(socket);
  }

  drop(): void {
    this.dropped = true;
    this.line.length = 0;
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
    this.opened.clear();
  }
}

export const forever = new Promise<never>(() => undefined);
