import { describe, expect, it } from "vitest";
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { ecPem, ed25519Pem, rsaPem } from "./certificates.fixture.ts";
import { expiryWarning, tlsFields } from "./tls-fields.ts";

const fields = z.strictObject(tlsFields);
const refusal = (spec: object): string | null => fields.safeParse(spec).error?.issues[0]?.message ?? null;

describe("the fields about TLS", () => {
  it("ask for a verified certificate of the host, by default", () => {
    expect(fields.parse({})).toEqual({ sni: null, ca_cert: null, insecure: false, min_days_valid: 0 });
  });

  it("take a name to send, and no address", () => {
    expect(fields.parse({ sni: "WWW.example.com." }).sni).toBe("www.example.com");
    for (const sni of ["192.0.2.1", "2001:db8::1", "", "a b", "a..b"]) expect(refusal({ sni })).toMatch(/^must be a host name/);
  });

  it("take certificates in PEM, one or several, with either line break", () => {
    for (const ca_cert of [rsaPem, `\n${ecPem}\n\n${ed25519Pem}\n`, `ours:\n${rsaPem}`.replaceAll("\n", "\r\n")]) {
      expect(fields.parse({ ca_cert }).ca_cert).toBe(ca_cert);
    }
  });

  it.each([
    ["nothing", ""],
    ["a word", "certificate"],
    ["a key", ecPem.replaceAll("CERTIFICATE", "PRIVATE KEY")],
    ["a key after a certificate", `${ecPem}\n${ecPem.replaceAll("CERTIFICATE", "PRIVATE KEY")}`],
    ["a block without an end", ecPem.slice(0, -30)],
    ["an empty block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----"],
  ])("refuse %s", (_title, ca_cert) => {
    expect(refusal({ ca_cert })).toMatch(/^must be PEM/);
  });

  it("say which block is no certificate", () => {
    const cut = rsaPem.split("\n").toSpliced(5, 1).join("\n");
    expect(refusal({ ca_cert: cut })).toBe("is not a readable certificate (block 1)");
    expect(refusal({ ca_cert: `${ecPem}${cut}${ed25519Pem}` })).toBe("is not a readable certificate (block 2)");
    expect(refusal({ ca_cert: ecPem.replace("MII", "%II") })).toBe("is not a readable certificate (block 1)");
  });

  it("refuse more than 32 KiB, and take no longer for blanks without end", () => {
    expect(refusal({ ca_cert: rsaPem.repeat(30) })).toBe(`must be at most ${limits.caCertBytes} bytes`);
    expect(refusal({ ca_cert: `${ecPem}${" \n".repeat(15_000)}-----BEGIN PRIVATE KEY-----` })).toMatch(/^must be PEM/);
  });
});

describe("a certificate that ends soon", () => {
  const day = 86_400_000;
  const now = Date.UTC(2026, 10, 22);
  const warning = (leftMs: number, minDays: number) => expiryWarning({ notAfter: now + leftMs, subject: "" }, minDays, now);

  it("is a warning once less than the wanted time is left", () => {
    expect(warning(30 * day, 30)).toBeNull();
    expect(warning(30 * day - 1, 30)).toBe("the certificate expires in 29 days");
    expect(warning(day, 30)).toBe("the certificate expires in 1 day");
    expect(warning(1, 30)).toBe("the certificate expires in less than a day");
    expect(warning(-1, 30)).toBe("the certificate expired less than a day ago");
    expect(warning(-3 * day, 1)).toBe("the certificate expired 3 days ago");
  });

  it("is none where nobody asked, or where no certificate was seen", () => {
    expect(warning(-day, 0)).toBeNull();
    expect(expiryWarning(null, 30, now)).toBeNull();
  });
});
