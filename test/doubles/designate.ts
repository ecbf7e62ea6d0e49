/**
 * A Designate that is only a `fetch`: one zone in memory, its rules and errors as the real one's (docs.openstack.org/api-ref/dns, and what Designate 15
 * answers), and a hook before each call, for what others do meanwhile and for faults.
 */
import { z } from "zod";

export type DoubleRecordset = {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly records: readonly string[];
  readonly ttl: number | null;
  readonly description: string | null;
  status: string;
};
export type DoubleCall = { readonly method: string; readonly path: string; readonly token: string | null; readonly body: unknown };

export type DesignateDouble = {
  readonly url: string;
  readonly fetch: typeof fetch;
  readonly zone: { id: string; readonly name: string; status: string; type: string };
  readonly recordsets: Map<string, DoubleRecordset>;
  readonly calls: DoubleCall[];
  /** The most that were waiting at a time. */
  most(): number;
  /** What it answers instead; null: nothing. */
  before: (call: DoubleCall) => Response | null | Promise<Response | null>;
  /** Somebody makes a recordset. */
  put(recordset: Omit<DoubleRecordset, "id" | "status" | "description"> & Partial<DoubleRecordset>): DoubleRecordset;
  /** `A www.gslb.test. 192.0.2.1 192.0.2.2`, in order. */
  lines(): string[];
};

const fields = z.strictObject({
  ttl: z.int().min(0).max(2_147_483_647).nullable().optional(),
  records: z.array(z.string()).min(1),
  description: z.string().max(160).nullable().optional(),
});
const creation = fields.extend({ name: z.string().regex(/^[^*].*\.$/), type: z.enum(["A", "AAAA", "CNAME", "TXT", "MX", "NS"]) });
const forms: Readonly<Record<string, RegExp>> = { A: /^\d+(\.\d+){3}$/, AAAA: /^[0-9a-f:]+$/i, CNAME: /\.$/, TXT: /^"[^"]*"$|^\S+$/ };

export type DesignateDoubleOptions = {
  /** Whether a token is good; left out: it asks for none. */
  readonly knows?: (token: string | null) => boolean;
  readonly minTtl?: number;
  readonly recordQuota?: number;
  /** The longest page that it gives, whatever it is asked for. */
  readonly pageMax?: number;
};

export function designateDouble({ knows, minTtl = 0, recordQuota = 20, pageMax = 1_000 }: DesignateDoubleOptions = {}): DesignateDouble {
  let ids = 0;
  let waiting = 0;
  let most = 0;
  const nextId = () => {
    ids += 1;
    return `00000000-0000-4000-8000-${String(ids).padStart(12, "0")}`;
  };
  const json = (status: number, body: unknown) =>
    new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json" } });
  const error = (code: number, type: string, message?: string) => json(code, { code, type, message, request_id: "req-1" });
  const invalid = (path: readonly unknown[], message: string) =>
    json(400, { code: 400, type: "invalid_object", errors: { errors: [{ path, message, validator: "format" }] }, request_id: "req-1" });

  const double: DesignateDouble = {
    url: "http://designate.test:9001",
    zone: { id: nextId(), name: "gslb.test.", status: "ACTIVE", type: "PRIMARY" },
    recordsets: new Map(),
    calls: [],
    most: () => most,
    before: () => null,
    put: (recordset) => {
      const whole = { id: nextId(), status: "ACTIVE", description: null, ...recordset };
      double.recordsets.set(whole.id, whole);
      return whole;
    },
    lines: () => [...double.recordsets.values()].map(({ type, name, records }) => `${type} ${name} ${records.join(" ")}`).toSorted(),
    fetch: (async (input: string, init: RequestInit = {}) => {
      const url = new URL(input);
      const call: DoubleCall = {
        method: init.method ?? "GET",
        path: url.pathname,
        token: new Headers(init.headers).get("X-Auth-Token"),
        body: init.body === undefined ? null : JSON.parse(String(init.body)),
      };
      double.calls.push(call);
      waiting += 1;
      most = Math.max(most, waiting);
      await new Promise((resolve) => setImmediate(resolve));
      waiting -= 1;
      const instead = await double.before(call);
      if (instead !== null) return instead;
      if (knows !== undefined && !knows(call.token)) return json(401, { error: { code: 401, title: "Unauthorized" } });
      return answer(call, url.searchParams);
    }) as typeof fetch,
  };

  const rule = (type: string, name: string, { ttl, records }: z.output<typeof fields>, own: string | null): Response | null => {
    const bad = records.findIndex((record) => forms[type]?.test(record) === false);
    if (bad >= 0) return invalid(["records", bad], `'${records[bad]}' is not a '${type}' Record`);
    if (ttl != null && ttl < minTtl) return error(400, "invalid_ttl", `TTL is below the minimum: ${minTtl}`);
    if (records.length > recordQuota) return error(413, "over_quota", "Quota exceeded for recordset_records.");
    const beside = [...double.recordsets.values()].filter((other) => other.name === name && other.id !== own);
    if (beside.some((other) => other.type === type)) return error(409, "duplicate_recordset", "Duplicate RecordSet");
    const message = "CNAME recordsets may not share a name with any other records";
    if (beside.some((other) => type === "CNAME" || other.type === "CNAME")) return error(400, "invalid_recordset_location", message);
    return null;
  };

  function answer({ method, path, body }: DoubleCall, query: URLSearchParams): Response {
    const { zone, recordsets } = double;
    const shown = { ...zone, ttl: 3600 };
    const [, version, , zoneId, kind, id] = path.split("/");
    if (version !== "v2") return error(404, "not_found");
    if (zoneId === undefined) {
      const name = query.get("name");
      const zones = name === null || name === zone.name ? [shown] : [];
      return json(200, { zones, links: {}, metadata: { total_count: zones.length } });
    }
    if (zoneId !== zone.id) return error(404, "zone_not_found", "Could not find Zone");
    if (kind === undefined) return json(200, shown);
    if (method === "GET" && id === undefined) return listed(query);
    if (method === "POST") {
      const read = creation.safeParse(body);
      if (!read.success) return invalid(read.error.issues[0]?.path ?? [], read.error.issues[0]?.message ?? "");
      const { name, type, ttl = null, records, description = null } = read.data;
      if (name !== zone.name && !name.endsWith(`.${zone.name}`)) return error(400, "invalid_recordset_location", "not within the zone");
      if (name === zone.name && type === "CNAME") return error(400, "invalid_recordset_location", "no CNAME at the apex");
      return rule(type, name, read.data, null) ?? json(202, double.put({ name, type, ttl, records, description, status: "PENDING" }));
    }
    const old = recordsets.get(id ?? "");
    if (old === undefined) return error(404, "recordset_not_found", "Could not find RecordSet");
    if (method === "PUT") {
      const read = fields.partial({ records: true }).safeParse(body);
      if (!read.success) return invalid(read.error.issues[0]?.path ?? [], read.error.issues[0]?.message ?? "");
      const fresh = { ...old, ...read.data, status: "PENDING" } as DoubleRecordset;
      return rule(old.type, old.name, { ...fresh, records: [...fresh.records] }, old.id) ?? json(202, double.put(fresh));
    }
    if (method !== "DELETE") return error(405, "method_not_allowed");
    recordsets.delete(old.id);
    return json(202, { ...old, status: "PENDING", action: "DELETE" });
  }

  function listed(query: URLSearchParams): Response {
    const unknown = [...query.keys()].filter((key) => !["name", "type", "limit", "marker"].includes(key));
    if (unknown.length > 0) return error(400, "bad_request", `Invalid filters ${unknown.join(", ")}`);
    const matching = [...double.recordsets.values()].filter(
      ({ name, type }) => (query.get("name") ?? name) === name && (query.get("type") ?? type) === type,
    );
    const asked = Number(query.get("limit") ?? 20);
    const start = query.has("marker") ? matching.findIndex(({ id }) => id === query.get("marker")) + 1 : 0;
    const page = matching.slice(start, start + Math.min(asked, pageMax));
    // As the real one: there is a next page if and only if this one is as long as was asked for.
    const links = page.length === asked ? { next: `http://elsewhere.test/v2?marker=${page.at(-1)?.id}` } : {};
    return json(200, { recordsets: page, links, metadata: { total_count: matching.length } });
  }
  return double;
}
