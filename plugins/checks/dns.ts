/**
 * DNS: a question is answered with the expected code, and the answer holds what it must. Over TCP, over UDP where a vantage point can, and over
 * HTTPS (RFC 8484). A UDP answer that is truncated is asked for again over TCP, as every resolver does.
 */
import { type CheckPlugin, type CheckTarget, failed, pass } from "../../domain/check.ts";
import type { Capability } from "../../domain/vantage-point.ts";
import { askOverHttps, byName } from "./dns-https.ts";
import type { DnsQuestion } from "./dns-message.ts";
import { type DnsSpec, dnsSpec } from "./dns-spec.ts";
import { askOverTcp, askOverUdp } from "./dns-transport.ts";
import { portNeed, privateNeed } from "./needs.ts";
import { shown } from "./shown.ts";

export const dns: CheckPlugin<typeof dnsSpec> = {
  type: "DNS",
  title: "A DNS server answers a question as expected",
  spec: dnsSpec,
  examples: [
    { title: "a name server knows a name", spec: { dns_name: "www.example.com." } },
    {
      title: "a zone's mail goes where it should",
      spec: { dns_name: "example.com.", dns_type: "MX", dns_answers: ["10 mail.example.com."] },
    },
    { title: "a resolver refuses what it should not know", spec: { dns_name: "no.example.com.", dns_rcode: "NXDOMAIN", transport: "udp" } },
    { title: "a resolver over HTTPS", spec: { dns_name: "www.example.com.", dns_type: "AAAA", transport: "doh" } },
  ],
  needs: (spec, target) => [...transportNeed(spec, target), ...portNeed(target?.port ?? spec.port), ...privateNeed(target)],

  async run(spec, target, io) {
    const startedAt = io.now();
    const ask = { tcp: askOverTcp, udp: askOverUdp, doh: askOverHttps }[spec.transport];
    return ask(questionOf(spec), target, spec.port, io, ({ rcode, answers }, note) => {
      const latencyMs = io.now() - startedAt;
      if (rcode !== spec.dns_rcode) return failed(latencyMs, `expected ${spec.dns_rcode}, got ${shown(rcode)}${note}`);
      const absent = spec.dns_answers.find((expected) => !answers.includes(expected));
      if (absent === undefined) return pass(latencyMs, `${rcode}, ${counted(answers.length)}${note}`);
      const there = answers.length === 0 ? `which has no ${spec.dns_type} record` : shown(answers.join(", "), 90);
      return failed(latencyMs, `${shown(absent, 60)} is not in the answer: ${there}`);
    });
  },
};

const transportNeed = (spec: DnsSpec, target: CheckTarget | null): readonly Capability[] => {
  if (spec.transport === "tcp") return ["tcp"];
  // A truncated answer is asked for again over TCP.
  if (spec.transport === "udp") return ["udp", "tcp"];
  return target === null || byName(target, spec.port) ? ["https_name"] : ["tls"];
};

/** RFC 8484, 4.1: the id is 0 over HTTPS. Elsewhere nobody should guess it. */
const questionOf = ({ dns_name, dns_type, transport }: DnsSpec): DnsQuestion => ({
  id: transport === "doh" ? 0 : (crypto.getRandomValues(new Uint16Array(1))[0] ?? 0),
  name: dns_name,
  type: dns_type,
});

const counted = (answers: number): string => (answers === 1 ? "1 answer" : `${answers === 0 ? "no" : answers} answers`);
