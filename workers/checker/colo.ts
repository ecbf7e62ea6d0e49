/** Where a checker runs, as measured: the data centre's code, or `local` where nobody says. Never the place that was wished for. */
import { limits } from "../../domain/limits.ts";

const traceUrl = "https://cloudflare.com/cdn-cgi/trace";
const unknown = "local";

export type ColoIo = {
  now(): number;
  fetch(url: string, init: { signal: AbortSignal }): Promise<Response>;
};

/** Remembers the place for an isolate, which does not move; asks again now and then. */
export class Colo {
  private known: { readonly name: string; readonly until: number } | null = null;

  /** `setting`: KOSMOS_TRACE_URL. Never throws, and takes `limits.coloTimeoutMs` at the most. */
  async read(setting: string | undefined, io: ColoIo): Promise<string> {
    if (setting === "off") return unknown;
    if (this.known !== null && io.now() < this.known.until) return this.known.name;
    const name = await measure(setting ?? traceUrl, io);
    this.known = { name: name ?? unknown, until: io.now() + (name === null ? limits.coloRetryMs : limits.coloFreshMs) };
    return this.known.name;
  }
}

async function measure(url: string, io: ColoIo): Promise<string | null> {
  const deadline = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => {
      deadline.abort();
      resolve(null);
    }, limits.coloTimeoutMs);
  });
  const ask = async (): Promise<string | null> => {
    const response = await io.fetch(url, { signal: deadline.signal });
    if (!response.ok) return null;
    return /^colo=([A-Z]{3,4})$/m.exec(await response.text())?.[1] ?? null;
  };
  try {
    return await Promise.race([ask().catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
