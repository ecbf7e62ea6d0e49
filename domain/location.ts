/**
 * Where clients are, as a pool of a `geo` GSLB names them: a range of addresses, a subdivision, a country, a continent. The more specific one
 * decides (engine.md, rule 15). Codes: ISO 3166-1 alpha-2, ISO 3166-2, and the seven continents as Route 53 and Cloudflare write them.
 */
import { z } from "zod";
import { canonicalCidr } from "./address.ts";
import { limits } from "./limits.ts";

export const continents = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"] as const;
export type Continent = (typeof continents)[number];

/** Of ISO 3166-1 all that are assigned, and XK for Kosovo, as those who tell where addresses are write it. A wrong code would match nobody, for ever. */
const countries: ReadonlySet<string> = new Set(
  `AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM
   CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY
   HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF
   MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE
   RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ
   VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW XK`.split(/\s+/),
);

const formError = 'must be one of {"cidr": …}, {"subdivision": …}, {"country": …}, {"continent": …}';

const cidr = z.string().transform((text, context) => {
  const range = canonicalCidr(text);
  if (range !== null) return range;
  context.issues.push({ code: "custom", message: "must be a range of addresses such as 203.0.113.0/24", input: text });
  return z.NEVER;
});
const subdivision = z.string().refine((text) => /^[A-Z]{2}-[A-Z0-9]{1,3}$/.test(text) && countries.has(text.slice(0, 2)), {
  error: "must be a code of ISO 3166-2 such as US-CA",
});
const country = z.string().refine((text) => countries.has(text), { error: "must be a code of ISO 3166-1 such as FR" });
const continent = z.enum(continents, { error: `must be one of ${continents.join(", ")}` });

/** Exactly one key. */
export const location = z.union(
  [z.strictObject({ cidr }), z.strictObject({ subdivision }), z.strictObject({ country }), z.strictObject({ continent })],
  { error: formError },
);
export type Location = z.output<typeof location>;

/** As text, for keys and for people: "country FR". */
export const locationText = (place: Location): string =>
  Object.entries(place)
    .map(([kind, value]) => `${kind} ${value}`)
    .join();

/** A pool's. Another pool may have the same: then the one that stands first in the order is asked first. */
export const locations = z
  .array(location, { error: "must be a list of locations" })
  .max(limits.locationsPerPool, { error: `must have at most ${limits.locationsPerPool} locations` })
  .refine((list) => new Set(list.map(locationText)).size === list.length, { error: "must not repeat a location" });
