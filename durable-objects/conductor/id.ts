/**
 * Ids that sort by the time of their making (UUID version 7, RFC 9562, with method 1's counter in rand_a), so that what is made in one call
 * keeps the order it was given in, in lists and in indexes.
 */

/** Hands out the ids of one write; each is greater than the one before. */
export function idsAt(now: number): () => string {
  let count = 0;
  return () => {
    const time = now + Math.floor(count / 0x1000);
    const counter = count % 0x1000;
    count += 1;
    const random = crypto.getRandomValues(new Uint8Array(8));
    random[0] = ((random[0] ?? 0) & 0x3f) | 0x80;
    const tail = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const head = time.toString(16).padStart(12, "0");
    return `${head.slice(0, 8)}-${head.slice(8)}-7${counter.toString(16).padStart(3, "0")}-${tail.slice(0, 4)}-${tail.slice(4)}`;
  };
}
