/** A resolver over HTTPS with records of its own, as `fetch` meets it. */
import { Buffer } from "node:buffer";
import { type Answer, decode, encode, type Packet } from "dns-packet";

export class ResolverDouble {
  records: Answer[] = [];
  rcode = 0;
  /** What was asked, with the type, in order. */
  asked: string[] = [];
  /** What it does instead of an answer; null: it answers. */
  broken: (() => Promise<Response>) | null = null;

  readonly fetch = (async (input: string, init: RequestInit) => {
    if (this.broken !== null) return this.broken();
    const query = decode(Buffer.from(new URL(input).searchParams.get("dns") ?? "", "base64url"));
    const [question] = query.questions ?? [];
    if (question === undefined || (init.headers as Record<string, string>).Accept !== "application/dns-message")
      return new Response(null, { status: 400 });
    this.asked.push(`${question.name} ${question.type}`);
    const answers = this.records.filter((record) => record.type === question.type || record.type === "CNAME");
    const packet: Packet = { type: "response", id: 0, flags: this.rcode, questions: [question], answers };
    return new Response(new Uint8Array(encode(packet)), { headers: { "Content-Type": "application/dns-message" } });
  }) as unknown as typeof fetch;
}

export const a = (data: string, ttl = 30, at = "origin.example.net"): Answer => ({ type: "A", name: at, ttl, data });
