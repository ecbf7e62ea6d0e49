/**
 * TSIG (RFC 8945): a message signed with a secret that both sides have, by WebCrypto, and the answer to it verified. Of one message and one answer,
 * not of a chain of them. An answer that is not signed is told apart, with what it says went wrong: what it is worth is for the caller.
 */
import { fail, ok, type Result } from "../../domain/result.ts";
import { wireName } from "./dns-update.ts";
import { readName, recordsIn } from "./dns-walk.ts";

export const tsigAlgorithms = ["hmac-sha256", "hmac-sha512"] as const;
export type TsigAlgorithm = (typeof tsigAlgorithms)[number];

/** `name` is canonical, with its trailing dot. */
export type TsigKey = { readonly name: string; readonly algorithm: TsigAlgorithm; readonly secret: CryptoKey };

/** RFC 8945, 10: the recommended difference between clocks. */
export const fudgeSeconds = 300;

const typeTsig = 250;
const classAny = 255;
const macBytes: Readonly<Record<TsigAlgorithm, number>> = { "hmac-sha256": 32, "hmac-sha512": 64 };
const hashes: Readonly<Record<TsigAlgorithm, string>> = { "hmac-sha256": "SHA-256", "hmac-sha512": "SHA-512" };

export async function tsigKey(name: string, algorithm: TsigAlgorithm, secret: Uint8Array): Promise<TsigKey> {
  const imported = await crypto.subtle.importKey("raw", secret, { name: "HMAC", hash: hashes[algorithm] }, false, ["sign", "verify"]);
  return { name, algorithm, secret: imported };
}

export type Signed = { readonly bytes: Uint8Array; readonly mac: Uint8Array };

/** `now`: Unix seconds. How much longer it becomes: `tsigBytes`. */
export async function sign(message: Uint8Array, key: TsigKey, now: number): Promise<Signed> {
  const record = { time: now, fudge: fudgeSeconds, error: 0, other: new Uint8Array() };
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key.secret, joined([message, variables(key, record)])));
  const id = message.subarray(0, 2);
  const data = joined([
    wireName(`${key.algorithm}.`),
    u48(record.time),
    u16(record.fudge),
    u16(mac.length),
    mac,
    id,
    u16(record.error),
    u16(0),
  ]);
  const bytes = joined([message, wireName(key.name), u16(typeTsig), u16(classAny), u16(0), u16(0), u16(data.length), data]);
  const view = new DataView(bytes.buffer);
  view.setUint16(10, view.getUint16(10) + 1);
  return { bytes, mac };
}

export const tsigBytes = ({ name, algorithm }: Pick<TsigKey, "name" | "algorithm">): number =>
  wireName(name).length + 10 + wireName(`${algorithm}.`).length + 16 + macBytes[algorithm];

export type Verified = {
  /** Without its signature. */
  readonly message: Uint8Array;
  readonly isSigned: boolean;
  readonly error: TsigError | null;
};
/** What the server found wrong with our signature. `serverTime`: Unix seconds, where it says so with BADTIME. */
export type TsigError = { readonly name: string; readonly serverTime: number | null };

/**
 * The answer to a request with this MAC. Fails, in words, where it is signed and the signature is not right, or not from now: then nothing of it
 * is to be believed. Not signed are answers without a signature, and those to a signature that the server could not verify (5.3.2).
 */
export async function verify(answer: Uint8Array, key: TsigKey, requestMac: Uint8Array, now: number): Promise<Result<Verified, string>> {
  const found = tsigIn(answer);
  if (found === "malformed") return fail("the answer is not a valid DNS message");
  if (found === null) return ok({ message: answer, isSigned: false, error: null });
  const { record, message } = found;
  const error = record.error === 0 ? null : { name: errorNames[record.error] ?? `TSIG error ${record.error}`, serverTime: timeIn(record) };
  if (record.mac.length === 0) {
    return error === null ? fail("the answer's signature is empty") : ok({ message, isSigned: false, error });
  }
  if (record.name !== key.name || record.algorithm !== `${key.algorithm}.`) return fail("the answer is signed with another key");
  // 5.2.2.1 lets a server send less of it; none does unasked.
  if (record.mac.length !== macBytes[key.algorithm]) return fail("the answer's signature is cut short");
  const digested = joined([u16(requestMac.length), requestMac, message, variables(key, record)]);
  if (!(await crypto.subtle.verify("HMAC", key.secret, record.mac, digested))) return fail("the answer's signature is wrong");
  if (Math.abs(record.time - now) > Math.max(record.fudge, fudgeSeconds)) {
    return fail(`the answer was signed ${Math.abs(record.time - now)} s ${record.time < now ? "ago" : "ahead of this clock"}`);
  }
  return ok({ message, isSigned: true, error });
}

const errorNames: Readonly<Record<number, string>> = { 16: "BADSIG", 17: "BADKEY", 18: "BADTIME", 22: "BADTRUNC" };

type TsigRecord = {
  readonly name: string;
  readonly algorithm: string;
  readonly time: number;
  readonly fudge: number;
  readonly mac: Uint8Array;
  readonly error: number;
  readonly other: Uint8Array;
};

/** The last record, where it is a signature, and the message as it was before it was signed (4.3.2). Null: it is none. */
function tsigIn(bytes: Uint8Array): { readonly record: TsigRecord; readonly message: Uint8Array } | null | "malformed" {
  const records = recordsIn(bytes);
  if (records === null) return "malformed";
  const at = records.findIndex(({ type }) => type === typeTsig);
  const last = records.at(-1);
  if (at === -1 || last === undefined) return null;
  if (at !== records.length - 1 || last.section !== "additional") return "malformed";
  const name = readName(bytes, last.start);
  const algorithm = readName(bytes, last.data);
  if (name === null || algorithm === null || algorithm.end + 16 > last.end) return "malformed";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Class and TTL are signed as what they must be (4.2).
  if (view.getUint16(last.data - 8) !== classAny || view.getUint32(last.data - 6) !== 0) return "malformed";
  const start = algorithm.end;
  const macEnd = start + 10 + view.getUint16(start + 8);
  if (macEnd + 6 > last.end || macEnd + 6 + view.getUint16(macEnd + 4) !== last.end) return "malformed";
  const record = {
    name: name.name,
    algorithm: algorithm.name,
    time: view.getUint16(start) * 2 ** 32 + view.getUint32(start + 2),
    fudge: view.getUint16(start + 6),
    mac: bytes.slice(start + 10, macEnd),
    error: view.getUint16(macEnd + 2),
    other: bytes.slice(macEnd + 6, last.end),
  };
  const message = bytes.slice(0, last.start);
  const head = new DataView(message.buffer);
  head.setUint16(0, view.getUint16(macEnd));
  head.setUint16(10, head.getUint16(10) - 1);
  return { record, message };
}

/** 4.3.3: what is signed beside the message. */
const variables = (
  { name, algorithm }: Pick<TsigKey, "name" | "algorithm">,
  { time, fudge, error, other }: Pick<TsigRecord, "time" | "fudge" | "error" | "other">,
): Uint8Array =>
  joined([
    wireName(name),
    u16(classAny),
    u16(0),
    u16(0),
    wireName(`${algorithm}.`),
    u48(time),
    u16(fudge),
    u16(error),
    u16(other.length),
    other,
  ]);

/** 5.2.3: with BADTIME the server's own clock. */
const timeIn = ({ other }: Pick<TsigRecord, "other">): number | null =>
  other.length === 6 ? other.reduce((sum, byte) => sum * 256 + byte, 0) : null;

const u16 = (value: number): Uint8Array => Uint8Array.from([value >> 8, value & 0xff]);
const u48 = (value: number): Uint8Array => Uint8Array.from([40, 32, 24, 16, 8, 0].map((bits) => Math.floor(value / 2 ** bits) & 0xff));

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
