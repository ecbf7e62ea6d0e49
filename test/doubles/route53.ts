/**
 * Amazon Route 53 as its documentation has it, in memory: signatures (checked by another implementation than ours), the XML schema with its order,
 * change batches that are taken whole or not at all, their limits and rules, the order of listings, throttling, PENDING and INSYNC.
 */
import { Sha256 } from "@aws-crypto/sha256-js";
import { SignatureV4 } from "@smithy/signature-v4";
import { XMLParser } from "fast-xml-parser";
import { applyBatch, type Change, type DoubleSet, element, listed, setXml } from "./route53-zone.ts";

export type Route53Keys = { readonly access_key_id: string; readonly secret_access_key: string };
type Zone = { readonly name: string; readonly isPrivate: boolean; sets: readonly DoubleSet[] };

const xmlns = 'xmlns="https://route53.amazonaws.com/doc/2013-04-01/"';
const clockSkewMs = 15 * 60 * 1_000;

export class Route53Double {
  readonly endpoint = "https://route53.test";
  readonly zones = new Map<string, Zone>();
  /** One line for each request that was understood: "POST /2013-04-01/hostedzone/Z1/rrset/". */
  readonly calls: string[] = [];
  /** How often GetChange says PENDING before INSYNC. */
  pendingFor = 0;
  /** The next so many requests are throttled. */
  throttled = 0;
  /** The account's bound: five requests a second. */
  perSecond = 5;
  /** How many requests were throttled. */
  refusals = 0;
  private lately: number[] = [];
  private readonly keys: Route53Keys;
  private readonly now: () => number;
  private readonly changes = new Map<string, number>();

  constructor(keys: Route53Keys, now: () => number) {
    this.keys = keys;
    this.now = now;
  }

  addZone(id: string, name: string, isPrivate = false): Zone {
    const soa: DoubleSet = {
      name,
      type: "SOA",
      identifier: null,
      routing: "",
      ttl: 900,
      values: ["ns-1.test. hostmaster.test. 1 7200 900 1209600 86400"],
    };
    const ns: DoubleSet = { name, type: "NS", identifier: null, routing: "", ttl: 172_800, values: ["ns-1.test.", "ns-2.test."] };
    const zone = { name, isPrivate, sets: [soa, ns] };
    this.zones.set(id, zone);
    return zone;
  }

  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(String(input));
    const { method = "GET" } = init;
    const body = typeof init.body === "string" ? init.body : "";
    init.signal?.throwIfAborted();
    const refusal = await this.refusalOf(method, url, new Headers(init.headers), body);
    if (refusal !== null) return refusal;
    this.calls.push(`${method} ${url.pathname}`);
    const now = this.now();
    this.lately = this.lately.filter((at) => now - at < 1_000);
    if (this.throttled > 0 || this.lately.length >= this.perSecond) {
      this.throttled = Math.max(0, this.throttled - 1);
      this.refusals += 1;
      return failed(400, "Throttling", "Rate exceeded");
    }
    this.lately.push(now);
    return this.answer(method, url, body);
  };

  private async refusalOf(method: string, url: URL, headers: Headers, body: string): Promise<Response | null> {
    const form =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([0-9]{8})\/us-east-1\/route53\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
    const match = form.exec(headers.get("Authorization") ?? "");
    const stamp = headers.get("X-Amz-Date") ?? "";
    if (match === null) return failed(403, "MissingAuthenticationToken", "Missing Authentication Token");
    const [, key, , names = "", signature] = match;
    if (key !== this.keys.access_key_id)
      return failed(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    const signingDate = new Date(stamp.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, "$1-$2-$3T$4:$5:$6Z"));
    if (Math.abs(signingDate.getTime() - this.now()) > clockSkewMs) return failed(403, "RequestExpired", "Signature expired");
    const signed = names.split(";").map((name) => [name, name === "host" ? url.host : (headers.get(name) ?? "")] as const);
    const signer = new SignatureV4({
      service: "route53",
      region: "us-east-1",
      credentials: { accessKeyId: this.keys.access_key_id, secretAccessKey: this.keys.secret_access_key },
      sha256: Sha256,
      applyChecksum: false,
    });
    const again = await signer.sign(
      {
        method,
        protocol: url.protocol,
        hostname: url.hostname,
        path: url.pathname,
        query: Object.fromEntries(url.searchParams),
        headers: Object.fromEntries(signed),
        body,
      },
      { signingDate },
    );
    const isRight = again.headers.authorization?.endsWith(`Signature=${signature}`) === true && names.split(";").includes("host");
    return isRight
      ? null
      : failed(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided.");
  }

  private answer(method: string, url: URL, body: string): Response {
    const [, version, kind = "", id = "", rrset] = url.pathname.split("/");
    if (version !== "2013-04-01") return failed(404, "UnknownOperationException", "no such operation");
    if (method === "GET" && kind === "hostedzonesbyname") return this.listZones(url.searchParams);
    if (method === "GET" && kind === "change") return this.getChange(id);
    const zone = this.zones.get(id);
    if (kind !== "hostedzone" || rrset !== "rrset") return failed(404, "UnknownOperationException", "no such operation");
    if (zone === undefined) return failed(404, "NoSuchHostedZone", `No hosted zone found with ID: ${id}`);
    return method === "GET" ? listSets(zone, url.searchParams) : this.change(zone, body);
  }

  private listZones(query: URLSearchParams): Response {
    const from = query.get("dnsname") ?? "";
    const found = [...this.zones].filter(([, { name }]) => name >= from).toSorted(([, a], [, b]) => (a.name < b.name ? -1 : 1));
    const zones = found.map(([id, { name, isPrivate }]) =>
      element(
        "HostedZone",
        `${element("Id", `/hostedzone/${id}`)}${element("Name", name)}<Config><PrivateZone>${isPrivate}</PrivateZone></Config>`,
      ),
    );
    return xml(
      200,
      `<ListHostedZonesByNameResponse ${xmlns}>${element("HostedZones", zones.join(""))}<IsTruncated>false</IsTruncated></ListHostedZonesByNameResponse>`,
    );
  }

  private getChange(id: string): Response {
    const left = this.changes.get(id);
    if (left === undefined) return failed(404, "NoSuchChange", `Could not find resource with ID: ${id}`);
    this.changes.set(id, left - 1);
    return xml(200, `<GetChangeResponse ${xmlns}>${changeInfo(id, left <= 0)}</GetChangeResponse>`);
  }

  private change(zone: Zone, body: string): Response {
    const changes = changesIn(body);
    if (typeof changes === "string") return failed(400, "InvalidInput", changes);
    const applied = applyBatch(zone.name, zone.sets, changes);
    if (!applied.ok) {
      const messages = applied.error.map((message) => element("Message", message)).join("");
      return xml(400, `<InvalidChangeBatch ${xmlns}>${element("Messages", messages)}<RequestId>1</RequestId></InvalidChangeBatch>`);
    }
    zone.sets = applied.value;
    const id = `C${this.changes.size + 1}`;
    this.changes.set(id, this.pendingFor);
    return xml(
      200,
      `<ChangeResourceRecordSetsResponse ${xmlns}>${changeInfo(id, this.pendingFor === 0)}</ChangeResourceRecordSetsResponse>`,
    );
  }
}

const changeInfo = (id: string, inSync: boolean): string =>
  element(
    "ChangeInfo",
    `${element("Id", `/change/${id}`)}${element("Status", inSync ? "INSYNC" : "PENDING")}<SubmittedAt>2026-01-01T00:00:00Z</SubmittedAt>`,
  );

function listSets(zone: Zone, query: URLSearchParams): Response {
  const most = Math.min(300, Number(query.get("maxitems") ?? 300));
  const sets = listed(zone.sets, query.get("name"));
  const page = sets.slice(0, most);
  const next = sets[most];
  const more = next === undefined ? "" : element("NextRecordName", next.name) + element("NextRecordType", next.type);
  const content = element("ResourceRecordSets", page.map(setXml).join("")) + element("IsTruncated", String(next !== undefined)) + more;
  return xml(200, `<ListResourceRecordSetsResponse ${xmlns}>${content}<MaxItems>${most}</MaxItems></ListResourceRecordSetsResponse>`);
}

const xml = (status: number, body: string) =>
  new Response(`<?xml version="1.0"?>\n${body}`, { status, headers: { "Content-Type": "text/xml" } });
const failed = (status: number, code: string, message: string) =>
  xml(
    status,
    `<ErrorResponse ${xmlns}><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error><RequestId>1</RequestId></ErrorResponse>`,
  );

type Node = { readonly [name: string]: readonly Node[] | string };
const parser = new XMLParser({ preserveOrder: true, parseTagValue: false, ignoreAttributes: true });
const tagOf = (node: Node): string => Object.keys(node)[0] ?? "";
const childrenOf = (node: Node | undefined): readonly Node[] => {
  const found = node === undefined ? [] : node[tagOf(node)];
  return Array.isArray(found) ? (found as readonly Node[]) : [];
};
const childOf = (node: Node | undefined, name: string): Node | undefined => childrenOf(node).find((child) => tagOf(child) === name);
const textOf = (node: Node | undefined): string | null => {
  const [text] = childrenOf(node);
  return text === undefined ? null : String(text["#text"]);
};

/** The sequence of API_ResourceRecordSet.html. */
const order = [
  "Name",
  "Type",
  "SetIdentifier",
  "Weight",
  "Region",
  "GeoLocation",
  "Failover",
  "MultiValueAnswer",
  "TTL",
  "ResourceRecords",
  "AliasTarget",
  "HealthCheckId",
];

/** The changes of a body, or what the schema has against it. */
function changesIn(body: string): readonly Change[] | string {
  const root = (parser.parse(body) as readonly Node[]).find((node) => tagOf(node) === "ChangeResourceRecordSetsRequest");
  const batch = childOf(root, "ChangeBatch");
  if (batch === undefined) return "there is no ChangeBatch";
  if (childrenOf(batch).map(tagOf).join() !== "Comment,Changes") return "a ChangeBatch has a Comment and Changes, in this order";
  const changes: Change[] = [];
  for (const change of childrenOf(childOf(batch, "Changes"))) {
    if (childrenOf(change).map(tagOf).join() !== "Action,ResourceRecordSet") return "a Change has an Action and a ResourceRecordSet";
    const set = childOf(change, "ResourceRecordSet");
    const tags = childrenOf(set).map(tagOf);
    if (tags.some((tag) => !order.includes(tag))) return `unknown element among ${tags.join()}`;
    if (tags.join() !== order.filter((tag) => tags.includes(tag)).join()) return `out of order: ${tags.join()}`;
    const action = textOf(childOf(change, "Action")) ?? "";
    if (!["CREATE", "DELETE", "UPSERT"].includes(action)) return `unknown action ${action}`;
    const routing = ["Weight", "Region", "GeoLocation", "Failover", "MultiValueAnswer", "HealthCheckId", "AliasTarget"].flatMap((name) => {
      const child = childOf(set, name);
      if (child === undefined) return [];
      const inner = childrenOf(child).map((part) =>
        tagOf(part) === "#text" ? String(part["#text"]) : element(tagOf(part), textOf(part) ?? ""),
      );
      return [element(name, inner.join(""))];
    });
    const values = childrenOf(childOf(set, "ResourceRecords")).map((record) => textOf(childOf(record, "Value")) ?? "");
    changes.push({
      action: action as Change["action"],
      set: {
        name: (textOf(childOf(set, "Name")) ?? "").toLowerCase(),
        type: textOf(childOf(set, "Type")) ?? "",
        identifier: textOf(childOf(set, "SetIdentifier")),
        routing: routing.join(""),
        ttl: Number(textOf(childOf(set, "TTL")) ?? 0),
        values,
      },
    });
  }
  return changes.length === 0 ? "there is no Change" : changes;
}
