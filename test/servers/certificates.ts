/**
 * Certificates for tests, made by openssl in a folder: an authority of one's own, another one that nobody trusts, and server certificates that are
 * right, expired, soon to expire, for another name, signed by themselves, with an RSA key; and a client's.
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { pathOf } from "./installed.ts";

const names = ["good", "rsa", "expired", "soon", "wrong-name", "self-signed", "other-ca", "client"] as const;
export type CertificateName = (typeof names)[number];

/** The names and addresses that every server certificate has, but the one for the wrong name. */
export const serverName = "web.gslb.test";
const alternatives = `DNS:localhost,DNS:${serverName},IP:127.0.0.1,IP:127.0.0.2,IP:127.0.0.3`;

export type Certificates = {
  /** PEM of the authority that signed them, of another one, and of the self-signed certificate. */
  readonly ca: string;
  readonly otherCa: string;
  readonly selfSigned: string;
  /** Paths, for a server's configuration. */
  readonly paths: Readonly<Record<CertificateName, { readonly certificate: string; readonly key: string }>> & { readonly ca: string };
};

const run = promisify(execFile);

export async function makeCertificates(folder: string): Promise<Certificates> {
  const openssl = async (...args: string[]) => {
    await run(pathOf("openssl") ?? "openssl", args, { cwd: folder });
  };
  const key = (name: string, rsa: boolean) =>
    rsa
      ? openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", `${name}.key`)
      : openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", `${name}.key`);
  const authority = async (name: string) => {
    await key(name, false);
    const extensions = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"];
    await openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      `${name}.key`,
      "-subj",
      `/CN=${name}`,
      "-days",
      "90",
      ...extensions,
      "-out",
      `${name}.crt`,
    );
  };
  const signed = async (name: CertificateName, from: number, to: number, san: string, signer: string | null = "ca") => {
    await key(name, name === "rsa");
    await openssl("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    await writeFile(join(folder, `${name}.ext`), `subjectAltName=${san}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    await writeFile(join(folder, `${name}.cnf`), authorityFile(name));
    await writeFile(join(folder, `${name}.index`), "");
    const by = signer === null ? ["-selfsign", "-keyfile", `${name}.key`] : ["-cert", `${signer}.crt`, "-keyfile", `${signer}.key`];
    const dates = ["-startdate", openSslDate(from), "-enddate", openSslDate(to)];
    const files = ["-in", `${name}.csr`, "-extfile", `${name}.ext`, "-out", `${name}.crt`];
    // `openssl x509` of Debian 12 takes no dates; `openssl ca` does.
    await openssl("ca", "-batch", "-notext", "-config", `${name}.cnf`, "-outdir", ".", ...by, ...dates, ...files);
  };

  await Promise.all([authority("ca"), authority("unknown-ca")]);
  const [past, now] = [Date.now() - 400 * dayMs, Date.now() - dayMs];
  await Promise.all([
    signed("good", now, now + 60 * dayMs, alternatives),
    signed("rsa", now, now + 60 * dayMs, alternatives),
    signed("expired", past, past + 30 * dayMs, alternatives),
    signed("soon", now, now + 6 * dayMs, alternatives),
    signed("wrong-name", now, now + 60 * dayMs, "DNS:other.invalid"),
    signed("self-signed", now, now + 60 * dayMs, alternatives, null),
    signed("other-ca", now, now + 60 * dayMs, alternatives, "unknown-ca"),
    signed("client", now, now + 60 * dayMs, "DNS:client.gslb.test"),
  ]);
  const text = (name: string) => readFile(join(folder, `${name}.crt`), "utf8");
  const pair = (name: CertificateName) => [name, { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }] as const;
  const pairs = Object.fromEntries(names.map(pair)) as Record<CertificateName, { certificate: string; key: string }>;
  return {
    ca: await text("ca"),
    otherCa: await text("unknown-ca"),
    selfSigned: await text("self-signed"),
    paths: { ...pairs, ca: join(folder, "ca.crt") },
  };
}

const dayMs = 86_400_000;
/** 20260101000000Z */
const openSslDate = (ms: number) => `${new Date(ms).toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`;

/** One for each certificate, so that they can be made side by side. */
const authorityFile = (name: string) => `[ca]
default_ca = authority
[authority]
database = ${name}.index
rand_serial = yes
new_certs_dir = .
default_md = sha256
policy = anything
unique_subject = no
[anything]
commonName = supplied
`;
