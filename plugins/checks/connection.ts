/** A TCP connection for the length of one check: opened against the deadline, dropped at the end without waiting for it. */
import { type CheckIo, type CheckSocket, type CheckTarget, failed, type Outcome } from "../../domain/check.ts";
import { type Deadline, deadline, unreachable } from "./deadline.ts";

export async function withConnection(
  target: CheckTarget,
  port: number,
  io: CheckIo,
  use: (socket: CheckSocket, end: Deadline) => Promise<Outcome>,
): Promise<Outcome> {
  const startedAt = io.now();
  const end = deadline(io.signal);
  const socket = io.connect({ hostname: target.host.replace(/\.$/, ""), port: target.port ?? port });
  socket.closed.catch(() => undefined);
  try {
    const opened = await end.race(
      socket.opened.then(
        () => "open" as const,
        () => "refused" as const,
      ),
    );
    if (opened === "timeout") return failed(null, end.missed("no connection"));
    if (opened === "refused") return failed(io.now() - startedAt, unreachable);
    return await use(socket, end);
  } finally {
    end.clear();
    // Never awaited: close() waits for a connection that may never open, and its own failure says nothing new.
    socket.close().catch(() => undefined);
  }
}
