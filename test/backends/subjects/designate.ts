/** Designate as a subject: a real Keystone says who we are, and a real PowerDNS answers what Designate hands it. */
import { designate as plugin } from "../../../plugins/backends/designate.ts";
import { type Designate, startDesignate } from "../../servers/designate.ts";
import { dig } from "../../servers/dig.ts";
import { type Keystone, startKeystone } from "../../servers/keystone.ts";
import { until } from "../../system/until.ts";
import { nodeIo } from "../node-io.ts";
import type { Subject, SubjectKind, ZoneRecord } from "../subject.ts";

const zone = "gslb.test.";
/** The worker asks PowerDNS for a change at once, and again a second later; a zone of names takes it longer. */
const patienceMs = 20_000;
type Recordset = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly ttl: number | null;
  readonly records: string[];
};

export const designate: SubjectKind = {
  name: "designate",
  provider: "designate",
  against: "Designate 15, Keystone 22, PowerDNS 4.7",
  needs: ["keystone", "designate", "mariadb", "pdns", "dig"],
  cannot: {},
  timeoutMs: 180_000,
  start: async (): Promise<Subject> => {
    const keystone = await startKeystone();
    const designate = await startDesignate({ keystone }).catch(async (error: unknown) => {
      await keystone.stop();
      throw error;
    });
    const stop = async () => {
      await designate.stop();
      await keystone.stop();
    };
    try {
      return { ...(await inZone(keystone, designate)), stop };
    } catch (error) {
      await stop();
      throw error;
    }
  },
};

async function inZone(keystone: Keystone, designate: Designate): Promise<Omit<Subject, "stop">> {
  const headers = { "X-Auth-Token": await keystone.token(keystone.user) };
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await designate.call(method, path, body, headers);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const { id } = await call("POST", "/v2/zones", { name: zone, email: "hostmaster@gslb.test", ttl: 3600 });
  const recordsets = `/v2/zones/${id}/recordsets`;
  const isLive = () =>
    until(async () => (await call("GET", `/v2/zones/${id}`)).status, {
      what: "the zone to be live",
      is: (status) => status === "ACTIVE",
      timeoutMs: patienceMs,
    });
  const at = async (fqdn: string, type: string): Promise<Recordset | undefined> =>
    (await call("GET", `${recordsets}?${new URLSearchParams({ name: fqdn, type })}`)).recordsets[0];
  const byHand = async (fqdn: string, type: string, ttl: number, values: readonly string[]) => {
    const old = await at(fqdn, type);
    if (values.length > 0) {
      if (old === undefined) await call("POST", recordsets, { name: fqdn, type, ttl, records: values });
      else await call("PUT", `${recordsets}/${old.id}`, { ttl, records: values });
    } else if (old !== undefined) await call("DELETE", `${recordsets}/${old.id}`);
  };
  await byHand(zone, "MX", 3600, ["10 mail.example.net."]);
  await byHand(`mail.${zone}`, "A", 3600, ["203.0.113.25"]);
  await isLive();
  const { id: application_credential_id, secret: application_credential_secret } = keystone.applicationCredential;
  return {
    plugin,
    settings: { endpoint: designate.url, auth_url: keystone.url },
    credentials: { application_credential_id, application_credential_secret },
    wrongCredentials: { application_credential_id, application_credential_secret: "not its secret" },
    io: nodeIo,
    zone,
    missingZone: "missing.test.",
    dump: async () => {
      const all: Recordset[] = [];
      for (;;) {
        const { recordsets: page } = await call("GET", `${recordsets}?limit=1000${all.length === 0 ? "" : `&marker=${all.at(-1)?.id}`}`);
        if (page.length === 0) break;
        all.push(...page);
      }
      return all.flatMap(({ name, type, ttl, records }) => records.map((data): ZoneRecord => ({ name, type, ttl: ttl ?? 3600, data })));
    },
    byHand,
    resolve: async (fqdn, type) => {
      const { records } = await dig({ port: designate.dnsPort }, fqdn, type);
      return records.filter((record) => record.type === type).map(({ data, ttl }) => ({ data, ttl }));
    },
    away: designate.down,
    back: designate.up,
    // Who asks for a token changes nothing.
    isWrite: (method, url) => method !== "GET" && !url.startsWith(keystone.url),
    many: 40,
    patienceMs,
  };
}
