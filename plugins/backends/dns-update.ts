/**
 * The message of a DNS UPDATE (RFC 2136, 2): a zone, what must hold of it, and what changes. Names end in a pointer at the zone's (RFC 1035,
 * 4.1.4), so that some two hundred names fit in a message. dns-packet writes the data of records; it has neither pointers nor empty data.
 */
import { encode } from "dns-packet";
import type { LiveSet } from "../../domain/backend.ts";

const classes = { IN: 1, NONE: 254, ANY: 255 } as const;
export const types = { A: 1, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, ANY: 255 } as const;
export type UpdateType = keyof typeof types;

const headerBytes = 12;
const updateFlags = 5 << 11;
const empty = new Uint8Array();

/** A record of the prerequisite or of the update section: what its class, TTL and data mean depends on the section. */
export type UpdateRecord = {
  readonly name: string;
  readonly type: UpdateType;
  readonly class: keyof typeof classes;
  readonly ttl: number;
  readonly data: Uint8Array;
};

/** All names canonical, with their trailing dot. */
export type Update = { readonly zone: string; readonly prerequisites: readonly UpdateRecord[]; readonly updates: readonly UpdateRecord[] };

/** The name has such a record set, whatever is in it (2.4.1); of type ANY: it has any (2.4.4). */
export const exists = (name: string, type: UpdateType): UpdateRecord => ({ name, type, class: "ANY", ttl: 0, data: empty });
/** The name has no such record set (2.4.3); of type ANY: it has none (2.4.5). */
export const absent = (name: string, type: UpdateType): UpdateRecord => ({ name, type, class: "NONE", ttl: 0, data: empty });
/** The name has just these records of the type (2.4.2), whatever their TTL. */
export const existsAs = (name: string, type: UpdateType, data: readonly Uint8Array[]): UpdateRecord[] =>
  data.map((one) => ({ name, type, class: "IN", ttl: 0, data: one }));

/** 2.5.2: of a name that has none, nothing. */
export const deleteSet = (name: string, type: UpdateType): UpdateRecord => ({ name, type, class: "ANY", ttl: 0, data: empty });
/** 2.5.1 */
export const add = (name: string, type: UpdateType, ttl: number, data: Uint8Array): UpdateRecord => ({
  name,
  type,
  class: "IN",
  ttl,
  data,
});

/** An address, or a name, as the data of its record. */
export const dataOf = (type: LiveSet["type"], value: string): Uint8Array => recordData({ name: ".", type, data: value });

/** The strings of a TXT record, each of at most 255 bytes. */
export const textData = (strings: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(strings.flatMap((string) => [string.length, ...string]));

export function encodeUpdate(id: number, { zone, prerequisites, updates }: Update): Uint8Array {
  const records = [...prerequisites, ...updates];
  const zoneName = wireName(zone);
  const length = headerBytes + zoneName.length + 4 + records.reduce((sum, record) => sum + recordBytes(record, zone), 0);
  const bytes = new Uint8Array(length);
  const view = new DataView(bytes.buffer);
  for (const [index, field] of [id, updateFlags, 1, prerequisites.length, updates.length, 0].entries()) view.setUint16(2 * index, field);
  bytes.set(zoneName, headerBytes);
  let at = headerBytes + zoneName.length;
  view.setUint16(at, types.SOA);
  view.setUint16(at + 2, classes.IN);
  at += 4;
  for (const { name, type, class: kind, ttl, data } of records) {
    const owner = ownerName(name, zone);
    bytes.set(owner, at);
    at += owner.length;
    view.setUint16(at, types[type]);
    view.setUint16(at + 2, classes[kind]);
    view.setUint32(at + 4, ttl);
    view.setUint16(at + 8, data.length);
    bytes.set(data, at + 10);
    at += 10 + data.length;
  }
  return bytes;
}

/** How much of a message a record takes. */
export const recordBytes = ({ name, data }: Pick<UpdateRecord, "name" | "data">, zone: string): number =>
  ownerName(name, zone).length + 10 + data.length;

/** A canonical name as labels (RFC 1035, 3.1), without pointers. */
export const wireName = (name: string): Uint8Array => Uint8Array.from([...labels(name), 0]);

/** The zone's own name stands behind the header. */
function ownerName(name: string, zone: string): Uint8Array {
  const pointer = [0xc0, headerBytes];
  if (name === zone) return Uint8Array.from(pointer);
  return name.endsWith(`.${zone}`) ? Uint8Array.from([...labels(name.slice(0, -zone.length)), ...pointer]) : wireName(name);
}

const labels = (name: string): number[] =>
  name
    .split(".")
    .filter((label) => label !== "")
    .flatMap((label) => [label.length, ...[...label].map((letter) => letter.charCodeAt(0))]);

/** What dns-packet writes behind the header, an empty name, and the record's own head. */
function recordData(record: { readonly name: "."; readonly type: LiveSet["type"]; readonly data: string }): Uint8Array {
  return Uint8Array.from(encode({ type: "response", answers: [record] }).subarray(headerBytes + 1 + 10));
}
