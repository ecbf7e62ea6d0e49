/** DNS over TCP and UDP: response codes, answers, and what is no answer. The same questions to both transports. */
import { decode, encode, type Packet } from "dns-packet";
import { type Case, closes, type Echo, host, type Lab, nothing, type Talk } from "./case.ts";
import { dnsModule } from "./translate.ts";

type Spec = Readonly<Record<string, unknown>>;
type Transport = "tcp" | "udp";
/** What a name server of the case's own answers to a query; null: nothing. */
type Reply = (query: Buffer) => Buffer | null;

const dns = (
  transport: Transport,
  title: string,
  server: ((lab: Lab) => number) | Reply | Talk,
  spec: Spec,
  verdict: Case["verdict"],
): Case => {
  const own = typeof server === "object" ? server : isReply(server) ? (transport === "tcp" ? overTcp(server) : overUdp(server)) : null;
  const port = (lab: Lab, ownPort: number) => (own === null ? (server as (lab: Lab) => number)(lab) : ownPort);
  const asked = { ...spec, transport };
  return {
    group: `DNS over ${transport.toUpperCase()}`,
    title,
    server: own,
    ours: { type: "DNS", spec: (lab, ownPort) => ({ ...asked, port: port(lab, ownPort) }), port },
    theirs: (lab, ownPort) => ({ module: dnsModule(asked), target: `${host}:${port(lab, ownPort)}` }),
    verdict,
  };
};

/** A reply takes the query; what names a port of the lab takes the lab. */
const replies = new WeakSet<object>();
const isReply = (server: unknown): server is Reply => typeof server === "function" && replies.has(server);
const reply = (make: Reply): Reply => {
  replies.add(make);
  return make;
};

/** Each message has its length in front (RFC 1035, 4.2.2). */
const overTcp = (answer: Reply): Talk => ({
  atOnce: true,
  talk: (socket) =>
    socket.on("data", (bytes: Buffer) => {
      const message = answer(bytes.subarray(2));
      if (message !== null) socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 255]), message]));
    }),
});
const overUdp =
  (answer: Reply): Echo =>
  (query) => {
    const message = answer(query);
    return message === null ? [] : [message];
  };

const made = (change: (query: Packet) => Packet & { rcode?: string }): Reply =>
  reply((bytes) => {
    const query = decode(bytes);
    return encode({ ...change({ ...query, type: "response" }), additionals: [] });
  });
const code = (rcode: number): Reply => made((query) => ({ ...query, flags: rcode }));
const otherId = made((query) => ({ ...query, id: ((query.id ?? 0) + 1) & 0xffff }));
const silent = reply(() => null);
const garbage = reply(() => Buffer.from("this is no message of DNS"));
const tooShort = reply((bytes) => bytes.subarray(0, 5));
/** Of another type than was asked for. */
const otherType = made((query) => ({ ...query, answers: [{ type: "TXT", name: "www.gslb.test", ttl: 5, data: "192.0.2.10" }] }));

const knot = (lab: Lab): number => lab.knot.port;
const closed = (lab: Lab): number => lab.closedPort;
const frozen = (lab: Lab): number => lab.frozenPort;
const web = (lab: Lab): number => lab.nginx.http;
const www = { dns_name: "www.gslb.test." };

const both = (["tcp", "udp"] as const).flatMap((transport): Case[] => {
  const ask = (...rest: [string, Parameters<typeof dns>[2], Spec, Case["verdict"]]) => dns(transport, ...rest);
  return [
    ask("NOERROR with addresses", knot, www, "pass"),
    ask("the address is among the answers", knot, { ...www, dns_answers: ["192.0.2.11"] }, "pass"),
    ask("the address is not among the answers", knot, { ...www, dns_answers: ["192.0.2.12"] }, "fail"),
    ask("an address that is the beginning of an answer", knot, { ...www, dns_answers: ["192.0.2.1"] }, "fail"),
    ask("AAAA", knot, { ...www, dns_type: "AAAA", dns_answers: ["2001:db8::10"] }, "pass"),
    ask("an alias, and the address behind it", knot, { dns_name: "alias.gslb.test.", dns_answers: ["192.0.2.10"] }, "pass"),
    ask("TXT", knot, { dns_name: "text.gslb.test.", dns_type: "TXT", dns_answers: ["kosmos was here"] }, "pass"),
    ask("NOERROR without a record, and none is named", knot, { dns_name: "text.gslb.test." }, "pass"),
    ask("NOERROR without a record, and one is named", knot, { dns_name: "text.gslb.test.", dns_answers: ["192.0.2.10"] }, "fail"),
    ask("NXDOMAIN", knot, { dns_name: "none.gslb.test." }, "fail"),
    ask("NXDOMAIN, and it is expected", knot, { dns_name: "none.gslb.test.", dns_rcode: "NXDOMAIN" }, "pass"),
    ask("NOERROR, and NXDOMAIN is expected", knot, { ...www, dns_rcode: "NXDOMAIN" }, "fail"),
    ask("REFUSED: another's zone", knot, { dns_name: "www.example.net." }, "fail"),
    ask("REFUSED, and it is expected", knot, { dns_name: "www.example.net.", dns_rcode: "REFUSED" }, "pass"),
    ask("SERVFAIL", code(2), www, "fail"),
    ask(
      "a record of another type has the text",
      otherType,
      { ...www, dns_answers: ["192.0.2.10"] },
      {
        kosmos: "fail",
        blackbox: "pass",
        because: "Kosmos compares records of the type that was asked for; blackbox_exporter looks for a text in all of them.",
      },
    ),
    ask("an answer to another question", otherId, www, "fail"),
    ask("no answer", silent, www, "fail"),
    ask("an answer that is no message", garbage, www, "fail"),
    ask("an answer of five bytes", tooShort, www, "fail"),
    ask("nobody listens", closed, www, "fail"),
  ];
});

/** A length, and less than that. */
const half: Talk = { atOnce: false, talk: (socket) => socket.end(Buffer.from([0, 50, 1, 2, 3])) };

export const dnsCases: readonly Case[] = [
  ...both,
  dns("tcp", "a message that breaks off", half, www, "fail"),
  dns("tcp", "closed when it opened", closes, www, "fail"),
  dns("tcp", "a web server", web, www, "fail"),
  dns("tcp", "no handshake of TCP ends", frozen, www, "fail"),
  dns("tcp", "silence after the connection", nothing, www, "fail"),
];
