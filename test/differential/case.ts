/**
 * What the differential test asks both probers, as data. One question is written once, as a monitor of ours, and translated for blackbox_exporter;
 * only where its words are its own does a case bring its module itself.
 */
import type { Socket } from "node:net";
import type { BlackboxModule } from "../servers/blackbox.ts";
import type { Knot } from "../servers/knot.ts";
import type { HttpsSite, Nginx } from "../servers/nginx.ts";

export type Verdict = "pass" | "fail";
/** Where both do not say the same: what each says, and why that is right for us. */
export type Difference = { readonly kosmos: Verdict; readonly blackbox: Verdict; readonly because: string };

/** The servers that stand for the whole run. */
export type Lab = {
  readonly nginx: Nginx;
  readonly knot: Knot;
  readonly sshPort: number;
  readonly redisPort: number;
  readonly mailPort: number;
  /** Without STARTTLS. */
  readonly plainMailPort: number;
  readonly grpcPort: number;
  /** The same over TLS. */
  readonly secureGrpcPort: number;
  /** No handshake ends there. */
  readonly frozenPort: number;
  /** Nobody listens there. */
  readonly closedPort: number;
};

/** What a server of the case's own says to a connection: when the first bytes have come, or (`atOnce`) when it opens. */
export type Talk = { readonly talk: (socket: Socket) => void; readonly atOnce: boolean };
/** What it answers to a datagram; null: nothing. */
export type Echo = (datagram: Buffer) => readonly Buffer[];

/** `own`: the port of the case's own server, 0 where it has none. */
export type Question = {
  readonly type: string;
  readonly spec: (lab: Lab, own: number) => Readonly<Record<string, unknown>>;
  readonly host?: string;
  readonly port: (lab: Lab, own: number) => number;
};

export type Case = {
  readonly group: string;
  /** What the server does, and what is expected of it where that is not plain. */
  readonly title: string;
  readonly server: Talk | Echo | null;
  readonly ours: Question;
  readonly theirs: (lab: Lab, own: number) => { readonly module: BlackboxModule; readonly target: string };
  readonly verdict: Verdict | Difference;
};

/** Both sides give up after this. */
export const timeoutMs = 1_500;
export const host = "127.0.0.1";

export const says = (...pieces: readonly (string | Buffer)[]): Talk => ({
  talk: (socket) => sayInTurn(socket, pieces, 0, true),
  atOnce: false,
});
/** Keeps the connection open. */
export const saysAndStays = (...pieces: readonly (string | Buffer)[]): Talk => ({
  talk: (socket) => sayInTurn(socket, pieces, 0, false),
  atOnce: false,
});
/** A piece each so many milliseconds, then the end. */
export const drips = (everyMs: number, ...pieces: readonly (string | Buffer)[]): Talk => ({
  talk: (socket) => sayInTurn(socket, pieces, everyMs, true),
  atOnce: false,
});
export const greets = (...pieces: readonly string[]): Talk => ({ talk: (socket) => sayInTurn(socket, pieces, 0, false), atOnce: true });
export const nothing: Talk = { talk: () => undefined, atOnce: false };
export const closes: Talk = { talk: (socket) => socket.end(), atOnce: true };
export const resets: Talk = { talk: (socket) => socket.resetAndDestroy(), atOnce: false };
export const saysThenResets = (text: string): Talk => ({
  // What was written is on its way before the reset is.
  talk: (socket) => socket.write(text, () => setTimeout(() => socket.resetAndDestroy(), 50)),
  atOnce: false,
});

/** Greets, then answers each line with what the script has next; a line more than it has ends the connection. */
export const script = (greeting: string, ...answers: readonly string[]): Talk => ({
  atOnce: true,
  talk: (socket) => {
    let line = 0;
    let heard = "";
    socket.write(greeting);
    socket.on("data", (bytes: Buffer) => {
      heard += bytes.toString("latin1");
      for (let end = heard.indexOf("\n"); end >= 0; end = heard.indexOf("\n")) {
        heard = heard.slice(end + 1);
        const answer = answers[line++];
        if (answer === undefined) socket.end();
        else socket.write(answer);
      }
    });
  },
});

function sayInTurn(socket: Socket, pieces: readonly (string | Buffer)[], everyMs: number, ends: boolean): void {
  const [piece, ...rest] = pieces;
  if (piece === undefined) {
    if (ends) socket.end();
    return;
  }
  if (!socket.writable) return;
  socket.write(piece);
  if (everyMs === 0) sayInTurn(socket, rest, everyMs, ends);
  else setTimeout(() => sayInTurn(socket, rest, everyMs, ends), everyMs);
}

/** The site of nginx, as a port. */
export const site =
  (name: HttpsSite) =>
  ({ nginx }: Lab): number =>
    nginx.https[name];
