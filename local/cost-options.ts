/** What `npm run cost` is told on its command line. */
import { parseArgs } from "node:util";
import type { Size } from "./cost-bill.ts";

export const costUsage = `npm run cost -- --members N --regions R --delay D --timeout T [--latency 200] [--hanging 0]
  What Cloudflare bills a month for N members with one endpoint and one monitor each, checked from R regions every D seconds, T seconds at the most.
  --latency: milliseconds that a check of a healthy endpoint takes; --hanging: percent of the members that hang. docs/costs.md explains the bill.`;

const bounds = {
  members: { from: 1, to: 1_000_000, usual: null },
  regions: { from: 1, to: 16, usual: null },
  delay: { from: 1, to: 86_400, usual: null },
  timeout: { from: 1, to: 60, usual: null },
  latency: { from: 1, to: 60_000, usual: 200 },
  hanging: { from: 0, to: 100, usual: 0 },
} as const;
type Name = keyof typeof bounds;

/** The size, or everything that is wrong, in words. */
export function costOptions(args: readonly string[]): Size | readonly string[] {
  let given: Partial<Record<Name, string>>;
  try {
    const options = Object.fromEntries(Object.keys(bounds).map((name) => [name, { type: "string" as const }]));
    given = parseArgs({ args: [...args], options }).values as Partial<Record<Name, string>>;
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
  const wrong: string[] = [];
  const number = (name: Name): number => {
    const { from, to, usual } = bounds[name];
    const text = given[name];
    if (text === undefined && usual !== null) return usual;
    const value = text !== undefined && /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    wrong.push(`--${name} must be a whole number from ${from} to ${to}, ${text === undefined ? "and is missing" : `got "${text}"`}`);
    return Number.NaN;
  };
  const size: Size = {
    members: number("members"),
    regions: number("regions"),
    delay: number("delay"),
    timeout: number("timeout"),
    latencyMs: number("latency"),
    hangingPercent: number("hanging"),
  };
  if (size.timeout > size.delay) wrong.push(`--timeout must be at most --delay, got ${size.timeout} and ${size.delay}`);
  return wrong.length > 0 ? wrong : size;
}
