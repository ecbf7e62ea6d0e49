/**
 * Headers of HTTP/2 (RFC 7541). What is decoded is bounded in all, since a block of a few bytes can stand for megabytes of headers. What is
 * encoded is as plain as the format lets it be: nothing indexed, nothing compressed, so nothing has to be remembered.
 */
import { fail, ok, type Result } from "../../domain/result.ts";
import { type HeaderField, staticTable } from "./hpack-tables.ts";
import { huffmanDecoded } from "./huffman.ts";

export type HpackDecoder = {
  /** The fields of one whole block, in order; or what is wrong with it, after which the connection is of no more use. */
  decode(block: Uint8Array): Result<readonly HeaderField[], string>;
};

/** RFC 7541, 4.1: what an entry of the table counts beyond its name and value. */
const entryOverhead = 32;

/** `tableBytes`: what we let the other side's table grow to; RFC 9113's default. `maximum`: of the decoded fields of one block. */
export function hpackDecoder({ tableBytes = 4096, maximum }: { tableBytes?: number; maximum: number }): HpackDecoder {
  const entries: HeaderField[] = [];
  let size = 0;
  let capacity = tableBytes;

  const shrinkTo = (bytes: number): void => {
    while (size > bytes) {
      const [name, value] = entries.pop() ?? ["", ""];
      size -= name.length + value.length + entryOverhead;
    }
  };
  const add = (field: HeaderField): void => {
    const bytes = field[0].length + field[1].length + entryOverhead;
    shrinkTo(Math.max(0, capacity - bytes));
    // One that is larger than the whole table empties it, and is not kept.
    if (bytes > capacity) return;
    entries.unshift(field);
    size += bytes;
  };
  const entry = (index: number): HeaderField =>
    staticTable[index - 1] ?? entries[index - 1 - staticTable.length] ?? malformed(`there is no header ${index} in the tables`);

  const fieldsOf = (block: Uint8Array): HeaderField[] => {
    const input = { block, at: 0 };
    const fields: HeaderField[] = [];
    let total = 0;
    while (input.at < block.length) {
      const first = block[input.at] ?? 0;
      if (first >= 0x20 && first < 0x40) {
        if (fields.length > 0) malformed("the table's size changes in the middle of a block");
        capacity = integer(input, 5);
        if (capacity > tableBytes) malformed("the table would be larger than allowed");
        shrinkTo(capacity);
        continue;
      }
      const field = first >= 0x80 ? entry(integer(input, 7)) : literal(input, first >= 0x40 ? 6 : 4);
      if (first >= 0x40 && first < 0x80) add(field);
      total += field[0].length + field[1].length + entryOverhead;
      if (total > maximum) malformed(`the headers are longer than ${maximum} bytes`);
      fields.push(field);
    }
    return fields;
  };
  const literal = (input: Input, prefix: number): HeaderField => {
    const index = integer(input, prefix);
    return [index === 0 ? text(input) : entry(index)[0], text(input)];
  };

  return {
    decode(block) {
      try {
        return ok(fieldsOf(block));
      } catch (error) {
        if (error instanceof Malformed) return fail(error.message);
        throw error;
      }
    },
  };
}

/** One block of these fields: each a literal that is not to be indexed. ASCII. */
export function hpackEncoded(fields: readonly HeaderField[]): Uint8Array {
  const bytes: number[] = [];
  for (const [name, value] of fields) {
    bytes.push(0);
    for (const part of [name, value]) {
      bytes.push(...encodedInteger(part.length));
      for (let index = 0; index < part.length; index += 1) bytes.push(part.charCodeAt(index) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}

type Input = { readonly block: Uint8Array; at: number };

/** Ends the decoding of a block from wherever it is; never leaves this file. */
class Malformed extends Error {}
const malformed = (detail: string): never => {
  throw new Malformed(detail);
};

const next = (input: Input): number => {
  const byte = input.block[input.at];
  input.at += 1;
  return byte ?? malformed("the block of headers ends too early");
};

/** RFC 7541, 5.1; up to 2^28, which is more than anything here may be. */
function integer(input: Input, prefix: number): number {
  const mask = 2 ** prefix - 1;
  let value = next(input) & mask;
  if (value < mask) return value;
  for (let shift = 0; ; shift += 7) {
    if (shift > 21) malformed("a number in the headers is too large");
    const byte = next(input);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
}

function encodedInteger(value: number): number[] {
  if (value < 0x7f) return [value];
  const bytes = [0x7f];
  let rest = value - 0x7f;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return [...bytes, rest];
}

/** RFC 7541, 5.2: a length and so many bytes, compressed or not; a character for each byte. */
function text(input: Input): string {
  const compressed = ((input.block[input.at] ?? 0) & 0x80) !== 0;
  const length = integer(input, 7);
  if (input.at + length > input.block.length) malformed("a string in the headers is longer than its block");
  const bytes = input.block.subarray(input.at, input.at + length);
  input.at += length;
  if (compressed) return huffmanDecoded(bytes) ?? malformed("a string in the headers is not valid Huffman code");
  let plain = "";
  for (const byte of bytes) plain += String.fromCharCode(byte);
  return plain;
}
