/** What a placed checker's deployment is made of: its region, its place, its configuration, and what has to be said about it. It deploys nothing. */
import { resolve } from "node:path";
import { fail, ok, type Result } from "../domain/result.ts";
import { type PlacedRegion, placedRegions } from "../domain/vantage-point.ts";

export type PlacedOrder = { readonly region: PlacedRegion; readonly place: string; readonly dryRun: boolean };

/** Where each region's checker runs unless it is said: a region of a cloud, near which Cloudflare then runs it. */
const usualPlaces = { sam: "aws:sa-east-1", afr: "aws:af-south-1", me: "aws:me-central-1" } as const satisfies Record<PlacedRegion, string>;

export const usage = `npm run deploy:placed -- <${placedRegions.join("|")}> [aws:…|gcp:…|azure:…] [--dry-run]`;

/** The arguments of the command. */
export function parseOrder(args: readonly string[]): Result<PlacedOrder, string> {
  const unknown = args.filter((arg) => arg.startsWith("--") && arg !== "--dry-run");
  if (unknown.length > 0) return fail(`there is no option ${unknown.join(", ")}`);
  const [name, place, ...rest] = args.filter((arg) => !arg.startsWith("--"));
  const region = placedRegions.find((known) => known === name);
  if (region === undefined) return fail(name === undefined ? "a region is missing" : `${name} is none of ${placedRegions.join(", ")}`);
  if (rest.length > 0) return fail(`only a region and its place are expected, not ${rest.join(" ")}`);
  const where = place ?? usualPlaces[region];
  if (!/^(aws|gcp|azure):[a-z0-9-]+$/.test(where)) return fail(`${where} is no region of a cloud, such as ${usualPlaces[region]}`);
  return ok({ region, place: where, dryRun: args.includes("--dry-run") });
}

export const serviceName = (region: PlacedRegion): string => `kosmos-checker-${region}`;

/** `base`: the text of placed.toml, which lies in `directory`. */
export function placedConfig(base: string, directory: string, { region, place }: PlacedOrder): string {
  const replaced = (text: string, key: string, value: string): string => {
    const line = new RegExp(`^${key} = .*$`, "m");
    if (!line.test(text)) throw new Error(`placed.toml has no line "${key} = …"`);
    return text.replace(line, () => `${key} = ${JSON.stringify(value)}`);
  };
  const main = /^main = "(.*)"$/m.exec(base)?.[1] ?? "";
  const named = replaced(replaced(base, "name", serviceName(region)), "main", resolve(directory, main));
  return `${named}\n[placement]\nregion = ${JSON.stringify(place)}\n`;
}

/** What is deployed and where: wrangler's dry run tells neither. */
export const summary = ({ region, place, dryRun }: PlacedOrder): string =>
  `kosmos: ${serviceName(region)}, placed near ${place}${dryRun ? " (a dry run: nothing is uploaded)" : ""}`;

/** What is left to do once it is deployed. */
export const nextSteps = ({ region }: PlacedOrder): string =>
  [
    `Add to wrangler.toml, if it is not there yet, and deploy Kosmos again (npm run deploy):`,
    "",
    "[[services]]",
    `binding = "CHECKER_${region.toUpperCase()}"`,
    `service = "${serviceName(region)}"`,
    "",
    `Where monitors have secrets, give it the same key: npx wrangler secret put KOSMOS_ENCRYPTION_KEY --name ${serviceName(region)}`,
    `Then ${region} may stand in check_regions and in KOSMOS_REGIONS.`,
  ].join("\n");
