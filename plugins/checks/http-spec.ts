/** The fields of HTTP and HTTPS monitors: what is asked, and what answer is expected. */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { flag, int, oneOf, port } from "../../domain/schema.ts";
import { credentials, headers, secretHeaders } from "./http-headers.ts";
import { jsonAssertions } from "./json-assertions.ts";
import { receiveText } from "./text-fields.ts";
import { tlsFields } from "./tls-fields.ts";

const methods = ["GET", "HEAD", "POST", "PUT", "OPTIONS"] as const;

const bytes = (text: string): number => new TextEncoder().encode(text).length;

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
        .meta({ enum: methods })
        .toUpperCase()
        .pipe(oneOf(methods))
        .default("GET"),
      url_path: urlPath.default("/"),
      headers: headers.default({}),
      /** As `headers`, which they replace by name; kept encrypted, never shown. */
      secret_headers: secretHeaders.optional(),
      credentials: credentials.optional(),
      payload: payload.nullable().default(null),
      receive_string: receiveText.nullable().default(null),
      receive_string_absent: receiveText.nullable().default(null),
      json_assertions: jsonAssertions.default([]),
      expected_codes: expectedCodes.default([200]),
      follow_redirects: flag.default(false),
      max_redirects: int(1, limits.maxRedirects).default(5),
      max_response_ms: int(1, 60_000).nullable().default(null),
      // Of HTTP as well: a redirect may lead to HTTPS.
      ...tlsFields,
    })
    .superRefine((spec, context) => {
      const say = (field: string, message: string) => context.addIssue({ code: "custom", path: [field], message });
      if (spec.payload !== null && (spec.http_method === "GET" || spec.http_method === "HEAD")) {
        say("payload", "needs http_method POST, PUT or OPTIONS");
      }
      if (spec.http_method === "HEAD") for (const field of bodyConditions(spec)) say(field, "needs an http_method whose answer has a body");
    });

export type HttpSpec = z.output<ReturnType<typeof httpSpec>>;

/** Which fields make the body decide. */
export function bodyConditions(spec: Pick<HttpSpec, "receive_string" | "receive_string_absent" | "json_assertions">): string[] {
  const asked = {
    receive_string: spec.receive_string !== null,
    receive_string_absent: spec.receive_string_absent !== null,
    json_assertions: spec.json_assertions.length > 0,
  };
  return Object.entries(asked).flatMap(([field, is]) => (is ? [field] : []));
}

/** Whether `expected_codes` holds the status. */
export const expects = (spec: HttpSpec, status: number): boolean =>
  spec.expected_codes.some((code) =>
    typeof code === "number" ? code === status : status >= Number(code.slice(0, 3)) && status <= Number(code.slice(4)),
  );

/** `expected_codes` as people read it: "200" or "200, 301, 400-404"; of a long list only its beginning. */
export function expectedText(spec: HttpSpec): string {
  const shown = spec.expected_codes.slice(0, 8).join(", ");
  return spec.expected_codes.length > 8 ? `${shown}, ...` : shown;
}

/** The Host that was chosen: the member's own, else the monitor's; null: what is served there. */
export function chosenHost(spec: HttpSpec, hostHeader: string | null): string | null {
  if (hostHeader !== null) return hostHeader;
  return Object.entries(spec.headers).find(([name]) => name.toLowerCase() === "host")?.[1] ?? null;
}
