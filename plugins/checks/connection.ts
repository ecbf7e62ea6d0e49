/** A connection for the length of one check, in plain text or over TLS: opened against the deadline, dropped at the end without waiting for it. */
import {
  type CheckIo,
  type CheckSocket,
  type CheckTarget,
  ConnectFailure,
  failed,
  type Outcome,
  type TlsOptions,
  VantageRefusal,
} from "../../domain/check.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { type Deadline, deadline, unreachable, unreachableOverTls } from "./deadline.ts";

export async function withConnection(
  target: CheckTarget,
  port: number,
  io: CheckIo,
  use: (socket: CheckSocket, end: Deadline) => Promise<Outcome>,
  tls?: TlsOptions,
): Promise<Outcome> {
  const startedAt = io.now();
  const end = deadline(io.signal);
  const connection = connect({ host: target.host, port: target.port ?? port }, io, tls);
  try {
    const opened = await connection.open(end);
    if (!opened.ok) return failed(opened.error.timedOut ? null : io.now() - startedAt, opened.error.detail);
    const took = opened.value.took?.() ?? { dns: null, connect: tls === undefined ? io.now() - startedAt : null, tls: null };
    const outcome = await use(opened.value, end);
    return { ...outcome, more: { timings: { ...took, first_byte: null }, ...outcome.more } };
  } finally {
    end.clear();
    connection.drop();
  }
}

export type Connection = {
  /** The socket, or what to say of it. What this vantage point may not or cannot do is thrown, as `VantageRefusal`. */
  open(end: Deadline): Promise<Result<CheckSocket, { readonly timedOut: boolean; readonly detail: string }>>;
  drop(): void;
};

/** Begins to connect. `host` is an address, or a name with its trailing dot. */
export function connect({ host, port }: { readonly host: string; readonly port: number }, io: CheckIo, tls?: TlsOptions): Connection {
  const address = { hostname: host.replace(/\.$/, ""), port };
  const socket = tls === undefined ? io.connect(address) : io.connect(address, tls);
  const indistinct = tls === undefined ? unreachable : unreachableOverTls;
  socket.closed.catch(() => undefined);
  return {
    async open(end) {
      const opened = await end.race(
        socket.opened.then(
          () => "open" as const,
          (error: unknown) => ({ error }),
        ),
      );
      if (opened === "timeout") return fail({ timedOut: true, detail: end.missed("no connection") });
      if (opened === "open") return ok(socket);
      if (opened.error instanceof VantageRefusal) throw opened.error;
      return fail({ timedOut: false, detail: opened.error instanceof ConnectFailure ? opened.error.message : indistinct });
    },
    // Never awaited: close() waits for a connection that may never open, and its own failure says nothing new.
    drop: () => void socket.close().catch(() => undefined),
  };
}
