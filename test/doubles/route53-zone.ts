/** A zone of the Route 53 double: what a change batch may do, in the service's words, and how sets are listed and written. */
import { isIPv4, isIPv6 } from "node:net";
import { fail, ok, type Result } from "../../domain/result.ts";

/** `routing`: the elements between SetIdentifier and TTL, as they are written. */
export type DoubleSet = {
  readonly name: string;
  readonly type: string;
  readonly identifier: string | null;
  readonly routing: string;
  readonly ttl: number;
  readonly values: readonly string[];
};
export type Change = { readonly action: "CREATE" | "DELETE" | "UPSERT"; readonly set: DoubleSet };

export const element = (name: string, content: string): string => `<${name}>${content}</${name}>`;

const text = (value: string): string => value.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

/** Names are listed with everything but letters, digits, hyphen and underscore escaped. */
const shownName = (name: string): string =>
  name.replaceAll(/[^a-z0-9_.-]/g, (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`);

export const setXml = ({ name, type, identifier, routing, ttl, values }: DoubleSet): string =>
  element(
    "ResourceRecordSet",
    `${element("Name", shownName(name))}${element("Type", type)}${identifier === null ? "" : element("SetIdentifier", text(identifier))}${routing}` +
      (routing.includes("<AliasTarget>")
        ? ""
        : `${element("TTL", String(ttl))}${element("ResourceRecords", values.map((value) => element("ResourceRecord", element("Value", text(value)))).join(""))}`),
  );

/** By ASCII, labels reversed, with a final dot; then by type. */
const orderOf = ({ name, type, identifier }: DoubleSet): string => `${reversed(name)} ${type} ${identifier ?? ""}`;
const reversed = (name: string): string => `${name.replace(/\.$/, "").split(".").reverse().join(".")}.`;

export const listed = (sets: readonly DoubleSet[], from: string | null): DoubleSet[] =>
  sets.filter(({ name }) => from === null || reversed(name) >= reversed(from)).toSorted((a, b) => (orderOf(a) < orderOf(b) ? -1 : 1));

const keyOf = ({ name, type, identifier }: DoubleSet): string => `${name} ${type} ${identifier ?? ""}`;
const about = ({ name, type, identifier }: DoubleSet): string =>
  `[name='${name}', type='${type}'${identifier === null ? "" : `, set-identifier='${identifier}'`}]`;

/** All of the changes, or none and why: every change that is wrong has a message. */
export function applyBatch(
  zone: string,
  before: readonly DoubleSet[],
  changes: readonly Change[],
): Result<readonly DoubleSet[], readonly string[]> {
  const messages: string[] = [];
  const times = ({ action }: Change) => (action === "UPSERT" ? 2 : 1);
  const records = changes.reduce((sum, change) => sum + change.set.values.length * times(change), 0);
  const characters = changes.reduce((sum, change) => sum + change.set.values.join("").length * times(change), 0);
  if (records > 1_000) messages.push("Number of records limit of 1000 exceeded.");
  if (characters > 32_000) messages.push("Number of characters limit of 32000 exceeded.");
  const sets = new Map(before.map((set) => [keyOf(set), set]));
  const deleted = new Set<string>();
  for (const { action, set } of changes) {
    const key = keyOf(set);
    const there = sets.get(key);
    const problem = action === "DELETE" ? null : problemOf(zone, set);
    if (problem !== null) {
      messages.push(problem);
      continue;
    }
    if (action === "DELETE") {
      if (deleted.has(key)) messages.push(`The request contains an invalid set of changes for a resource record set ${about(set)}`);
      else if (there === undefined) messages.push(`[Tried to delete resource record set ${about(set)} but it was not found]`);
      else if (!isSame(there, set)) {
        messages.push(`[Tried to delete resource record set ${about(set)} but the values provided do not match the current values]`);
      } else {
        sets.delete(key);
        deleted.add(key);
      }
      continue;
    }
    if (action === "CREATE" && there !== undefined) {
      messages.push(`[Tried to create resource record set ${about(set)} but it already exists]`);
      continue;
    }
    sets.set(key, set);
  }
  if (messages.length === 0) messages.push(...conflictsIn([...sets.values()]));
  return messages.length === 0 ? ok([...sets.values()]) : fail(messages);
}

const isSame = (a: DoubleSet, b: DoubleSet): boolean =>
  a.ttl === b.ttl && a.routing === b.routing && a.values.toSorted().join("\n") === b.values.toSorted().join("\n");

function problemOf(zone: string, set: DoubleSet): string | null {
  const { name, type, identifier, routing, ttl, values } = set;
  if (name !== zone && !name.endsWith(`.${zone}`)) return `[RRSet with DNS name ${name} is not permitted in zone ${zone}]`;
  if (type === "CNAME" && name === zone) return `[RRSet of type CNAME with DNS name ${name} is not permitted at apex in zone ${zone}]`;
  if (!Number.isInteger(ttl) || ttl < 0 || ttl > 2_147_483_647) return "Invalid request: ttl out of bounds";
  if (values.length === 0) return "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords]]";
  if (new Set(values).size < values.length) return `Invalid Resource Record: Duplicate Resource Record: '${values.join()}'`;
  if (type === "CNAME" && values.length > 1) return `[RRSet of type CNAME with DNS name ${name} may have one value]`;
  // These do not say at which name.
  const bad = values.find((value) => (type === "A" && !isIPv4(value)) || (type === "AAAA" && !isIPv6(value)));
  if (bad !== undefined)
    return `Invalid Resource Record: 'FATAL problem: ${type}RRDATAIllegalAddress (Value is not a valid address) encountered with '${bad}''`;
  if (type === "TXT" && values.some((value) => !/^"[^"]{0,255}"$/.test(value)))
    return "Invalid Resource Record: 'FATAL problem: InvalidCharacterString'";
  const weight = /<Weight>(.*)<\/Weight>/.exec(routing)?.[1];
  if (weight !== undefined && (!/^[0-9]+$/.test(weight) || Number(weight) > 255)) return "Invalid request: weight from 0 to 255";
  const region = /<Region>(.*)<\/Region>/.exec(routing)?.[1];
  if (region !== undefined && !/^(us|eu|ap|sa|ca|af|me|il|mx)-[a-z]+-[1-9]$/.test(region)) return `Invalid request: region ${region}`;
  if (routing !== "" && identifier === null) return `Invalid request: Missing field 'SetIdentifier' in Change with ${about(set)}`;
  if (routing === "" && identifier !== null) return `Invalid request: SetIdentifier without a routing policy with ${about(set)}`;
  const subdivision = /<CountryCode>(.*)<\/CountryCode><SubdivisionCode>/.exec(routing)?.[1];
  if (subdivision !== undefined && !["US", "UA"].includes(subdivision)) return `Invalid request: no subdivisions of ${subdivision}`;
  return null;
}

/** Rules over all sets of a name. */
function conflictsIn(sets: readonly DoubleSet[]): string[] {
  const messages: string[] = [];
  for (const [name, own] of Map.groupBy(sets, (set) => set.name)) {
    if (own.some(({ type }) => type === "CNAME") && own.some(({ type }) => type !== "CNAME")) {
      messages.push(`[RRSet of type CNAME with DNS name ${name} cannot be created as other RRSets exist with the same name]`);
    }
    for (const [type, same] of Map.groupBy(own, (set) => set.type)) {
      const kinds = new Set(same.map(({ routing }) => /^<([A-Za-z]+)>/.exec(routing)?.[1] ?? "simple"));
      if (kinds.size > 1)
        messages.push(
          `[RRSet with DNS name ${name} , type ${type} cannot be created as a non-simple RRSet exists with the same name and type.]`,
        );
      const places = same.map(({ routing }) => routing).filter((routing) => routing.includes("GeoLocation") || routing.includes("Region"));
      if (new Set(places).size < places.length)
        messages.push(`[RRSet with DNS name ${name} , type ${type}: two sets of the same location or region]`);
    }
  }
  return messages;
}
