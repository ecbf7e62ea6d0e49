/** What monitors say about TLS, and what a certificate says about time. The fields of every type that may speak TLS. */
import { z } from "zod";
import type { Certificate } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { canonicalName } from "../../domain/name.ts";
import { flag, int } from "../../domain/schema.ts";
import { isCertificate, pemBlocks } from "./certificate-pem.ts";

const sniError = "must be a host name such as www.example.com; an address is never sent as a name";
const sni = z
  .string({ error: sniError })
  .refine((text) => canonicalName(text) !== null, { error: sniError })
  .transform((text) => text.toLowerCase().replace(/\.$/, ""));

const pemError = "must be PEM: one or several whole blocks that begin with -----BEGIN CERTIFICATE-----, and none of another kind";
const pemSize = `must be at most ${limits.caCertBytes} bytes`;
const caCert = z
  .string({ error: pemError })
  // The size first: what is larger is not looked at any further.
  .max(limits.caCertBytes, { error: pemSize, abort: true })
  .superRefine((text, context) => {
    const say = (message: string) => context.addIssue({ code: "custom", message });
    const blocks = pemBlocks(text);
    if (blocks === null) return say(pemError);
    const unreadable = blocks.findIndex((block) => !isCertificate(block));
    if (unreadable !== -1) say(`is not a readable certificate (block ${unreadable + 1})`);
  });

export const tlsFields = {
  /** The name in the handshake, without its trailing dot, and the one that the certificate must have; null: the host that is asked. */
  sni: sni.nullable().default(null),
  /** PEM: these authorities instead of the public ones. */
  ca_cert: caCert.nullable().default(null),
  /** True: any certificate will do. */
  insecure: flag.default(false),
  /** A certificate that ends sooner than this is a warning; 0: none is. */
  min_days_valid: int(0, 3650).default(0),
};

const dayMs = 86_400_000;

/** What to say of a certificate that ends within `minDays`, or has ended where nobody verifies it; null: nothing. */
export function expiryWarning(certificate: Certificate | null, minDays: number, nowMs: number): string | null {
  if (certificate === null || minDays === 0) return null;
  const leftMs = certificate.notAfter - nowMs;
  if (leftMs >= minDays * dayMs) return null;
  const days = Math.floor(Math.abs(leftMs) / dayMs);
  const span = days === 0 ? "less than a day" : days === 1 ? "1 day" : `${days} days`;
  return leftMs >= 0 ? `the certificate expires in ${span}` : `the certificate expired ${span} ago`;
}
