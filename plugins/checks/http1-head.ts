/** The head of an HTTP/1.x response (RFC 9112): status line and headers, bounded, interim responses skipped. What is malformed is refused. */
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ByteReader, Stop } from "./byte-reader.ts";

export type Head = {
  readonly status: number;
  /** The values of each header, by its name in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
};

/** Or what to say about the answer. */
export async function readHead(input: ByteReader): Promise<Result<Head, string>> {
  let left: number = limits.checkHeadBytes;
  const tooLong = `the headers are longer than ${limits.checkHeadBytes} bytes`;
  const say = (stop: Stop, what: string) => fail(stop === "too long" ? tooLong : input.say(stop, what));
  for (;;) {
    const statusLine = await input.line(left);
    if (!statusLine.ok) {
      if (statusLine.error === "timeout") return fail(input.noAnswer());
      return statusLine.error === "too long" ? fail("the answer is not HTTP") : fail(`connection ${statusLine.error} before a status line`);
    }
    left -= statusLine.value.length + lineBreak;
    const status = statusOf(statusLine.value);
    if (status === null) return fail(`the answer is not HTTP: ${excerpt(statusLine.value)}`);
    const headers = new Map<string, string[]>();
    for (;;) {
      if (left <= 0) return fail(tooLong);
      const line = await input.line(left);
      if (!line.ok) return say(line.error, "headers");
      left -= line.value.length + lineBreak;
      if (line.value === "") break;
      const header = headerLine.exec(line.value);
      if (header === null) return fail(`malformed header line: ${excerpt(line.value)}`);
      const [, name = "", value = ""] = header;
      const key = name.toLowerCase();
      const values = headers.get(key);
      if (values === undefined) headers.set(key, [value.trim()]);
      else values.push(value.trim());
    }
    // 101 ends HTTP on the connection, so it is an answer; the other 1xx only announce one.
    if (status >= 200 || status === 101) return ok({ status, headers });
    if (left <= 0) return fail(tooLong);
  }
}

const lineBreak = 2;
/** No blank before the colon (RFC 9112, 5.1), no folded lines (5.2). */
const headerLine = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)$/;

function statusOf(line: string): number | null {
  const [, status] = /^HTTP\/1\.[01] ([1-5][0-9]{2})( .*)?$/.exec(line) ?? [];
  return status === undefined ? null : Number(status);
}

/** The beginning of a line, fit to be shown: without control characters. */
const excerpt = (line: string): string => JSON.stringify(line.slice(0, 40).replace(/[^ -~]/g, "?"));
