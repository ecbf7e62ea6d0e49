/** What the other side has said so far, up to a bound, and which texts are in it. Bytes are compared as they are; case matters. */

export type Heard = {
  /** How many bytes there is still room for. */
  readonly room: number;
  readonly length: number;
  /** What there is no room for is dropped. */
  add(bytes: Uint8Array): void;
  /** Whether the text is in it, also where it came in pieces. */
  has(text: string): boolean;
};

export function heard(maximum: number): Heard {
  const bytes = new Uint8Array(maximum);
  /** Where to look on for each text: what lies before was looked at. */
  const lookedAt = new Map<string, number | "found">();
  let length = 0;
  return {
    get room() {
      return maximum - length;
    },
    get length() {
      return length;
    },
    add(more) {
      const taken = more.subarray(0, maximum - length);
      bytes.set(taken, length);
      length += taken.length;
    },
    has(text) {
      const from = lookedAt.get(text) ?? 0;
      if (from === "found") return true;
      const needle = new TextEncoder().encode(text);
      const found = contains(bytes.subarray(from, length), needle);
      lookedAt.set(text, found ? "found" : Math.max(0, length - needle.length + 1));
      return found;
    },
  };
}

function contains(haystack: Uint8Array, needle: Uint8Array): boolean {
  const [first] = needle;
  if (first === undefined) return true;
  for (let at = haystack.indexOf(first); at !== -1 && at + needle.length <= haystack.length; at = haystack.indexOf(first, at + 1)) {
    if (needle.every((byte, index) => haystack[at + index] === byte)) return true;
  }
  return false;
}
