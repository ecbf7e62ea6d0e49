/** The head of an HTTP/1.x response (RFC 9112): status line and headers, bounded, interim responses skipped. What is malformed is refused. */
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ByteReader, Stop } from "./byte-reader.ts";
import { excerpt } from "./http-words.ts";

export type Head = {
  readonly status: number;
  /** HTTP/1.0, which knows no transfer encodings. */
  readonly old: boolean;
  /** The values of each header, by its name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
};

/** Or what to say about the answer. */
export async function readHead(input: ByteReader): Promise<Result<Head, string>> {
  const bytes = { left: limits.checkHeadBytes as number };
  for (let interim = 0; interim <= limits.checkInterimAnswers; interim++) {
    const statusLine = await input.line(bytes.left);
    if (!statusLine.ok) {
      if (statusLine.error === "timeout") return fail(input.noAnswer());
      return statusLine.error === "too long" ? fail("the answer is not HTTP") : fail(`connection ${statusLine.error} before a status line`);
    }
    bytes.left -= statusLine.value.length + lineBreak;
    const [, minor, status] = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: .*)?$/.exec(statusLine.value) ?? [];
    if (status === undefined) return fail(`the answer is not HTTP: ${excerpt(statusLine.value)}`);
    const headers = await readHeaders(input, bytes);
    if (!headers.ok) return headers;
    // 101 ends HTTP on the connection, so it is an answer; the other 1xx only announce one.
    if (!status.startsWith("1") || status === "101") return ok({ status: Number(status), old: minor === "0", headers: headers.value });
    if (bytes.left <= 0) return fail(tooLong);
  }
  return fail(`more than ${limits.checkInterimAnswers} interim answers`);
}

const tooLong = `the headers are longer than ${limits.checkHeadBytes} bytes`;
const tooMany = `more than ${limits.checkHeaders} headers`;

async function readHeaders(input: ByteReader, bytes: { left: number }): Promise<Result<Head["headers"], string>> {
  const say = (stop: Stop) => fail(stop === "too long" ? tooLong : input.say(stop, "headers"));
  const headers = new Map<string, string[]>();
  let last: string[] | null = null;
  for (let count = 0; ; count++) {
    if (bytes.left <= 0) return fail(tooLong);
    const line = await input.line(bytes.left);
    if (!line.ok) return say(line.error);
    bytes.left -= line.value.length + lineBreak;
    if (line.value === "") return ok(headers);
    if (count === limits.checkHeaders) return fail(tooMany);
    // RFC 9112, 5.2: a line that begins with a blank goes on with the value before it.
    if (last !== null && /^[ \t]/.test(line.value)) {
      last.push(`${last.pop()} ${line.value.trim()}`.trim());
      continue;
    }
    const header = headerLine.exec(line.value);
    if (header === null) return fail(`malformed header line: ${excerpt(line.value)}`);
    const [, name = "", value = ""] = header;
    const key = name.toLowerCase();
    last = headers.get(key) ?? [];
    last.push(value.trim());
    headers.set(key, last);
  }
}

const lineBreak = 2;
/** No blank before the colon (RFC 9112, 5.1). */
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/;
