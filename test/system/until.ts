/** Waiting for a fact, never for a time: the only clock of the system tests. */

export type UntilOptions<T> = {
  /** Completes the sentence "waited N ms for …". */
  readonly what: string;
  readonly timeoutMs?: number;
  readonly intervalMs?: number;
  /** Whether the value is the one that is waited for; left out: whether it is truthy. */
  readonly is?: (value: T) => boolean;
};

/** Asks until the fact holds and returns the value; fails with the last value, or error, that was seen. */
export async function until<T>(fact: () => T | Promise<T>, options: UntilOptions<T>): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 15_000;
  const holds = options.is ?? Boolean;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let last: string;
    try {
      const value = await fact();
      if (holds(value)) return value;
      last = `the last value was ${JSON.stringify(value)}`;
    } catch (error) {
      last = `the last try threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    }
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${options.what}; ${last}`);
    await new Promise((resolve) => setTimeout(resolve, options.intervalMs ?? 50));
  }
}
