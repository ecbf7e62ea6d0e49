/**
 * Where the records of a DNS message are (RFC 1035, 4), without looking into their data: a signature is cut out of the bytes as they came. Whatever
 * the bytes, nothing here throws, and no pointer is followed twice.
 */

export type PlacedRecord = {
  readonly section: "answer" | "authority" | "additional";
  readonly type: number;
  /** Offsets: of its name, of its data, and of what follows. */
  readonly start: number;
  readonly data: number;
  readonly end: number;
};

const headerBytes = 12;
const nameBytes = 255;
const sections = ["answer", "authority", "additional"] as const;

/** All records of the message, in order; null: it is not as long as it says, or longer. */
export function recordsIn(bytes: Uint8Array): PlacedRecord[] | null {
  if (bytes.length < headerBytes) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = headerBytes;
  for (let left = view.getUint16(4); left > 0; left -= 1) {
    const end = endOfName(bytes, at);
    if (end === null || end + 4 > bytes.length) return null;
    at = end + 4;
  }
  const records: PlacedRecord[] = [];
  for (const [index, section] of sections.entries()) {
    for (let left = view.getUint16(6 + 2 * index); left > 0; left -= 1) {
      const head = endOfName(bytes, at);
      if (head === null || head + 10 > bytes.length) return null;
      const data = head + 10;
      const end = data + view.getUint16(head + 8);
      if (end > bytes.length) return null;
      records.push({ section, type: view.getUint16(head), start: at, data, end });
      at = end;
    }
  }
  return at === bytes.length ? records : null;
}

/** The name at an offset in lower case with its trailing dot, and where what follows it begins; null: it is none. */
export function readName(bytes: Uint8Array, from: number): { readonly name: string; readonly end: number } | null {
  let name = "";
  let at = from;
  let end: number | null = null;
  // A pointer leads back, before all that was read of the name.
  let lowest = from;
  for (;;) {
    const length = bytes[at];
    if (length === undefined) return null;
    if (length === 0) return { name: name === "" ? "." : name.toLowerCase(), end: end ?? at + 1 };
    if (length >= 0xc0) {
      const to = ((length & 0x3f) << 8) | (bytes[at + 1] ?? 0);
      if (at + 1 >= bytes.length || to >= lowest) return null;
      end ??= at + 2;
      lowest = to;
      at = to;
      continue;
    }
    if (length > 63 || at + 1 + length > bytes.length || name.length + length + 2 > nameBytes) return null;
    name += `${String.fromCharCode(...bytes.subarray(at + 1, at + 1 + length))}.`;
    at += 1 + length;
  }
}

/** Behind a name, which ends at its first pointer. */
function endOfName(bytes: Uint8Array, from: number): number | null {
  let at = from;
  while (at - from < nameBytes) {
    const length = bytes[at];
    if (length === undefined) return null;
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= bytes.length ? at + 2 : null;
    if (length > 63) return null;
    at += 1 + length;
  }
  return null;
}
