/** Strings as HPACK compresses them (RFC 7541, 5.2), decoded bit by bit along the tree that the code lengths make. */
import { endOfString, huffmanLengths } from "./hpack-tables.ts";

/** Two slots a node: where the bits 0 and 1 lead to. A positive number is a node, a negative one the symbol -1 - n, 0 is nowhere. */
const tree: readonly number[] = (() => {
  const nodes = [0, 0];
  const symbols = huffmanLengths.map((length, symbol) => ({ length, symbol })).sort((a, b) => a.length - b.length || a.symbol - b.symbol);
  let code = 0;
  let before = 0;
  for (const { length, symbol } of symbols) {
    // Each code is the one after its predecessor, with as many bits as it is long.
    code = before === 0 ? 0 : (code + 1) * 2 ** (length - before);
    before = length;
    let node = 0;
    for (let bit = length - 1; bit > 0; bit -= 1) {
      const slot = node * 2 + ((code >>> bit) & 1);
      if (nodes[slot] === 0) nodes[slot] = nodes.push(0, 0) / 2 - 1;
      node = nodes[slot] ?? 0;
    }
    nodes[node * 2 + (code & 1)] = -1 - symbol;
  }
  return nodes;
})();

/** The text, a character for each byte; null where the padding is wrong or the end of string stands inside. */
export function huffmanDecoded(bytes: Uint8Array): string | null {
  let text = "";
  let node = 0;
  let pending = 0;
  let onlyOnes = true;
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      const one = (byte >>> bit) & 1;
      const next = tree[node * 2 + one] ?? 0;
      pending += 1;
      if (one === 0) onlyOnes = false;
      if (next >= 0) {
        node = next;
        continue;
      }
      const symbol = -1 - next;
      if (symbol === endOfString) return null;
      text += String.fromCharCode(symbol);
      node = 0;
      pending = 0;
      onlyOnes = true;
    }
  }
  // The last byte is filled with the beginning of the end of string, which is all ones; a whole byte of it would be one too many.
  return pending < 8 && onlyOnes ? text : null;
}
