/** Secrets are compared by their digests, and whole, so that time tells nothing about them. */

export const digest = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));

export const sameSecret = async (given: string, secret: string): Promise<boolean> => equal(await digest(given), await digest(secret));

/** Looks at every byte, wherever the first difference is. */
export function equal(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < left.length; index += 1) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}
