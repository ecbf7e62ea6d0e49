/** A host: an IP address or a name, in its canonical form. */
import { z } from "zod";
import { canonicalAddress } from "./address.ts";
import { canonicalName } from "./name.ts";

/** An IP address or a host name, canonical, or null. */
export const canonicalHost = (text: string): string | null => canonicalAddress(text) ?? canonicalName(text);

export const host = z.string({ error: "must be a string" }).transform((text, context) => {
  const canonical = canonicalHost(text);
  if (canonical !== null) return canonical;
  context.issues.push({ code: "custom", message: "must be an IP address or a host name", input: text });
  return z.NEVER;
});
