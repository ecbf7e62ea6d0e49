import { describe, expect, it } from "vitest";
import { monitorWrite } from "../index.ts";
import { dns } from "./dns.ts";
import { canonicalData, recordTypes } from "./dns-record.ts";
import { dnsSpec } from "./dns-spec.ts";

describe("a DNS monitor", () => {
  const written = (fields: object) => monitorWrite.safeParse({ type: "DNS", dns_name: "www.example.com", ...fields });
  const wrong = (fields: object) => written(fields).error?.issues.map(({ path, message }) => `/${path.join("/")} ${message}`);

  it("has the port of its transport, unless it has one", () => {
    expect(written({}).data).toMatchObject({ port: 53, dns_type: "A", dns_rcode: "NOERROR", dns_answers: [], transport: "tcp" });
    expect(written({ transport: "doh" }).data).toMatchObject({ port: 443 });
    expect(written({ transport: "doh", port: 53 }).data).toMatchObject({ port: 53 });
  });

  it.each([
    [{ dns_name: "a b" }, "/dns_name must be a host name such as www.example.com."],
    [{ dns_type: "ANY" }, `/dns_type must be one of ${recordTypes.join(", ")}`],
    [{ dns_type: 1 }, `/dns_type must be one of ${recordTypes.join(", ")}`],
    [{ transport: "tls" }, "/transport must be one of tcp, udp, doh"],
    [{ dns_answers: ["2001:db8::1"] }, "/dns_answers/0 must be an IPv4 address"],
    [
      { dns_type: "MX", dns_answers: ["10 a.example.", "mail.example."] },
      '/dns_answers/1 must be a preference and a name such as "10 mail.example.com."',
    ],
    [{ dns_answers: [""] }, "/dns_answers/0 must not be empty"],
    [{ dns_answers: "192.0.2.1" }, "/dns_answers must be a list of answers"],
    [{ dns_answers: Array.from({ length: 33 }, () => "192.0.2.1") }, "/dns_answers must have at most 32 elements"],
  ])("%j is refused", (fields, message) => {
    expect(wrong(fields)).toEqual([message]);
  });

  it.each([
    ["A", "192.0.2.1", "192.0.2.1"],
    ["AAAA", "2001:DB8:0::1", "2001:db8::1"],
    ["CNAME", "WWW.Example.com", "www.example.com."],
    ["MX", "010  Mail.example.com", "10 mail.example.com."],
    ["MX", "0 .", "0 ."],
    ["SRV", "0 5 5060 SIP.example.com.", "0 5 5060 sip.example.com."],
    ["SOA", "ns1.example.com hostmaster.example.com 1 2 3 4 5", "ns1.example.com. hostmaster.example.com. 1 2 3 4 5"],
    ["TXT", "v=spf1 -All", "v=spf1 -All"],
    ["CAA", "0 Issue letsencrypt.example", '0 issue "letsencrypt.example"'],
  ] as const)("%s %j is kept as %j", (dns_type, given, kept) => {
    expect(written({ dns_type, dns_answers: [given] }).data).toMatchObject({ dns_answers: [kept] });
    expect(canonicalData(dns_type, kept)).toBe(kept);
  });

  it("needs what its transport needs", () => {
    const needs = (fields: object, host: string | null, hostHeader: string | null = null) =>
      dns.needs(
        dnsSpec.parse({ dns_name: "a.example", ...fields }),
        host === null ? null : { host, port: null, hostHeader, endpoint: host },
      );
    expect(needs({}, "192.0.2.1")).toEqual(["tcp"]);
    expect(needs({ transport: "udp" }, "192.0.2.1")).toEqual(["udp", "tcp"]);
    expect(needs({ transport: "doh" }, null)).toEqual(["https_name"]);
    expect(needs({ transport: "doh" }, "dns.example.")).toEqual(["https_name"]);
    expect(needs({ transport: "doh" }, "dns.example.", "other.example")).toEqual(["tls"]);
    expect(needs({ transport: "doh" }, "192.0.2.1")).toEqual(["tls"]);
    expect(needs({}, "10.0.0.1")).toEqual(["tcp", "private"]);
    expect(needs({ port: 25 }, "192.0.2.1")).toEqual(["tcp", "port_25"]);
  });
});
