/** The way to the API: POSTs of JSON over connections that are kept. It follows no redirect and knows nothing of what it carries. */
import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { request as requestTls, Agent as TlsAgent } from "node:https";
import { rootCertificates } from "node:tls";
import { version } from "../domain/version.ts";

export type ApiAnswer = {
  readonly status: number;
  /** Parsed; null where it is no JSON. */
  readonly body: unknown;
  /** Milliseconds; null: the API says nothing of it. */
  readonly retryAfterMs: number | null;
};

export type ApiClient = {
  /** Rejects where no whole answer comes within `timeoutMs`. */
  post(path: string, body: unknown, timeoutMs: number, signal?: AbortSignal): Promise<ApiAnswer>;
  close(): void;
};

const answerBytes = 64 * 1024 * 1024;

export function apiClient({ url, token, ca }: { readonly url: string; readonly token: string; readonly ca: string | null }): ApiClient {
  const secure = url.startsWith("https:");
  // Beside the public ones: a deployment may move from one to the other.
  const trust = ca === null ? {} : { ca: [...rootCertificates, ca] };
  const agent = secure ? new TlsAgent({ keepAlive: true, ...trust }) : new PlainAgent({ keepAlive: true });
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json", "user-agent": `kosmos-agent/${version}` };

  const post: ApiClient["post"] = (path, body, timeoutMs, signal) =>
    new Promise((resolve, reject) => {
      const text = Buffer.from(JSON.stringify(body));
      const ending = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal === undefined ? [] : [signal])]);
      const options = { method: "POST", agent, signal: ending, headers: { ...headers, "content-length": text.length } };
      const request = (secure ? requestTls : requestPlain)(url + path, options, (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on("data", (chunk: Buffer) => {
          length += chunk.length;
          if (length > answerBytes) request.destroy(new Error("the API's answer is too long"));
          else chunks.push(chunk);
        });
        response.once("error", reject);
        response.once("close", () => {
          if (!response.complete) return reject(new Error("the API's answer broke off"));
          const wait = /^[0-9]{1,6}$/.exec(response.headers["retry-after"] ?? "")?.[0];
          resolve({
            status: response.statusCode ?? 0,
            body: parse(Buffer.concat(chunks).toString()),
            retryAfterMs: wait === undefined ? null : Number(wait) * 1_000,
          });
        });
      });
      request.once("error", (error) =>
        reject(ending.aborted && signal?.aborted !== true ? new Error(`no answer within ${timeoutMs} ms`) : error),
      );
      request.end(text);
    });
  return { post, close: () => agent.destroy() };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** In the API's own words, where it has any (RFC 9457). */
export function wordsOf({ status, body }: ApiAnswer): string {
  const detail = typeof body === "object" && body !== null && "detail" in body ? String(body.detail) : null;
  return detail === null ? `the API answered ${status}` : `the API answered ${status}: ${detail.slice(0, 300)}`;
}

/** How long to wait after so many failures in a row: exponential, with full jitter, and no less than the API asked for. */
export function backOffMs(failures: number, random: number, retryAfterMs: number | null = null): number {
  const ceiling = Math.min(backOffMaxMs, backOffBaseMs * 2 ** Math.min(failures, 16));
  return Math.max(backOffBaseMs / 2, random * ceiling, Math.min(retryAfterMs ?? 0, backOffMaxMs));
}
const backOffBaseMs = 500;
const backOffMaxMs = 10_000;
