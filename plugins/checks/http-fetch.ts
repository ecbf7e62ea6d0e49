/** A request through `fetch`: how a Worker asks a target that is a name, and its only way to HTTPS, where Cloudflare verifies the certificate. */
import { type CheckIo, ConnectFailure, VantageRefusal } from "../../domain/check.ts";
import { fail, ok } from "../../domain/result.ts";
import type { Deadline } from "./deadline.ts";
import { type Exchange, unseen } from "./http-answer.ts";
import type { BodyChunk, BodyChunks } from "./http-body.ts";
import { isCloudflares, originTrouble, refusalIn } from "./http-cloudflare.ts";
import { decoded } from "./http-decode.ts";
import { authorityOf, type Hop, headersOf } from "./http-hop.ts";
import { expects, type HttpSpec } from "./http-spec.ts";

export function exchangeByFetch(hop: Hop, spec: HttpSpec, io: CheckIo): Exchange {
  let letGo = () => undefined as unknown;
  return {
    async answer(end) {
      const response = await end.race(
        io
          .fetch(`${hop.scheme}://${authorityOf(hop)}${hop.path}`, {
            method: hop.method,
            headers: headersOf(hop, spec, io.userAgent),
            ...(hop.payload === null ? {} : { body: hop.payload.content }),
            redirect: "manual",
            signal: io.signal,
          })
          .catch((error: unknown) => (io.signal.aborted ? ("timeout" as const) : { error })),
      );
      if (response === "timeout") return fail({ timedOut: true, detail: end.missed("no answer") });
      if (!(response instanceof Response)) return fail({ timedOut: false, detail: failureWords(response.error) });
      const reader = response.body?.getReader();
      letGo = () => reader?.cancel().catch(() => undefined);
      const { status, headers } = response;
      const chunks = chunksOf(reader, end);
      if (isCloudflares(status)) {
        const { text } = await peek(chunks, status === 530);
        refuse(text);
        return fail({ timedOut: false, detail: originTrouble(status, text) });
      }
      // Cloudflare's refusals are short client errors of its own; a status that is expected is believed.
      const suspect = status >= 400 && !expects(spec, status) && headers.get("server") === "cloudflare";
      const { text, body } = await peek(chunks, suspect);
      refuse(text);
      const encoded = undecoded(headers.get("content-encoding"));
      return ok({ status, header: (name) => headers.get(name), body: decoded(body, encoded), certificate: null, took: unseen });
    },
    drop: () => void letGo(),
  };
}

/** A Worker's `fetch` decodes what it asks for by itself; what is left was sent against its wish. */
const undecoded = (contentEncoding: string | null): string[] =>
  (contentEncoding ?? "")
    .split(",")
    .map((coding) => coding.trim().toLowerCase())
    .filter((coding) => !["", "identity", "gzip", "br"].includes(coding));

/** A Worker is not told why; an agent is. */
function failureWords(error: unknown): string {
  if (error instanceof VantageRefusal) throw error;
  const message = error instanceof Error ? error.message : "";
  if (/subrequests?\b/i.test(message)) throw new VantageRefusal("this Worker has made as many requests as it may");
  return error instanceof ConnectFailure ? message : "no valid answer from the origin";
}

function refuse(text: string): void {
  const code = refusalIn(text);
  if (code !== null) throw new VantageRefusal(`Cloudflare does not let a Worker ask this (error ${code})`);
}

function chunksOf(reader: ReadableStreamDefaultReader<Uint8Array> | undefined, end: Deadline): BodyChunks {
  return async () => {
    if (reader === undefined) return { kind: "end" };
    const part = await end.race(reader.read().catch(() => null));
    if (part === "timeout") return { kind: "broken", detail: end.missed("the body did not end") };
    if (part === null) return { kind: "broken", detail: "the body broke off" };
    return part.done ? { kind: "end" } : { kind: "bytes", bytes: part.value };
  };
}

const peekBytes = 4096;

/** The beginning of the body as text where it is wanted, and the body as if nobody had looked. */
async function peek(chunks: BodyChunks, wanted: boolean): Promise<{ text: string; body: BodyChunks }> {
  if (!wanted) return { text: "", body: chunks };
  let first: BodyChunk | null = await chunks();
  const text = first.kind === "bytes" ? new TextDecoder().decode(first.bytes.subarray(0, peekBytes)) : "";
  const body: BodyChunks = async () => {
    const chunk = first;
    first = null;
    return chunk ?? chunks();
  };
  return { text, body };
}
