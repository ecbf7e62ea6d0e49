/**
 * The fields of HTTP and HTTPS monitors: what is asked and what answer is expected. Everything that goes onto the wire is checked here, so
 * that no value can end a header line or a request line early.
 */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { oneOf, port } from "../../domain/schema.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "OPTIONS"] as const;

/** RFC 9110, 5.6.2: a token. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** RFC 9110, 5.5, without obs-text: printable ASCII, blanks only inside. */
const headerValue = /^([!-~]([\t -~]*[!-~])?)?$/;
/** Credentials are kept as secrets or not at all; the others are the client's own business, and a second one would smuggle a request. */
const refusedHeaders = new Set([
  "authorization",
  "proxy-authorization",
  "cookie",
  "content-length",
  "content-type",
  "transfer-encoding",
  "connection",
  "keep-alive",
  "upgrade",
  "te",
  "trailer",
  "expect",
  "accept-encoding",
]);
const hostValue = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?$/;

const bytes = (text: string): number => new TextEncoder().encode(text).length;

const headers = z
  .record(z.string(), z.string({ error: "must be a string" }), { error: "must be an object of header names and values" })
  .superRefine((value, context) => {
    const say = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
    const entries = Object.entries(value);
    if (entries.length > limits.headers) say([], `must have at most ${limits.headers} headers`);
    const size = entries.reduce((sum, [name, text]) => sum + bytes(name) + bytes(text) + 4, 0);
    if (size > limits.headersBytes) say([], `must be at most ${limits.headersBytes} bytes in all`);
    const seen = new Set<string>();
    for (const [name, text] of entries) {
      const key = name.toLowerCase();
      if (!token.test(name)) say([name], "must be a header name: letters, digits and !#$%&'*+-.^_`|~");
      else if (key === "content-type") say([name], "must be set as payload.content_type");
      else if (refusedHeaders.has(key)) say([name], "must not be set here");
      else if (seen.has(key)) say([name], "must not repeat a header");
      seen.add(key);
      if (!headerValue.test(text)) say([name], "must be printable ASCII without blanks at its ends");
      else if (key === "host" && !hostValue.test(text)) say([name], "must be a host name or address, with a port at most");
    }
  });

const urlPath = z
  .string({ error: "must be a string" })
  .max(limits.urlPathLength, { error: `must be at most ${limits.urlPathLength} characters` })
  .regex(/^\/[!-"$-~]*$/, { error: "must begin with / and hold printable ASCII only, without a fragment; percent-encode the rest" });

const contentTypeError = "must be a media type such as application/json";
const payload = z.strictObject(
  {
    content_type: z
      .string({ error: contentTypeError })
      .max(255, { error: contentTypeError })
      .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+\/[!#$%&'*+.^_`|~0-9A-Za-z-]+([ -~]*[!-~])?$/, { error: contentTypeError }),
    content: z
      .string({ error: "must be a string" })
      .refine((text) => bytes(text) <= limits.payloadBytes, { error: `must be at most ${limits.payloadBytes} bytes` }),
  },
  { error: "must be {content_type, content} and nothing else" },
);

const isStatus = (code: number): boolean => Number.isInteger(code) && code >= 100 && code <= 599;
const isStatusRange = (text: string): boolean => /^[1-5][0-9]{2}-[1-5][0-9]{2}$/.test(text) && text.slice(0, 3) <= text.slice(4);
const statusError = 'must be a status code from 100 to 599 or a range such as "200-299"';
const expectedCodes = z
  .array(
    z
      .union([z.number(), z.string()], { error: statusError })
      .refine((code) => (typeof code === "number" ? isStatus(code) : isStatusRange(code)), { error: statusError }),
    { error: "must be a list of status codes and ranges" },
  )
  .min(1, { error: "must have at least one status code" })
  .max(limits.expectedCodes, { error: `must have at most ${limits.expectedCodes} elements` });

/** The schema of HTTP and of HTTPS: they differ in their port. */
export const httpSpec = (defaultPort: number) =>
  z
    .strictObject({
      port: port.default(defaultPort),
      http_method: z
        .string({ error: `must be one of ${methods.join(", ")}` })
        .toUpperCase()
        .pipe(oneOf(methods))
        .default("GET"),
      url_path: urlPath.default("/"),
      headers: headers.default({}),
      payload: payload.nullable().default(null),
      receive_string: z
        .string({ error: "must be a string" })
        .min(1, { error: "must not be empty" })
        .refine((text) => bytes(text) <= limits.receiveStringBytes, { error: `must be at most ${limits.receiveStringBytes} bytes` })
        .nullable()
        .default(null),
      expected_codes: expectedCodes.default([200]),
    })
    .superRefine((spec, context) => {
      const say = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
      if (spec.payload !== null && (spec.http_method === "GET" || spec.http_method === "HEAD")) {
        say("payload", "needs http_method POST, PUT or OPTIONS");
      }
      if (spec.receive_string !== null && spec.http_method === "HEAD")
        say("receive_string", "needs an http_method whose answer has a body");
    });

export type HttpSpec = z.output<ReturnType<typeof httpSpec>>;

/** Whether `expected_codes` holds the status. */
export const expects = (spec: HttpSpec, status: number): boolean =>
  spec.expected_codes.some((code) =>
    typeof code === "number" ? code === status : status >= Number(code.slice(0, 3)) && status <= Number(code.slice(4)),
  );

/** `expected_codes` as people read it: "200" or "200, 301, 400-404". */
export const expectedText = (spec: HttpSpec): string => spec.expected_codes.join(", ");

/** The Host that was chosen: the member's own, else the monitor's; null: what is served there. */
export function chosenHost(spec: HttpSpec, hostHeader: string | null): string | null {
  if (hostHeader !== null) return hostHeader;
  return Object.entries(spec.headers).find(([name]) => name.toLowerCase() === "host")?.[1] ?? null;
}

/** The monitor's headers without Host, which is a question of its own. */
export const otherHeaders = (spec: HttpSpec): [string, string][] =>
  Object.entries(spec.headers).filter(([name]) => name.toLowerCase() !== "host");
