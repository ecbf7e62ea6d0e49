/**
 * Where clients are, as a pool of a `geo` GSLB names them: a range of addresses, a subdivision, a country, a continent. The more specific one
 * decides (engine.md, rule 15). Codes: ISO 3166-1 alpha-2, ISO 3166-2, and the seven continents as Route 53 and Cloudflare write them.
 */
import { z } from "zod";
import { canonicalCidr } from "./address.ts";

export const continents = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"] as const;
export type Continent = (typeof continents)[number];

const formError = 'must be one of {"cidr": …}, {"subdivision": …}, {"country": …}, {"continent": …}';

/** Exactly one key. */
export const location = z.union(
  [
    z.strictObject({
      cidr: z.string().transform((text, context) => {
        const cidr = canonicalCidr(text);
        if (cidr !== null) return cidr;
        context.issues.push({ code: "custom", message: "must be a range of addresses such as 203.0.113.0/24", input: text });
        return z.NEVER;
      }),
    }),
    z.strictObject({ subdivision: z.string().regex(/^[A-Z]{2}-[A-Z0-9]{1,3}$/, { error: "must be a code of ISO 3166-2 such as US-CA" }) }),
    z.strictObject({ country: z.string().regex(/^[A-Z]{2}$/, { error: "must be a code of ISO 3166-1 such as FR" }) }),
    z.strictObject({ continent: z.enum(continents, { error: `must be one of ${continents.join(", ")}` }) }),
  ],
  { error: formError },
);
export type Location = z.output<typeof location>;

/** As text, for keys and for people: "country FR". */
export const locationText = (place: Location): string =>
  Object.entries(place)
    .map(([kind, value]) => `${kind} ${value}`)
    .join();
