/** Reads a request's body: its media type, at most so many bytes whatever Content-Length says, UTF-8, JSON, an object. */
import { limits } from "../../domain/limits.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ApiContext } from "./context.ts";
import { article, invalidBody } from "./fields.ts";
import { isJsonObject, type JsonObject, parseJson, pointerOf } from "./json.ts";

const mergePatchType = "application/merge-patch+json";

export async function readObject(c: ApiContext, maxBytes: number = limits.bodyBytes): Promise<Result<JsonObject, Problem>> {
  const unsupported = mediaTypeProblem(c);
  if (unsupported !== null) return fail(unsupported);
  const bytes = await readBounded(c, maxBytes);
  if (!bytes.ok) return bytes;
  if (bytes.value.byteLength === 0) return fail(invalidBody([{ pointer: "", detail: "is missing; a JSON object is needed" }]));
  return parse(c, bytes.value);
}

/** For a POST that says everything by its path: no body, or an object without a field. */
export async function readNothing(c: ApiContext, what: string): Promise<Problem | null> {
  const bytes = await readBounded(c, limits.bodyBytes);
  if (!bytes.ok) return bytes.error;
  if (bytes.value.byteLength === 0) return null;
  const unsupported = mediaTypeProblem(c);
  if (unsupported !== null) return unsupported;
  const body = parse(c, bytes.value);
  if (!body.ok) return body.error;
  const unknown = Object.keys(body.value).map((field) => ({
    pointer: pointerOf([field]),
    detail: `is not a field of ${article(what)} ${what}`,
  }));
  return unknown.length === 0 ? null : invalidBody(unknown);
}

async function readBounded(c: ApiContext, maxBytes: number): Promise<Result<Uint8Array, Problem>> {
  try {
    const bytes = await readBytes(c.req.raw, maxBytes);
    return bytes === null ? fail({ type: "too-large", detail: `the body has more than ${maxBytes} bytes` }) : ok(bytes);
  } catch {
    return fail(invalidBody([{ pointer: "", detail: "ended before it was complete" }]));
  }
}

function parse(c: ApiContext, bytes: Uint8Array): Result<JsonObject, Problem> {
  if (!c.req.header("Content-Type")) return fail(unsupportedMediaType(c, "the body has no Content-Type"));
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    return fail(invalidBody([{ pointer: "", detail: "is not UTF-8" }]));
  }
  const json = parseJson(text);
  if (!json.ok) return fail(invalidBody([json.error]));
  if (!isJsonObject(json.value)) return fail(invalidBody([{ pointer: "", detail: "must be a JSON object" }]));
  return ok(json.value);
}

function mediaTypeProblem(c: ApiContext): Problem | null {
  const encoding = c.req.header("Content-Encoding")?.trim().toLowerCase();
  if (encoding && encoding !== "identity") return unsupportedMediaType(c, "a compressed body is not taken");
  const header = c.req.header("Content-Type");
  if (!header) return null;
  const [type = "", ...parameters] = header
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const taken = type === "application/json" || (type === mergePatchType && c.req.method === "PATCH");
  if (!taken) return unsupportedMediaType(c, `${type.slice(0, 100) || "this"} is not taken here`);
  const charset = parameters.find((parameter) => parameter.startsWith("charset="))?.slice("charset=".length);
  if (charset && charset.replaceAll('"', "") !== "utf-8") return unsupportedMediaType(c, "the text must be UTF-8");
  return null;
}

function unsupportedMediaType(c: ApiContext, why: string): Problem {
  const patch = c.req.method === "PATCH";
  const detail = `${why}; send ${patch ? `${mergePatchType} or ` : ""}application/json`;
  return { type: "unsupported-media-type", detail, ...(patch ? { acceptPatch: `${mergePatchType}, application/json` } : {}) };
}

/** The body, or null as soon as it proves longer than `maxBytes`. */
export async function readBytes(request: Request, maxBytes: number): Promise<Uint8Array | null> {
  if (Number(request.headers.get("Content-Length") ?? 0) > maxBytes) return null;
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body as ReadableStream<Uint8Array>) {
    length += chunk.byteLength;
    // Leaving the loop cancels the stream: the rest is never read.
    if (length > maxBytes) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}
