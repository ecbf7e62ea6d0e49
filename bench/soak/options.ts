/** What a soak is told on its command line: sizes, and how long. */
import { parseArgs } from "node:util";
import { hintedRegions } from "../../domain/monitor.ts";

export type SoakOptions = {
  readonly members: number;
  readonly hanging: number;
  readonly delay: number;
  readonly timeout: number;
  readonly regions: readonly string[];
  /** How long it goes on after the first have begun to hang. */
  readonly seconds: number;
};

export const usage = `npm run soak -- [--members 2000] [--hanging 600] [--delay 20] [--timeout 2] [--regions 3] [--seconds 180]
  Targets on loopback addresses, checked by the real system; when all are well, some begin to hang: two thirds of them accept and never answer,
  the others never complete a handshake. Says whether anyone healthy was called down or missed a check, and how soon the others were down.`;

/** What is wrong, in words, or the options. */
export function soakOptions(args: readonly string[]): SoakOptions | string {
  const names = { members: "2000", hanging: "600", delay: "20", timeout: "2", regions: "3", seconds: "180" };
  let values: Record<string, string | undefined>;
  try {
    const options = Object.fromEntries(Object.keys(names).map((name) => [name, { type: "string" as const }]));
    values = parseArgs({ args: [...args], options }).values as Record<string, string | undefined>;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const numbers: Record<string, number> = {};
  for (const [name, usual] of Object.entries(names)) {
    const text = values[name] ?? usual;
    if (!/^[0-9]{1,6}$/.test(text)) return `--${name} must be a whole number, got "${text}"`;
    numbers[name] = Number(text);
  }
  const { members = 0, hanging = 0, delay = 0, timeout = 0, regions = 0, seconds = 0 } = numbers;
  if (members < 1 || members > 20_000) return "--members must be from 1 to 20000";
  if (hanging >= members) return "--hanging must be less than --members";
  if (delay < 1 || timeout < 1 || timeout > delay) return "--timeout must be from 1 to --delay";
  if (regions < 1 || regions > hintedRegions.length) return `--regions must be from 1 to ${hintedRegions.length}`;
  if (seconds < 3 * delay) return "--seconds must be at least three times --delay: a period is lost at each end";
  return { members, hanging, delay, timeout, regions: hintedRegions.slice(0, regions), seconds };
}
