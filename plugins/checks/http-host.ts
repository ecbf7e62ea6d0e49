/** Hosts as HTTP has them: which are names, and which are the same. */

/** Of a canonical host: a name, not an address. */
export const isName = (host: string): boolean => host.endsWith(".");

/** Whether both texts are the same host; a port may be left out of `wanted`. */
export function sameHost(wanted: string, sent: string): boolean {
  const canonical = (text: string) => text.toLowerCase().replace(/\.(?=:|$)/, "");
  return canonical(wanted) === canonical(sent) || canonical(wanted) === canonical(sent).replace(/:[0-9]+$/, "");
}
