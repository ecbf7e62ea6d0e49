/** One call of a backend's plugin, ended by a deadline: a backend that hangs is one that failed. What a failure means is for the caller. */
import type { BackendIo } from "../../domain/backend.ts";
import type { BackendPorts } from "./ports.ts";

export async function callBackend<T>(
  { sleep, backendIo }: Pick<BackendPorts, "sleep" | "backendIo">,
  deadlineMs: number,
  call: (io: BackendIo) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const ended = new AbortController();
  const late = async (): Promise<never> => {
    await sleep(deadlineMs, ended.signal);
    deadline.abort();
    throw new Error(`no answer within ${deadlineMs / 1_000} s`);
  };
  try {
    return await Promise.race([call({ ...backendIo, signal: deadline.signal }), late()]);
  } finally {
    ended.abort();
  }
}
