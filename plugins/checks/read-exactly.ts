/** So many bytes of a connection and no fewer, for protocols that say beforehand how long a thing is. */
import { ok, type Result } from "../../domain/result.ts";
import type { ByteReader, Stop } from "./byte-reader.ts";

/** `length` bytes; the caller has bounded it. */
export async function readExactly(input: ByteReader, length: number): Promise<Result<Uint8Array, Stop>> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const piece = await input.some(length - filled);
    if (!piece.ok) return piece;
    bytes.set(piece.value, filled);
    filled += piece.value.length;
  }
  return ok(bytes);
}
