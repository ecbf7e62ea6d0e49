/** The fields of DNS monitors: what is asked, over what, and what must be in the answer. */
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { fqdn } from "../../domain/name.ts";
import { oneOf, port } from "../../domain/schema.ts";
import { canonicalData, recordTypes, writtenAs } from "./dns-record.ts";

/** RFC 1035, 4.1.1 and RFC 2136, 2.2. */
const rcodes = [
  "NOERROR",
  "FORMERR",
  "SERVFAIL",
  "NXDOMAIN",
  "NOTIMP",
  "REFUSED",
  "YXDOMAIN",
  "YXRRSET",
  "NXRRSET",
  "NOTAUTH",
  "NOTZONE",
] as const;
const transports = ["tcp", "udp", "doh"] as const;

const inCapitals = <const T extends readonly [string, ...string[]]>(values: T) =>
  z
    .string({ error: `must be one of ${values.join(", ")}` })
    .toUpperCase()
    .pipe(oneOf(values));

const answer = z
  .string({ error: "must be a string" })
  .min(1, { error: "must not be empty" })
  .max(limits.receiveStringBytes, { error: `must be at most ${limits.receiveStringBytes} characters` });

export const dnsSpec = z
  .strictObject({
    /** Left out: that of the transport. */
    port: port.optional(),
    dns_name: fqdn,
    dns_type: inCapitals(recordTypes).default("A"),
    dns_rcode: inCapitals(rcodes).default("NOERROR"),
    dns_answers: z
      .array(answer, { error: "must be a list of answers" })
      .max(limits.dnsAnswers, { error: `must have at most ${limits.dnsAnswers} elements` })
      .default([]),
    transport: oneOf(transports).default("tcp"),
  })
  .transform((spec, context) => {
    const answers = spec.dns_answers.map((text, index) => {
      const canonical = canonicalData(spec.dns_type, text);
      if (canonical === null) {
        const message = `must be ${writtenAs[spec.dns_type]}`;
        context.issues.push({ code: "custom", path: ["dns_answers", index], message, input: text });
      }
      return canonical ?? text;
    });
    return { ...spec, port: spec.port ?? (spec.transport === "doh" ? 443 : 53), dns_answers: answers };
  });

export type DnsSpec = z.output<typeof dnsSpec>;
