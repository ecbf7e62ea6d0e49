/** Name servers that take DNS UPDATE as subjects: BIND with one algorithm, Knot with the other. Others work beside it with nsupdate and dig. */
import { rfc2136 } from "../../../plugins/backends/rfc2136.ts";
import { startBind } from "../../servers/bind.ts";
import { dig } from "../../servers/dig.ts";
import { startKnot } from "../../servers/knot.ts";
import { keyOption, nsupdate, type TsigKeys, type UpdateServer } from "../../servers/update-zone.ts";
import { nodeIo } from "../node-io.ts";
import type { Subject, SubjectKind, ZoneRecord } from "../subject.ts";

const noHttp = "It speaks DNS: a name server has no 429 and no Retry-After.";
const opcodeUpdate = 5;

export const bind: SubjectKind = {
  name: "bind",
  provider: "rfc2136",
  against: "BIND 9.18, hmac-sha256",
  needs: ["bind", "dig"],
  cannot: { busy: noHttp },
  start: async () => subjectOf(await startBind(), "sha256"),
};

export const knot: SubjectKind = {
  name: "knot",
  provider: "rfc2136",
  against: "Knot DNS 3.2, hmac-sha512",
  needs: ["knot", "dig"],
  cannot: { busy: noHttp },
  start: async () => subjectOf(await startKnot(), "sha512"),
};

function subjectOf(server: UpdateServer, which: keyof TsigKeys): Subject {
  const { port, zone, keys } = server;
  const { name, algorithm, secret } = keys[which];
  const transfer = async (): Promise<ZoneRecord[]> => {
    const { records } = await dig(server, zone, "AXFR", { tcp: true, more: ["-y", keyOption(keys.sha256)] });
    return records.map((record) => ({ ...record }));
  };
  return {
    plugin: rfc2136,
    settings: { server: "127.0.0.1", port, key_name: name, algorithm },
    credentials: { key_secret: secret },
    wrongCredentials: { key_secret: keys.other.secret },
    io: nodeIo,
    zone,
    missingZone: "missing.test.",
    dump: transfer,
    byHand: (fqdn, type, ttl, values) =>
      nsupdate(server, [`update delete ${fqdn} ${type}`, ...values.map((data) => `update add ${fqdn} ${ttl} ${type} ${data}`)]),
    resolve: async (fqdn, type) => {
      const { records } = await dig(server, fqdn, type);
      return records.filter((record) => record.name === fqdn && record.type === type).map(({ data, ttl }) => ({ data, ttl }));
    },
    away: server.away,
    back: server.back,
    // Behind two bytes of length and two of the id.
    isWriteMessage: (first) => (((first[4] ?? 0) >> 3) & 0xf) === opcodeUpdate,
    stop: server.stop,
  };
}
