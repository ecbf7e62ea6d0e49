/**
 * HTTP as backends speak it: one request, its answer read within bounds, and what a status means for a write (RFC 9110). A provider's own words go
 * into the detail, so that people can act on them; secrets do not: nothing of the request is repeated.
 */
import { BackendFailure, type BackendIo, type WholeFailure } from "../../domain/backend.ts";

/** A zone of some fifty thousand names. Read as JSON it takes three times as much more, of the 128 MB that a Worker has. */
const maximumBytes = 16 * 1024 * 1024;
const detailLength = 300;

/** The answer has no end within bounds: something smaller is to be asked for. */
export class AnswerTooLong extends BackendFailure {}

export type HttpAnswer = { readonly status: number; readonly headers: Headers; readonly text: string };

export type HttpRequest = {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: string;
};

/** Throws `BackendFailure` (retry) where there is no answer. Redirects are not followed: credentials go to nobody else. */
export async function request(
  io: Pick<BackendIo, "fetch" | "signal">,
  { method, url, headers, json, body }: HttpRequest,
): Promise<HttpAnswer> {
  try {
    const response = await io.fetch(url, {
      method,
      headers: { Accept: "application/json", ...(json === undefined ? {} : { "Content-Type": "application/json" }), ...headers },
      ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
      redirect: "manual",
      signal: io.signal,
    });
    return { status: response.status, headers: response.headers, text: await readText(response) };
  } catch (error) {
    if (error instanceof BackendFailure) throw error;
    throw new BackendFailure({ class: "retry", detail: `${new URL(url).host} did not answer: ${words(error)}` });
  }
}

/** An address as all of its spellings name it: without a slash at the end. */
export const sameUrl = (url: string): string => new URL(url).href.replace(/\/+$/, "");

export const isOk = ({ status }: HttpAnswer): boolean => status >= 200 && status < 300;

/** The body as JSON; null: it is none. Providers answer errors in plain text too. */
export function jsonOf({ text }: HttpAnswer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** What an answer that is no success means for the whole call. `said`: the provider's reason, as its plugin reads it. */
export function failureOf(answer: HttpAnswer, now: number, said?: string): WholeFailure {
  const { status } = answer;
  const detail = `${status}${redirectWords(answer)}${said === undefined || said === "" ? bodyWords(answer) : `: ${shorten(said)}`}`;
  if (status === 401 || status === 403) return { class: "credentials", detail };
  if (status === 404 || status === 410) return { class: "not-found", detail };
  const isBusy = status === 408 || status === 409 || status === 423 || status === 425 || status === 429;
  // What is not an answer of the API's own (a redirect, an origin's error page) is no verdict on what was asked.
  if (isBusy || status >= 500 || status < 400) {
    const afterMs = retryAfterMs(answer, now);
    return { class: "retry", detail, ...(afterMs === null ? {} : { afterMs }) };
  }
  return { class: "refused", detail };
}

/** `Retry-After` in milliseconds: seconds, or a date (RFC 9110, 10.2.3); null: there is none, or it says nothing. */
export function retryAfterMs({ headers }: HttpAnswer, now: number): number | null {
  const text = headers.get("Retry-After")?.trim() ?? "";
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

/** One line of printable text, at most so long. */
export const shorten = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7e]+/g, " ")
    .trim()
    .slice(0, detailLength);

/** The settings have the address that sends on: people can put this one there. Its path and query are nobody's business. */
function redirectWords({ status, headers }: HttpAnswer): string {
  const to = status >= 300 && status < 400 ? (headers.get("Location") ?? "") : "";
  return URL.canParse(to) ? ` (sends on to ${new URL(to).origin}, which is not followed)` : "";
}

const bodyWords = ({ text, headers }: HttpAnswer): string =>
  text === "" || (headers.get("Content-Type") ?? "").includes("html") ? "" : `: ${shorten(text)}`;

const words = (error: unknown): string => shorten(error instanceof Error ? error.message : String(error));

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.length;
    if (bytes > maximumBytes) {
      await reader.cancel();
      throw new AnswerTooLong({ class: "retry", detail: `the answer is longer than ${maximumBytes / 1024 / 1024} MiB` });
    }
    text += decoder.decode(value, { stream: true });
  }
}
