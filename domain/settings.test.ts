import { describe, expect, it } from "vitest";
import { settingProblem } from "./settings.ts";

const key = Buffer.alloc(32, 7).toString("base64");

describe("a setting", () => {
  it.each([
    ["KOSMOS_ENCRYPTION_KEY", undefined],
    ["KOSMOS_ENCRYPTION_KEY", ""],
    ["KOSMOS_ENCRYPTION_KEY", key],
    ["KOSMOS_ENCRYPTION_KEY_PREVIOUS", key],
    ["KOSMOS_ALLOW_PRIVATE", ""],
    ["KOSMOS_ALLOW_PRIVATE", "0"],
    ["KOSMOS_ALLOW_PRIVATE", "1"],
    ["KOSMOS_ALLOW_PRIVATE", "agents"],
    ["KOSMOS_PDNS_SECRET", "s".repeat(32)],
    ["KOSMOS_PDNS_SECRET", "0Aa-_".repeat(8)],
    ["KOSMOS_PDNS_NS", "ns1.example.com., ns2.example.com"],
    ["KOSMOS_TRACE_URL", "anything"],
  ])("%s may be %j", (name, value) => {
    expect(settingProblem(name, value)).toBeNull();
  });

  it.each(["short", Buffer.alloc(31).toString("base64"), Buffer.alloc(33).toString("base64"), `${key}\n`, "f".repeat(64)])(
    "for a key is not %j, and that is not shown",
    (value) => {
      for (const name of ["KOSMOS_ENCRYPTION_KEY", "KOSMOS_ENCRYPTION_KEY_PREVIOUS"]) {
        expect(settingProblem(name, value)).toBe(`${name} must be 32 bytes in base64, as openssl rand -base64 32 makes them`);
      }
    },
  );

  it.each(["short", `${"s".repeat(32)}/`, "s".repeat(257)])("for PowerDNS's path is not %j, and that is not shown", (value) => {
    expect(settingProblem("KOSMOS_PDNS_SECRET", value)).toBe(
      "KOSMOS_PDNS_SECRET must be 32 to 256 letters, digits, - or _, as openssl rand -hex 32 makes them",
    );
  });

  it("for name servers is not what is no name", () => {
    expect(settingProblem("KOSMOS_PDNS_NS", "ns1.example.com,,")).toBe('KOSMOS_PDNS_NS must be names separated by commas, and "" is none');
  });

  it.each(["true", "yes", "Agents", " 1"])("about private addresses is not %j", (value) => {
    expect(settingProblem("KOSMOS_ALLOW_PRIVATE", value)).toBe(
      `KOSMOS_ALLOW_PRIVATE must be empty, 0, 1 or agents, not ${JSON.stringify(value)}`,
    );
  });
});
