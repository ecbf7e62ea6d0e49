/**
 * Route 53 speaks XML (API of 2013-04-01): what it answers, read into values; and change batches, written in the order of its schema. A set that was
 * read is kept as it stood, too, since a deletion must repeat every value of it.
 */
import { XMLParser } from "fast-xml-parser";
import type { Location } from "../../domain/location.ts";
import type { RecordSet, Routing } from "./route53-records.ts";

export const namespace = "https://route53.amazonaws.com/doc/2013-04-01/";

/** A set as it stands in the zone, with its own text. */
export type FoundSet = RecordSet & { readonly xml: string };
export type RecordPage = { readonly sets: readonly FoundSet[]; readonly next: string | null };

const parser = new XMLParser({
  ignoreAttributes: true,
  parseTagValue: false,
  trimValues: true,
  processEntities: true,
  isArray: (name) => lists.has(name),
});
const lists = new Set(["HostedZone", "ResourceRecord", "Message"]);

type Tree = { readonly [name: string]: Tree | readonly Tree[] | string | undefined };

const parse = (xml: string): Tree => {
  try {
    return parser.parse(xml) as Tree;
  } catch {
    return {};
  }
};
const inside = (tree: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (typeof at === "object" && at !== null ? (at as Tree)[name] : undefined), tree);
const text = (tree: unknown, ...path: readonly string[]): string | null => {
  const found = inside(tree, ...path);
  return typeof found === "string" ? found : null;
};
const list = (tree: unknown, ...path: readonly string[]): readonly unknown[] => {
  const found = inside(tree, ...path);
  return Array.isArray(found) ? found : [];
};

/** The public zones of an answer to ListHostedZonesByName. */
export const zonesIn = (xml: string): readonly { readonly id: string; readonly name: string }[] =>
  list(parse(xml), "ListHostedZonesByNameResponse", "HostedZones", "HostedZone").flatMap((zone) => {
    const [id, name] = [text(zone, "Id"), text(zone, "Name")];
    const isPrivate = text(zone, "Config", "PrivateZone") === "true";
    return id === null || name === null || isPrivate ? [] : [{ id: id.replace(/^\/hostedzone\//, ""), name: nameOf(name) }];
  });

/** Null: the answer is none of ListResourceRecordSets. */
export function recordsIn(xml: string): RecordPage | null {
  const tree = inside(parse(xml), "ListResourceRecordSetsResponse");
  if (tree === undefined) return null;
  const sets = [...xml.matchAll(/<ResourceRecordSet>[\s\S]*?<\/ResourceRecordSet>/g)].map(([own]) => setIn(own));
  const next = text(tree, "IsTruncated") === "true" ? text(tree, "NextRecordName") : null;
  return { sets, next: next === null ? null : nameOf(next) };
}

/** A change that was taken, and whether every server has it; null: the answer says nothing of one. */
export function changeIn(xml: string): { readonly id: string; readonly inSync: boolean } | null {
  const tree = parse(xml);
  const info = inside(tree, "ChangeResourceRecordSetsResponse", "ChangeInfo") ?? inside(tree, "GetChangeResponse", "ChangeInfo");
  const id = text(info, "Id");
  return id === null ? null : { id: id.replace(/^\/change\//, ""), inSync: text(info, "Status") === "INSYNC" };
}

/** A batch that was refused has a form of its own, with a message for each change. */
export function errorIn(xml: string): { readonly code: string; readonly messages: readonly string[] } {
  const tree = parse(xml);
  const batch = inside(tree, "InvalidChangeBatch");
  const messages = [...list(batch, "Messages", "Message"), ...list(tree, "ErrorResponse", "Error", "Message")].filter(
    (one) => typeof one === "string",
  );
  const code = batch === undefined ? text(tree, "ErrorResponse", "Error", "Code") : "InvalidChangeBatch";
  return { code: code ?? "", messages };
}

function setIn(xml: string): FoundSet {
  const tree = inside(parse(xml), "ResourceRecordSet");
  const alias = text(tree, "AliasTarget", "DNSName");
  const values = list(tree, "ResourceRecords", "ResourceRecord").flatMap((record) => text(record, "Value") ?? []);
  return {
    name: nameOf(text(tree, "Name") ?? ""),
    type: text(tree, "Type") ?? "",
    identifier: text(tree, "SetIdentifier"),
    routing: alias === null ? routingIn(tree) : { by: "other", words: "alias" },
    ttl: Number(text(tree, "TTL") ?? 0),
    values: alias === null ? values : [alias],
    xml,
  };
}

function routingIn(tree: unknown): Routing | null {
  const check = text(tree, "HealthCheckId");
  if (check !== null) return { by: "other", words: `health check ${check}` };
  const weight = text(tree, "Weight");
  if (weight !== null) return { by: "weight", weight: Number(weight) };
  const region = text(tree, "Region");
  if (region !== null) return { by: "region", region };
  if (inside(tree, "GeoLocation") !== undefined) return { by: "place", place: placeIn(inside(tree, "GeoLocation")) };
  for (const name of ["Failover", "MultiValueAnswer", "CidrRoutingConfig", "GeoProximityLocation"]) {
    if (inside(tree, name) !== undefined) return { by: "other", words: `${name} ${text(tree, name) ?? ""}`.trim() };
  }
  return null;
}

function placeIn(tree: unknown): Location | "default" {
  const [continent, country, subdivision] = [text(tree, "ContinentCode"), text(tree, "CountryCode"), text(tree, "SubdivisionCode")];
  if (continent !== null) return { continent } as Location;
  if (country === null || country === "*") return "default";
  return subdivision === null ? { country } : { subdivision: `${country}-${subdivision}` };
}

/** Names come with everything but letters, digits, hyphen and underscore as `\ooo`. */
const nameOf = (name: string): string =>
  name.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))).toLowerCase();

export type SetChange = { readonly action: "CREATE" | "DELETE" | "UPSERT"; readonly set: RecordSet | FoundSet };

/** The body of ChangeResourceRecordSets. */
export const changeBatch = (changes: readonly SetChange[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="${namespace}"><ChangeBatch><Comment>Kosmos</Comment><Changes>${changes
    .map(({ action, set }) => `<Change><Action>${action}</Action>${"xml" in set ? set.xml : setXml(set)}</Change>`)
    .join("")}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`;

/** The elements in the order of the schema: the service insists on it. */
function setXml({ name, type, identifier, routing, ttl, values }: RecordSet): string {
  const records = values.map((value) => element("ResourceRecord", element("Value", escaped(value)))).join("");
  return element(
    "ResourceRecordSet",
    element("Name", escaped(name)) +
      element("Type", type) +
      (identifier === null ? "" : element("SetIdentifier", escaped(identifier))) +
      routingXml(routing) +
      element("TTL", String(ttl)) +
      element("ResourceRecords", records),
  );
}

function routingXml(routing: Routing | null): string {
  switch (routing?.by) {
    case "weight":
      return element("Weight", String(routing.weight));
    case "region":
      return element("Region", escaped(routing.region));
    case "place":
      return element("GeoLocation", placeXml(routing.place));
    default:
      return "";
  }
}

function placeXml(place: Location | "default"): string {
  if (place === "default") return element("CountryCode", "*");
  if ("continent" in place) return element("ContinentCode", place.continent);
  if ("country" in place) return element("CountryCode", place.country);
  const [country = "", subdivision = ""] = "subdivision" in place ? place.subdivision.split("-") : [];
  return element("CountryCode", country) + element("SubdivisionCode", subdivision);
}

const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;
const escaped = (value: string): string =>
  value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
