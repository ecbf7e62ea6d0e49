import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readSettings } from "./settings.ts";

const token = `kosmos_${"Ab3-_".repeat(8)}xyz`;
const url = "https://kosmos.example.com";
const folder = mkdtempSync(join(tmpdir(), "kosmos-agent-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string, mode = 0o600) => {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
};

const read = (args: readonly string[], environment: NodeJS.ProcessEnv = { KOSMOS_AGENT_TOKEN: token }) => readSettings(args, environment);
const settingsOf = (...given: Parameters<typeof read>) => {
  const wanted = read(...given);
  if (!wanted.ok || wanted.value.kind !== "run") throw new Error(JSON.stringify(wanted));
  return wanted.value.settings;
};

describe("an agent's settings", () => {
  it("come from the command line and the environment", () => {
    const settings = settingsOf(["--url", `${url}/`, "--allow", "10.1.0.0/16", "--allow", "fd00::1"]);
    expect(settings).toMatchObject({ url, token, concurrency: 64, ca: null, warnings: [] });
    expect(settings.allow.allows("10.1.2.3") && settings.allow.allows("fd00::1")).toBe(true);
    expect(settingsOf([], { KOSMOS_URL: "http://127.0.0.1:8787", KOSMOS_AGENT_TOKEN: token }).url).toBe("http://127.0.0.1:8787");
    const path = file("token", `${token}\n`);
    expect(settingsOf(["--url", url, "--token-file", path], {}).token).toBe(token);
  });

  it("without --allow allow nothing, and say so", () => {
    const { allow, warnings } = settingsOf(["--url", url]);
    expect(allow.allows("127.0.0.1")).toBe(false);
    expect(warnings).toEqual(["nothing may be checked: no --allow was given"]);
  });

  it("warn of a token that everybody can read", () => {
    const path = file("open", token, 0o644);
    expect(settingsOf(["--url", url, "--allow", "::/0", "--token-file", path], {}).warnings).toEqual([
      `everyone on this machine can read ${path}`,
    ]);
  });

  it.each([
    [[], "--url (or KOSMOS_URL) is missing"],
    [["--url", "kosmos.example.com"], "is no URL"],
    [["--url", "http://kosmos.example.com"], "must be https"],
    [["--url", "https://u:p@kosmos.example.com"], "no user and no password"],
    [["--url", `${url}/v0.1`], "without a path"],
    [["--url", url, "--allow", "10.0.0.0/33"], "--allow"],
    [["--url", url, "--concurrency", "0"], "--concurrency"],
    [["--url", url, "--concurrency", "many"], "--concurrency"],
    [["--url", url, "--ca", "/nowhere/ca.pem"], "--ca: /nowhere/ca.pem cannot be read (ENOENT)"],
    [["--url", url, "--ca", file("empty.pem", "nothing")], "holds no certificate"],
    [["--url", url, "--token", token], "Unknown option '--token'"],
    [["--url", url, "check"], "Unexpected argument 'check'"],
  ])("%j are refused", (args, expected) => {
    const wanted = read(args);
    expect(wanted.ok ? "taken" : wanted.error).toContain(expected);
  });

  it("need a token, and never show a wrong one", () => {
    expect(read(["--url", url], {})).toMatchObject({ ok: false, error: expect.stringContaining("the token is missing") });
    const wrong = read(["--url", url], { KOSMOS_AGENT_TOKEN: "hunter2" });
    expect(wrong).toMatchObject({ ok: false, error: expect.stringContaining("holds no agent's token") });
    expect(JSON.stringify(wrong)).not.toContain("hunter2");
  });

  it("are not read where help or the version is asked for", () => {
    expect(read(["--help"], {})).toEqual({ ok: true, value: { kind: "help" } });
    expect(read(["--version", "--url", "x"], {})).toEqual({ ok: true, value: { kind: "version" } });
  });
});
