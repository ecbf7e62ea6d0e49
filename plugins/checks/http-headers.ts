/**
 * The headers that an HTTP monitor sends, in the open and as secrets, and its credentials. Everything here goes onto the wire, so no value
 * can end a header line early, and none can frame the request anew.
 */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";

/** RFC 9110, 5.6.2: a token. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
/** RFC 9110, 5.5, without obs-text: printable ASCII, blanks only inside. */
const headerValue = /^([!-~]([\t -~]*[!-~])?)?$/;
/** The client's own business; a second one would smuggle a request. */
const framing = [
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
];
/** What is a secret is kept as one. */
const openRefused = new Set([...framing, "authorization", "proxy-authorization", "cookie"]);
/** Host decides where the answer comes from, and is shown. */
const secretRefused = new Set([...framing, "host"]);
const hostValue = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?$/;

const bytes = (text: string): number => new TextEncoder().encode(text).length;

const headersWithout = (refused: ReadonlySet<string>) =>
  z
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
        else if (refused.has(key)) say([name], refusal(key));
        else if (seen.has(key)) say([name], "must not repeat a header");
        seen.add(key);
        if (!headerValue.test(text)) say([name], "must be printable ASCII without blanks at its ends");
        else if (key === "host" && !hostValue.test(text)) say([name], "must be a host name or address, with a port at most");
      }
    });

function refusal(key: string): string {
  if (key === "host") return "must be set in headers, where it is shown";
  if (framing.includes(key)) return "must not be set here";
  return "must not be set here; secret_headers and credentials are kept encrypted";
}

export const headers = headersWithout(openRefused);
export const secretHeaders = headersWithout(secretRefused).meta({ writeOnly: true });

const noControls = /^[^\p{Cc}]*$/u;
const secretText = (maximum: number) =>
  z
    .string({ error: "must be a string" })
    .refine((text) => bytes(text) <= maximum, { error: `must be at most ${maximum} bytes` })
    .regex(noControls, { error: "must not have control characters" });

const basic = z.strictObject({
  // RFC 7617: what stands before the first colon is the name.
  username: secretText(limits.usernameBytes).regex(/^[^:]*$/, { error: "must not have a colon" }),
  password: secretText(limits.passwordBytes),
});
const bearer = z.strictObject({
  bearer_token: z
    .string({ error: "must be a string" })
    .max(limits.bearerTokenLength, { error: `must be at most ${limits.bearerTokenLength} characters` })
    .regex(/^[!-~]+$/, { error: "must be printable ASCII without blanks" }),
});

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);
const credentialsError = "must be {username, password} or {bearer_token}";

const objectOf = (...fields: string[]) => ({
  type: "object",
  properties: Object.fromEntries(fields.map((field) => [field, { type: "string" }])),
  required: fields,
  additionalProperties: false,
});
/** As a JSON Schema says it, which knows nothing of what a function checks. */
const inJsonSchema = { writeOnly: true, anyOf: [objectOf("username", "password"), objectOf("bearer_token")] };

type Given = z.output<typeof basic> | z.output<typeof bearer>;

/** One of the two forms; the one that is meant says what is wrong with it. */
const oneForm = (value: unknown, context: z.RefinementCtx): Given => {
  const schema = isObject(value) && "bearer_token" in value ? bearer : basic;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const wrongForm = !isObject(value) || result.error.issues.some(({ code }) => code === "unrecognized_keys");
  if (wrongForm) context.issues.push({ code: "custom", message: credentialsError, input: value });
  else context.issues.push(...(result.error.issues.map((issue) => ({ ...issue, input: value })) as typeof context.issues));
  return z.NEVER;
};
export const credentials = z.unknown().meta(inJsonSchema).transform(oneForm);
export type Credentials = z.output<typeof credentials>;

/** The value of `Authorization` (RFC 7617 in UTF-8, RFC 6750). */
export function authorizationOf(given: Credentials): string {
  if ("bearer_token" in given) return `Bearer ${given.bearer_token}`;
  const text = new TextEncoder().encode(`${given.username}:${given.password}`);
  return `Basic ${btoa(Array.from(text, (byte) => String.fromCharCode(byte)).join(""))}`;
}
