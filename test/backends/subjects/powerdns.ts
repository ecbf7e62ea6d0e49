/** PowerDNS Authoritative of Debian, over SQLite. Others write through its own API; clients ask with dig. */
import { powerdns as plugin } from "../../../plugins/backends/powerdns.ts";
import { dig } from "../../servers/dig.ts";
import { startPdns } from "../../servers/pdns.ts";
import { nodeIo } from "../node-io.ts";
import type { Subject, SubjectKind } from "../subject.ts";

const zone = "gslb.test.";
const enabled = (content: string) => ({ content, disabled: false });

export const powerdns: SubjectKind = {
  name: "powerdns",
  provider: "powerdns",
  against: "PowerDNS Authoritative of Debian, SQLite",
  needs: ["pdns", "dig"],
  cannot: {},
  start: async (): Promise<Subject> => {
    const pdns = await startPdns();
    await pdns.makeZone(zone, {
      rrsets: [
        { name: zone, type: "MX", ttl: 300, records: [enabled("10 mail.example.net.")] },
        { name: zone, type: "TXT", ttl: 300, records: [enabled('"v=spf1 -all"')] },
        { name: `ns1.${zone}`, type: "A", ttl: 300, records: [enabled("127.0.0.1")] },
        { name: `*.wild.${zone}`, type: "A", ttl: 300, records: [enabled("203.0.113.5")] },
        { name: `sub.${zone}`, type: "NS", ttl: 300, records: [enabled("ns.example.net.")] },
      ],
    });
    return {
      plugin,
      settings: { api_url: pdns.apiUrl },
      credentials: { api_key: pdns.apiKey },
      wrongCredentials: { api_key: "not-the-key-of-this-server" },
      io: nodeIo,
      zone,
      missingZone: "missing.test.",
      dump: async () =>
        (await pdns.rrsets(zone)).flatMap(({ name, type, ttl, records }) =>
          records.map(({ content }) => ({ name, type, ttl, data: content })),
        ),
      byHand: (name, type, ttl, values) => pdns.put(zone, { name, type, ttl, values }),
      resolve: async (fqdn, type) => (await dig(pdns, fqdn, type)).records.filter((record) => record.type === type),
      away: pdns.away,
      back: pdns.back,
      stop: pdns.stop,
    };
  },
};
