/** What an agent is told, by its command line and its environment. The token is never an argument: arguments are in every list of processes. */
import { readFileSync, statSync } from "node:fs";
import { parseArgs } from "node:util";
import { fail, ok, type Result } from "../domain/result.ts";
import { AllowList } from "./allow.ts";

export type Settings = {
  /** The deployment's origin, without a slash at its end. */
  readonly url: string;
  readonly token: string;
  readonly allow: AllowList;
  /** Checks at a time. */
  readonly concurrency: number;
  /** PEM: the authorities of the API's own certificate; null: the public ones. */
  readonly ca: string | null;
  /** What should be known and does not stand in the way. */
  readonly warnings: readonly string[];
};

export type Wanted = { readonly kind: "run"; readonly settings: Settings } | { readonly kind: "help" } | { readonly kind: "version" };

export const help = `kosmos-agent: a vantage point of Kosmos inside your network

  KOSMOS_AGENT_TOKEN=kosmos_… kosmos-agent --url https://kosmos.example.com --allow 10.1.0.0/16

  --url URL            the deployment (or KOSMOS_URL)
  --token-file FILE    holds the agent's token (or KOSMOS_AGENT_TOKEN holds it)
  --allow NETWORK      a network that may be checked, such as 10.1.0.0/16, fd00::/8 or 10.1.0.7;
                       may be given many times; without it nothing is checked
  --concurrency N      checks at a time, 1 to 1000 (64)
  --ca FILE            PEM: the authority of the deployment's own certificate, where it is no public one
  --help, --version

It ends with 0 after SIGTERM or SIGINT, with 2 when it was told something wrong, and with 77 when its token is not (or no longer) valid.`;

const options = {
  url: { type: "string" },
  "token-file": { type: "string" },
  allow: { type: "string", multiple: true },
  concurrency: { type: "string" },
  ca: { type: "string" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean" },
} as const;

/** `args` without the program's own name. */
export function readSettings(args: readonly string[], environment: NodeJS.ProcessEnv): Result<Wanted, string> {
  const given = parse(args);
  if (!given.ok) return given;
  const values = given.value;
  if (values.help === true) return ok({ kind: "help" });
  if (values.version === true) return ok({ kind: "version" });

  const url = readUrl(values.url ?? environment.KOSMOS_URL);
  if (!url.ok) return url;
  const token = readToken(values["token-file"], environment.KOSMOS_AGENT_TOKEN);
  if (!token.ok) return token;
  const allow = AllowList.of(values.allow ?? []);
  if (!allow.ok) return fail(`--allow: ${allow.error}`);
  const concurrency = values.concurrency ?? "64";
  if (!/^[1-9][0-9]{0,3}$/.test(concurrency) || Number(concurrency) > 1_000) return fail("--concurrency must be a number from 1 to 1000");
  const ca = values.ca === undefined ? ok(null) : readText("--ca", values.ca);
  if (!ca.ok) return ca;
  if (ca.value !== null && !ca.value.includes("-----BEGIN CERTIFICATE-----")) return fail(`--ca: ${values.ca} holds no certificate (PEM)`);
  return ok({
    kind: "run",
    settings: {
      url: url.value,
      token: token.value.text,
      allow: allow.value,
      concurrency: Number(concurrency),
      ca: ca.value,
      warnings: [...token.value.warnings, ...(allow.value.isEmpty ? ["nothing may be checked: no --allow was given"] : [])],
    },
  });
}

function parse(args: readonly string[]) {
  try {
    return ok(parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values);
  } catch (error) {
    return fail((error instanceof Error ? error.message : String(error)).split(". ")[0] ?? "");
  }
}

function readUrl(text: string | undefined): Result<string, string> {
  if (text === undefined || text === "") return fail("--url (or KOSMOS_URL) is missing: where is the deployment?");
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) return fail(`--url: "${text}" is no URL such as https://kosmos.example.com`);
  if (url.username !== "" || url.password !== "") return fail("--url must have no user and no password");
  if (url.search !== "" || url.hash !== "" || url.pathname !== "/") return fail("--url must be the deployment's root, without a path");
  const local = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "http:" && !local) return fail("--url must be https: the token would be read by anyone on the way");
  return ok(url.origin);
}

function readToken(file: string | undefined, variable: string | undefined): Result<{ text: string; warnings: string[] }, string> {
  if (file === undefined) {
    if (variable === undefined || variable === "") return fail("the token is missing: set KOSMOS_AGENT_TOKEN, or give --token-file");
    return checkToken(variable, "KOSMOS_AGENT_TOKEN", []);
  }
  const text = readText("--token-file", file);
  if (!text.ok) return text;
  const open = process.platform !== "win32" && (statSync(file).mode & 0o004) !== 0;
  return checkToken(text.value, `--token-file ${file}`, open ? [`everyone on this machine can read ${file}`] : []);
}

/** Never repeats what it was given. */
function checkToken(text: string, where: string, warnings: string[]): Result<{ text: string; warnings: string[] }, string> {
  const token = text.trim();
  if (!/^kosmos_[A-Za-z0-9_-]{43}$/.test(token)) return fail(`${where} holds no agent's token: kosmos_ and 43 characters`);
  return ok({ text: token, warnings });
}

function readText(option: string, file: string): Result<string, string> {
  try {
    return ok(readFileSync(file, "utf8"));
  } catch (error) {
    return fail(`${option}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? error})`);
  }
}
