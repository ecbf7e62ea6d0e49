/** Asks a resolver for a name's addresses, over HTTPS (RFC 8484). Whatever comes back, nothing here throws. */
import { Buffer } from "node:buffer";
import { type Answer, type DecodedPacket, decode, encode, RECURSION_DESIRED } from "dns-packet";
import { canonicalAddress } from "../../domain/address.ts";
import { limits } from "../../domain/limits.ts";
import type { Heard } from "../../domain/resolution.ts";

const mediaType = "application/dns-message";
type Family = "A" | "AAAA";

/** The addresses at the name, or where its aliases lead to; none where it has none. `fetch` ends by `signal`. */
export async function askFor(name: string, type: Family, url: string, fetch: typeof globalThis.fetch, signal: AbortSignal): Promise<Heard> {
  // RFC 8484, 4.1: the id is 0, so that caches on the way can help.
  const query = encode({ type: "query", id: 0, flags: RECURSION_DESIRED, questions: [{ type, name: name.replace(/\.$/, "") }] });
  if (!URL.canParse(url)) return failed("KOSMOS_RESOLVER_URL is no URL");
  const asked = new URL(url);
  asked.searchParams.set("dns", Buffer.from(query).toString("base64url"));
  try {
    const response = await fetch(asked.toString(), { headers: { Accept: mediaType }, redirect: "manual", signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      return failed(`the resolver answered with status ${response.status}`);
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (bytes.length > limits.dnsMessageBytes) return failed("the resolver's answer is too long");
    return heardIn(bytes, name, type);
  } catch (error) {
    return failed(signal.aborted ? "the resolver did not answer in time" : `the resolver did not answer: ${words(error)}`);
  }
}

function heardIn(bytes: Uint8Array, name: string, type: Family): Heard {
  const message = decoded(bytes);
  if (message === null || !message.flag_qr) return failed("the resolver's answer is no DNS message");
  const { rcode } = message as unknown as { rcode: string };
  if (rcode !== "NOERROR" && rcode !== "NXDOMAIN") return failed(`the resolver said ${rcode}`);
  const [question] = message.questions ?? [];
  if (question?.type !== type || canonical(question.name) !== canonical(name)) return failed("the resolver answered another question");
  const used = chain(message.answers ?? [], canonical(name), type);
  const addresses = used.flatMap((record) =>
    "data" in record && record.type === type ? (canonicalAddress(String(record.data)) ?? []) : [],
  );
  const ttls = used.map((record) => ("ttl" in record ? (record.ttl ?? 0) : 0));
  return { ok: true, addresses, ttlSeconds: Math.max(0, Math.min(...ttls, limits.resolveMaxSeconds)) };
}

/** The aliases from the name on, and the addresses at their end: an answer lasts as long as the shortest of them. */
function chain(answers: readonly Answer[], name: string, type: Family): Answer[] {
  const owners = new Set([name]);
  const aliases = answers.flatMap((record) => (record.type === "CNAME" ? [[canonical(record.name), canonical(record.data)] as const] : []));
  // A set grows while it is walked; each name is walked once, so a circle of aliases ends.
  for (const owner of owners) for (const [alias, to] of aliases) if (alias === owner) owners.add(to);
  return answers.filter((record) => (record.type === type || record.type === "CNAME") && owners.has(canonical(record.name)));
}

function decoded(bytes: Uint8Array): DecodedPacket | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const announced = bytes.length < 12 ? Number.POSITIVE_INFINITY : [4, 6, 8, 10].reduce((sum, at) => sum + view.getUint16(at), 0);
  if (announced > limits.dnsRecords) return null;
  try {
    return decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch {
    return null;
  }
}

const canonical = (name: string): string => name.toLowerCase().replace(/\.$/, "");
const failed = (error: string): Heard => ({ ok: false, error });
const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
