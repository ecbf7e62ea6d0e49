/** What the check plugins share about waiting: a network operation against the check's deadline, and what a connection's failure is called. */

export type Deadline = {
  /** The operation's value, or "timeout" once the signal is aborted. The operation itself goes on: most cannot be stopped. */
  race<T>(operation: Promise<T>): Promise<T | "timeout">;
  /** What did not come, and within which time: "no connection within 1000 ms". */
  missed(what: string): string;
  /** Takes the listener off the signal. */
  clear(): void;
};

export function deadline(signal: AbortSignal): Deadline {
  const { promise: aborted, resolve } = Promise.withResolvers<"timeout">();
  const listener = () => resolve("timeout");
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener);
  return {
    race: (operation) => {
      // The loser of the race may still fail; nobody waits for it any more.
      operation.catch(() => undefined);
      return Promise.race([operation, aborted]);
    },
    missed: (what) => `${what} ${typeof signal.reason === "string" ? signal.reason : "in time"}`,
    clear: () => signal.removeEventListener("abort", listener),
  };
}

/** Refused, unroutable, unresolvable: Cloudflare's `connect()` has the same words for all of them, so nothing finer can be said. */
export const unreachable = "connection refused or unreachable";

/** The same over TLS: a Worker is not told whether it was the certificate. */
export const unreachableOverTls = "the connection or its TLS handshake failed";
