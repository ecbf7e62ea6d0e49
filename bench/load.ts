/** A load of HTTP requests with a fixed number in flight, over kept-open connections: node:http, since `fetch` would cost more than it measures. */
import { Agent, request } from "node:http";

export type LoadRequest = {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly body?: string;
};

export type LoadOptions = {
  readonly url: string;
  readonly inFlight: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Each answer must have it, else the load fails. */
  readonly expected: number;
  /** How long new requests are started; what is in flight then is waited for and counted. */
  readonly forMs: number;
  /** The n-th request. */
  readonly next: (n: number) => LoadRequest;
};

export type LoadResult = { readonly perSecond: number; readonly latenciesMs: readonly number[] };

export async function load(options: LoadOptions): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.inFlight });
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  let sent = 0;
  const lane = async () => {
    while (performance.now() - startedAt < options.forMs) {
      const at = performance.now();
      const { status, body } = await send(options.url, agent, options.next(sent++), options.headers);
      latenciesMs.push(performance.now() - at);
      if (status !== options.expected) throw new Error(`expected ${options.expected}, got ${status}: ${body.slice(0, 500)}`);
    }
  };
  try {
    await Promise.all(Array.from({ length: options.inFlight }, lane));
  } finally {
    agent.destroy();
  }
  return { perSecond: (latenciesMs.length * 1_000) / (performance.now() - startedAt), latenciesMs };
}

export type Answered = { readonly status: number; readonly body: string };

export function send(
  url: string,
  agent: Agent,
  { method, path, body }: LoadRequest,
  headers: Readonly<Record<string, string>>,
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const content = body === undefined ? {} : { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
    const sent = request(url + path, { method, agent, headers: { ...headers, ...content } }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
