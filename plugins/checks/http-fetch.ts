/** An HTTP check through `fetch`: for targets that are names, and the only way to HTTPS. */
import { type CheckIo, failed, type Outcome, pass } from "../../domain/check.ts";
import { deadline } from "./deadline.ts";
import { type BodyChunks, findText } from "./http-body.ts";
import { expectedText, expects, type HttpSpec, otherHeaders } from "./http-spec.ts";

const noAnswer = "no valid answer from the origin";

export async function checkByFetch(origin: string, spec: HttpSpec, io: CheckIo): Promise<Outcome> {
  const startedAt = io.now();
  const end = deadline(io.signal);
  const headers: [string, string][] = [["User-Agent", io.userAgent], ...otherHeaders(spec)];
  if (spec.payload !== null) headers.push(["Content-Type", spec.payload.content_type]);
  try {
    const response = await end.race(
      io
        .fetch(`${origin}${spec.url_path}`, {
          method: spec.http_method,
          headers,
          ...(spec.payload === null ? {} : { body: spec.payload.content }),
          redirect: "manual",
          signal: io.signal,
        })
        .catch(() => (io.signal.aborted ? ("timeout" as const) : null)),
    );
    if (response === "timeout") return failed(null, end.missed("no answer"));
    if (response === null) return failed(io.now() - startedAt, noAnswer);
    const { status, body } = response;
    // Cloudflare's own answers for an origin that refuses, hangs or has a bad certificate; never the origin's word.
    if (status >= 520 && status <= 530) {
      drop(body);
      return failed(io.now() - startedAt, `${noAnswer} (${status})`);
    }
    if (!expects(spec, status)) {
      drop(body);
      return failed(io.now() - startedAt, `expected ${expectedText(spec)}, got ${status}`);
    }
    if (spec.receive_string === null) {
      drop(body);
      return pass(io.now() - startedAt, String(status));
    }
    const reader = body?.getReader();
    const chunks: BodyChunks = async () => {
      if (reader === undefined) return { kind: "end" };
      const part = await end.race(reader.read().catch(() => null));
      if (part === "timeout") return { kind: "broken", detail: end.missed("the body did not end") };
      if (part === null) return { kind: "broken", detail: "the body broke off" };
      return part.done ? { kind: "end" } : { kind: "bytes", bytes: part.value };
    };
    const found = await findText(chunks, spec.receive_string);
    reader?.cancel().catch(() => undefined);
    return found === null ? pass(io.now() - startedAt, String(status)) : failed(io.now() - startedAt, found);
  } finally {
    end.clear();
  }
}

const drop = (body: ReadableStream | null): void => void body?.cancel().catch(() => undefined);
