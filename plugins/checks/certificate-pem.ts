/**
 * Certificates as people paste them (RFC 7468), read as far as to see that each is whole: the outline of RFC 5280, 4.1, in DER. Whether one is
 * true, or still valid, is for the handshake to say.
 */

const begin = /^-----BEGIN CERTIFICATE-----[ \t]*$/;
const end = /^-----END CERTIFICATE-----[ \t]*$/;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What is inside each block, without its line breaks; null: a block is not closed, or of another kind, or there is none. Text around blocks is nothing. */
export function pemBlocks(text: string): readonly string[] | null {
  const blocks: string[] = [];
  let inside: string[] | null = null;
  for (const line of text.split(/\r?\n/)) {
    if (inside === null) {
      if (begin.test(line)) inside = [];
      else if (/-----(?:BEGIN|END) /.test(line)) return null;
    } else if (end.test(line)) {
      if (inside.length === 0) return null;
      blocks.push(inside.join(""));
      inside = null;
    } else if (line.includes("-----")) return null;
    else inside.push(line.replace(/[ \t]+$/, ""));
  }
  return inside === null && blocks.length > 0 ? blocks : null;
}

/** Whether that is the base64 of one certificate, from its first byte to its last. */
export function isCertificate(block: string): boolean {
  if (!base64.test(block)) return false;
  const bytes = Uint8Array.from(atob(block), (character) => character.charCodeAt(0));
  const [certificate, ...others] = elementsOf(bytes) ?? [];
  if (certificate === undefined || others.length > 0 || !isWhole(certificate, 0)) return false;
  const [signed, algorithm, signature, ...more] = partsOf(certificate);
  if (more.length > 0 || algorithm?.tag !== tags.sequence || signature?.tag !== tags.bitString || signed?.tag !== tags.sequence)
    return false;
  return hasOutline(partsOf(signed));
}

type Element = { readonly tag: number; readonly content: Uint8Array };

const tags = { integer: 0x02, bitString: 0x03, name: 0x06, utcTime: 0x17, generalizedTime: 0x18, sequence: 0x30, version: 0xa0 } as const;
/** The two identifiers that nobody uses, and the extensions. */
const optionalTags: readonly number[] = [0x81, 0xa1, 0x82, 0xa2, 0xa3];

/** tbsCertificate: version, serial number, algorithm, issuer, validity, subject, key. */
function hasOutline(parts: readonly Element[]): boolean {
  const [serial, algorithm, issuer, validity, subject, key, ...optional] = parts[0]?.tag === tags.version ? parts.slice(1) : parts;
  if (serial?.tag !== tags.integer) return false;
  if ([algorithm, issuer, validity, subject, key].some((part) => part?.tag !== tags.sequence)) return false;
  if (partsOf(algorithm)[0]?.tag !== tags.name) return false;
  const times = partsOf(validity);
  if (times.length !== 2 || !times.every(({ tag }) => tag === tags.utcTime || tag === tags.generalizedTime)) return false;
  const [keyAlgorithm, keyBits, ...more] = partsOf(key);
  if (keyAlgorithm?.tag !== tags.sequence || keyBits?.tag !== tags.bitString || more.length > 0) return false;
  return optional.every(({ tag }) => optionalTags.includes(tag));
}

const partsOf = (element: Element | undefined): readonly Element[] => (element === undefined ? [] : (elementsOf(element.content) ?? []));

const constructed = 0x20;
/** Certificates have about ten levels. */
const maxDepth = 32;

/** Everything in it that is made of parts is made of whole ones. */
function isWhole({ tag, content }: Element, depth: number): boolean {
  if ((tag & constructed) === 0) return true;
  return depth < maxDepth && (elementsOf(content)?.every((part) => isWhole(part, depth + 1)) ?? false);
}

/** The elements that fill the bytes exactly; null where they do not. */
function elementsOf(bytes: Uint8Array): readonly Element[] | null {
  const elements: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = bytes[at] ?? 0;
    const length = lengthAt(bytes, at + 1);
    // Tags of more than one byte are in no certificate.
    if ((tag & 0x1f) === 0x1f || length === null || length.from + length.value > bytes.length) return null;
    elements.push({ tag, content: bytes.subarray(length.from, length.from + length.value) });
    at = length.from + length.value;
  }
  return elements;
}

/** In DER a length is as short as it can be. `from`: where the content begins. */
function lengthAt(bytes: Uint8Array, at: number): { readonly value: number; readonly from: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first < 0x80) return { value: first, from: at + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 3 || at + count >= bytes.length) return null;
  const value = bytes.subarray(at + 1, at + 1 + count).reduce((sum, byte) => sum * 256 + byte, 0);
  const shortest = count === 1 ? 0x80 : 256 ** (count - 1);
  return value < shortest ? null : { value, from: at + 1 + count };
}
