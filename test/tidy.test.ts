/** Holds the house rules as data and reads every file for them: who may import whom, how long a file may be, which words it may not have. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { builtinModules } from "node:module";
import { dirname, extname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");

/** What only the runtime of Workers has. */
const platform = ["cloudflare:workers", "cloudflare:sockets"];
const contracts = [
  "durable-objects/env.ts",
  "durable-objects/rpc.ts",
  "durable-objects/rpc-backends.ts",
  "durable-objects/rpc-vantage.ts",
  "durable-objects/seal.ts",
  "durable-objects/stubs.ts",
];
const registries = ["plugins/index.ts", "plugins/flavor.ts", "plugins/cloud.ts", "plugins/checks/index.ts", "plugins/backends/index.ts"];

/**
 * Who may import whom (docs/architecture.md): the entry with the longest matching path rules. A folder ends in a slash and may always import
 * from itself; `node:` stands for every module of Node. Tests may import anything.
 */
const imports: Readonly<Record<string, readonly string[]>> = {
  "domain/": ["zod"],
  "domain/address.ts": ["domain/", "zod", "ipaddr.js"],
  "plugins/": ["domain/", "zod"],
  "plugins/checks/": ["domain/", "zod", "dns-packet", "node:buffer"],
  "plugins/backends/": ["domain/", "zod", "plugins/openstack/", "aws4fetch", "fast-xml-parser"],
  // DNS over TCP is read as the checks read it.
  "plugins/backends/dns-session.ts": ["domain/", "plugins/backends/", "plugins/checks/"],
  "plugins/backends/dns-update.ts": ["domain/", "plugins/backends/", "dns-packet"],
  "plugins/backends/rfc2136-read.ts": ["domain/", "plugins/backends/", "plugins/checks/", "dns-packet", "node:buffer"],
  // What plugins for OpenStack share; it speaks HTTP as backends do.
  "plugins/openstack/": ["domain/", "zod", "plugins/backends/http.ts"],
  "durable-objects/": ["domain/"],
  "durable-objects/answers/": ["domain/", ...contracts, ...registries, ...platform, "zod"],
  "durable-objects/conductor/": ["domain/", ...contracts, ...registries, ...platform, "zod", "drizzle-orm", "migrations/"],
  // The engine hands the `edge` backend its way to the Answers objects.
  "durable-objects/engine/": [
    "domain/",
    ...contracts,
    ...registries,
    ...platform,
    "zod",
    "dns-packet",
    "node:buffer",
    "durable-objects/answers/answers-io.ts",
  ],
  "durable-objects/prober/": ["domain/", ...contracts, ...registries, ...platform, "zod"],
  "workers/index.ts": ["domain/", "durable-objects/", "workers/", ...registries],
  "workers/api/": ["domain/", ...contracts, ...registries, "zod", "hono", "dns-packet", "node:buffer"],
  "workers/checker/": ["domain/", ...contracts, ...registries, ...platform, "zod"],
  // The Node program: the same plugins, the same slots and the same runner as a Prober and its checker.
  "agent/": [
    "domain/",
    ...contracts,
    ...registries,
    "workers/checker/run-checks.ts",
    "durable-objects/prober/assignment.ts",
    "durable-objects/prober/slots.ts",
    "node:",
    "zod",
    "ipaddr.js",
  ],
  "workers/engine/": ["domain/", ...contracts, ...registries, "zod"],
  "types/": [],
  "local/": ["domain/", "node:", "miniflare", "wrangler", "zod"],
  "bench/": [
    "agent/",
    "domain/",
    "plugins/",
    "durable-objects/",
    "workers/",
    "local/",
    "test/",
    "node:",
    ...platform,
    "hono",
    "zod",
    "miniflare",
    "wrangler",
  ],
  "test/": [
    "agent/",
    "domain/",
    "plugins/",
    "durable-objects/",
    "workers/",
    "local/",
    "node:",
    ...platform,
    "ajv",
    "ajv-formats",
    "dns-packet",
    "vitest",
    "zod",
    "wrangler",
    "fast-xml-parser",
    "@aws-crypto/sha256-js",
    "@smithy/signature-v4",
    "smtp-server",
    "@grpc/grpc-js",
    "grpc-health-check",
  ],
};

/** Where a runtime or a tool wants a default export. */
const defaultExports = [
  /^[^/]+\.config\.ts$/,
  /^workers\/index\.ts$/,
  /^workers\/checker\/placed\.ts$/,
  /^(test|bench)\/.*worker[^/]*\.ts$/,
  /^types\//,
];

const maximumLines = 400;

/** Built from halves, so that this file passes its own test. */
const word = (...parts: string[]) => new RegExp(`\\b${parts.join("")}\\b`);
const bannedInCode: readonly [RegExp, string][] = [
  [word("TO", "DO"), "work left for later belongs in an issue"],
  [word("FIX", "ME"), "work left for later belongs in an issue"],
  [word("X", "XX"), "work left for later belongs in an issue"],
  [word("HA", "CK"), "say what it does and why"],
  [new RegExp(`not ${"implemented"}`, "i"), "what is missing is refused, not stubbed"],
  [new RegExp(`\\.${"only"}\\(`), "runs one test and hides the others"],
  [new RegExp(`\\b(it|test|describe)\\.(${"skip"}|${"todo"})\\b`), "a test that does not run"],
  [new RegExp(`@ts-${"(ignore|nocheck|expect-error)"}`), "hides what the compiler says"],
];
const bannedAnywhere: readonly [RegExp, string][] = [
  [new RegExp(`(^|[\\s"'\`(=:])/(${["work", "home", "root", "tmp", "Users"].join("|")})/`, "m"), "a path of one machine"],
  [
    new RegExp(`https?://[^/\\s"']*(${["artifactory", "nexus", "verdaccio", "pypi", "npmmirror"].join("|")})`, "i"),
    "the host of a registry",
  ],
  [new RegExp(`registry${"="}|_auth${"Token"}`), "the settings of a registry"],
  [
    new RegExp(`\\b(${["clau" + "de", "anthro" + "pic", "open" + "ai", "chat" + "gpt", "copi" + "lot"].join("|")})\\b`, "i"),
    "a tool's name",
  ],
];

const ignored = new Set(["node_modules", ".git", ".wrangler", ".kosmos", "dist", "coverage"]);
const files = walk(root);
const sources = files.filter((path) => extname(path) === ".ts");
const code = files.filter((path) => [".ts", ".js", ".toml", ".sql", ".json"].includes(extname(path)) && path !== "package-lock.json");
const texts = files.filter((path) => [".ts", ".js", ".toml", ".sql", ".json", ".md", ""].includes(extname(path)) && path !== "LICENSE");
const documents = files.filter((path) => extname(path) === ".md");
const isTest = (path: string) => /\.(test|fixture)\.ts$/.test(path);

describe("the repository is tidy", () => {
  it("has the files that it is about", () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(documents).toContain("README.md");
  });

  it("imports only what the table allows", () => {
    const wrong = sources.filter((path) => !isTest(path) && path.includes("/")).flatMap((path) => forbiddenImports(path));
    expect(wrong).toEqual([]);
  });

  it("names the files it imports, with their ending", () => {
    const wrong = sources.flatMap((path) =>
      specifiers(path)
        .filter(({ specifier }) => specifier.startsWith("."))
        .filter(({ specifier }) => extname(specifier) === "" || !existsSync(resolve(root, dirname(path), specifier)))
        .map(({ line, specifier }) => `${path}:${line} imports ${specifier}, which is no file`),
    );
    expect(wrong).toEqual([]);
  });

  it(`keeps every source file within ${maximumLines} lines`, () => {
    const lengths = sources.map((path) => ({ path, lines: read(path).trimEnd().split("\n").length }));
    expect(lengths.filter(({ lines }) => lines > maximumLines).map(({ path, lines }) => `${path} has ${lines} lines`)).toEqual([]);
  });

  it("has no word in the code that says it is not done", () => {
    expect(code.flatMap((path) => matches(path, bannedInCode))).toEqual([]);
  });

  it("names no machine, no registry and no tool", () => {
    expect(texts.flatMap((path) => matches(path, bannedAnywhere))).toEqual([]);
  });

  it("pins every package by its contents, and names no place to fetch it from", () => {
    type Locked = { packages: Record<string, { resolved?: string; integrity?: string }> };
    const packages = Object.entries((JSON.parse(read("package-lock.json")) as Locked).packages).filter(([name]) => name !== "");
    expect(packages.length).toBeGreaterThan(0);
    expect(packages.filter(([, entry]) => entry.integrity === undefined)).toEqual([]);
    expect(packages.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
  });

  it("names files in kebab-case", () => {
    const wrong = sources.filter((path) => path.split("/").some((part) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9-]+)*$/.test(part)));
    expect(wrong).toEqual([]);
  });

  it("exports a default only where a runtime wants one", () => {
    const wrong = sources.filter((path) => /^export default /m.test(read(path)) && !defaultExports.some((allowed) => allowed.test(path)));
    expect(wrong).toEqual([]);
  });

  it("says at the top of every source file what it is for", () => {
    const wrong = sources.filter((path) => !isTest(path) && !path.endsWith(".config.ts") && !/^(\/\*\*|\/\/)/.test(read(path)));
    expect(wrong).toEqual([]);
  });

  it("documents only scripts that exist", () => {
    const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
    const named = documents.flatMap((path) =>
      [...read(path).matchAll(/\bnpm run ([a-z][a-z:-]*)/g)].map(([, script = ""]) => ({ path, script })),
    );
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter(({ script }) => scripts[script] === undefined)).toEqual([]);
  });

  it("links only to files that exist", () => {
    const links = documents.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, to = ""]) => ({ path, to })),
    );
    expect(links.filter(({ path, to }) => !existsSync(resolve(root, dirname(path), to)))).toEqual([]);
  });
});

function walk(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (ignored.has(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return walk(path);
    return entry.isFile() ? [relative(root, path).replaceAll("\\", "/")] : [];
  });
}

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function matches(path: string, banned: readonly [RegExp, string][]): string[] {
  const lines = read(path).split("\n");
  return lines.flatMap((line, index) =>
    banned.filter(([pattern]) => pattern.test(line)).map(([, why]) => `${path}:${index + 1} ${why}: ${line.trim().slice(0, 120)}`),
  );
}

function specifiers(path: string): { specifier: string; line: number }[] {
  const text = read(path);
  const found = text.matchAll(/^(?:import|export)\s(?:[^;"'()=]*?\sfrom\s)?["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm);
  return [...found].map((match) => ({
    specifier: match[1] ?? match[2] ?? "",
    line: text.slice(0, match.index + match[0].length).split("\n").length,
  }));
}

function forbiddenImports(path: string): string[] {
  const rule = Object.keys(imports)
    .filter((prefix) => (prefix.endsWith("/") ? path.startsWith(prefix) : path === prefix))
    .sort((a, b) => b.length - a.length)[0];
  if (rule === undefined) return [`${path} is in no entry of the table`];
  const allowed = [...(imports[rule] ?? []), rule];
  return specifiers(path)
    .filter(({ specifier }) => !isAllowed(path, specifier, allowed))
    .map(({ specifier, line }) => `${path}:${line} must not import ${specifier} (${rule} may import ${allowed.join(", ")})`);
}

function isAllowed(path: string, specifier: string, allowed: readonly string[]): boolean {
  if (specifier.startsWith(".")) {
    const target = relative(root, resolve(root, dirname(path), specifier)).replaceAll("\\", "/");
    return allowed.some((entry) => (entry.endsWith("/") ? target.startsWith(entry) : target === entry));
  }
  if (!specifier.startsWith("node:") && builtinModules.includes(specifier)) return false;
  if (specifier.startsWith("node:") && allowed.includes("node:")) return true;
  return allowed.some((entry) => specifier === entry || specifier.startsWith(`${entry}/`));
}
