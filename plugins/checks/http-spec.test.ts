import { describe, expect, it } from "vitest";
import { z } from "zod";
import { limits } from "../../domain/limits.ts";
import { rsaPem } from "./certificates.fixture.ts";
import { http } from "./http.ts";
import { httpSpec } from "./http-spec.ts";
import { https } from "./https.ts";

const spec = httpSpec(443);
/** What is wrong: "path message", in order. */
const wrong = (fields: object): string[] => {
  const result = spec.safeParse(fields);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `/${path.join("/")} ${message}`);
};

describe("the secrets of an HTTP monitor", () => {
  it("are named by the plugins, and may be there or not", () => {
    expect(http.secrets).toEqual(["secret_headers", "credentials"]);
    expect(https.secrets).toEqual(["secret_headers", "credentials"]);
    const bare = spec.parse({});
    expect(Object.keys(bare)).not.toEqual(expect.arrayContaining(["secret_headers"]));
    expect(Object.keys(bare)).not.toEqual(expect.arrayContaining(["credentials"]));
    const secrets = { secret_headers: { Authorization: "Token x", Cookie: "a=b" }, credentials: { bearer_token: "abc" } };
    expect(spec.parse(secrets)).toEqual({ ...bare, ...secrets });
  });

  it.each([
    [{ secret_headers: { Host: "a" } }, ["/secret_headers/Host must be set in headers, where it is shown"]],
    [{ secret_headers: { "Content-Length": "1" } }, ["/secret_headers/Content-Length must not be set here"]],
    [{ secret_headers: { a: "b\r\nc: d" } }, ["/secret_headers/a must be printable ASCII without blanks at its ends"]],
    [{ secret_headers: "x" }, ["/secret_headers must be an object of header names and values"]],
    [{ secret_headers: { a: "b".repeat(limits.headersBytes) } }, ["/secret_headers must be at most 8192 bytes in all"]],
    [{ credentials: "x" }, ["/credentials must be {username, password} or {bearer_token}"]],
    [{ credentials: [] }, ["/credentials must be {username, password} or {bearer_token}"]],
    [{ credentials: {} }, ["/credentials/username must be a string", "/credentials/password must be a string"]],
    [{ credentials: { username: "a" } }, ["/credentials/password must be a string"]],
    [{ credentials: { username: "a:b", password: "" } }, ["/credentials/username must not have a colon"]],
    [{ credentials: { username: "a", password: "b\n" } }, ["/credentials/password must not have control characters"]],
    [{ credentials: { username: "ü".repeat(128), password: "" } }, ["/credentials/username must be at most 255 bytes"]],
    [{ credentials: { username: "a", password: "b", realm: "c" } }, ["/credentials must be {username, password} or {bearer_token}"]],
    [{ credentials: { username: "a", password: "b", bearer_token: "c" } }, ["/credentials must be {username, password} or {bearer_token}"]],
    [{ credentials: { bearer_token: "a b" } }, ["/credentials/bearer_token must be printable ASCII without blanks"]],
    [{ credentials: { bearer_token: "" } }, ["/credentials/bearer_token must be printable ASCII without blanks"]],
  ])("%j are refused", (fields, expected) => {
    expect(wrong(fields)).toEqual(expected);
  });
});

describe("the JSON Schema of an HTTP monitor", () => {
  const { properties } = z.toJSONSchema(spec, { io: "input", unrepresentable: "any" });

  it("says which forms credentials have, and what is never shown", () => {
    const { credentials, secret_headers } = properties as Record<string, { writeOnly?: boolean; anyOf?: { required: string[] }[] }>;
    expect(credentials?.anyOf?.map(({ required }) => required)).toEqual([["username", "password"], ["bearer_token"]]);
    expect([credentials?.writeOnly, secret_headers?.writeOnly]).toEqual([true, true]);
  });

  it("says which methods there are", () => {
    expect(properties?.http_method).toMatchObject({ enum: ["GET", "HEAD", "POST", "PUT", "OPTIONS"], default: "GET" });
  });
});

describe("what an HTTP monitor expects of an answer", () => {
  const operators = "equals, not_equals, less_than, greater_than, exists";
  const path = "must be a path such as $.a['b c'][0], at most 256 characters and 32 steps";
  it.each([
    [{ json_assertions: {} }, ["/json_assertions must be a list of assertions"]],
    [{ json_assertions: [null] }, [`/json_assertions/0 must be {path} and one of ${operators}`]],
    [{ json_assertions: [{ path: "$" }] }, [`/json_assertions/0 must have exactly one of ${operators}`]],
    [{ json_assertions: [{ path: "$", equals: 1, exists: true }] }, [`/json_assertions/0 must have exactly one of ${operators}`]],
    [{ json_assertions: [{ path: "$", exists: true, matches: "x" }] }, [`/json_assertions/0 must be {path} and one of ${operators}`]],
    [{ json_assertions: [{ path: "a", exists: true }] }, [`/json_assertions/0/path ${path}`]],
    [{ json_assertions: [{ path: `$${".a".repeat(33)}`, exists: true }] }, [`/json_assertions/0/path ${path}`]],
    [{ json_assertions: [{ path: `$.${"a".repeat(255)}`, exists: true }] }, [`/json_assertions/0/path ${path}`]],
    [{ json_assertions: [{ path: "$", less_than: "1" }] }, ["/json_assertions/0/less_than must be a number"]],
    [{ json_assertions: [{ path: "$", exists: 1 }] }, ["/json_assertions/0/exists must be true or false"]],
    [
      { json_assertions: [{ path: "$", equals: [] }] },
      ["/json_assertions/0/equals must be a string of at most 1024 bytes, a number, true, false or null"],
    ],
    [
      { json_assertions: [{ path: "$", equals: "ü".repeat(513) }] },
      ["/json_assertions/0/equals must be a string of at most 1024 bytes, a number, true, false or null"],
    ],
    [
      { json_assertions: Array.from({ length: 17 }, () => ({ path: "$", exists: true })) },
      ["/json_assertions must have at most 16 assertions"],
    ],
    [{ receive_string_absent: "" }, ["/receive_string_absent must not be empty"]],
    [
      { http_method: "HEAD", receive_string_absent: "a", json_assertions: [{ path: "$", exists: true }] },
      [
        "/receive_string_absent needs an http_method whose answer has a body",
        "/json_assertions needs an http_method whose answer has a body",
      ],
    ],
    [{ max_redirects: 0 }, ["/max_redirects must be an integer from 1 to 20"]],
    [{ max_redirects: 21 }, ["/max_redirects must be an integer from 1 to 20"]],
    [{ follow_redirects: "yes" }, ["/follow_redirects must be true or false"]],
    [{ max_response_ms: 0 }, ["/max_response_ms must be an integer from 1 to 60000"]],
    [{ max_response_ms: 60_001 }, ["/max_response_ms must be an integer from 1 to 60000"]],
  ])("%j is refused", (fields, expected) => {
    expect(wrong(fields)).toEqual(expected);
  });

  it("may be all of it at once", () => {
    const fields = {
      receive_string: "a",
      receive_string_absent: "b",
      json_assertions: [
        { path: "$.a", equals: null },
        { path: "$['a b']", not_equals: "x" },
        { path: "$[0].c", greater_than: -1.5 },
        { path: "$.d", exists: false },
      ],
      follow_redirects: true,
      max_redirects: 20,
      max_response_ms: 250,
    };
    expect(spec.parse(fields)).toMatchObject(fields);
  });
});

describe("what an HTTP monitor needs of a vantage point", () => {
  const name = { host: "www.example.com.", port: null, hostHeader: null, endpoint: "www.example.com." };
  const address = { host: "192.0.2.1", port: null, hostHeader: null, endpoint: "192.0.2.1" };
  const needs = (plugin: typeof http | typeof https, fields: object, target: typeof name | typeof address | null) =>
    plugin.needs(plugin.spec.parse(fields), target);

  it("is fetch for a name as itself, and a connection otherwise", () => {
    expect(needs(http, {}, name)).toEqual(["http"]);
    expect(needs(http, {}, address)).toEqual(["tcp"]);
    expect(needs(http, { headers: { Host: "other.example" } }, name)).toEqual(["tcp"]);
    expect(needs(http, {}, null)).toEqual(["tcp"]);
    // What a redirect may need is seen when there is one.
    expect(needs(http, { insecure: true, min_days_valid: 7 }, name)).toEqual(["http"]);
  });

  it.each([
    ["an address", {}, address],
    ["another Host", { headers: { Host: "other.example" } }, name],
    ["another SNI", { sni: "other.example" }, name],
    ["no verification", { insecure: true }, name],
    ["an authority of one's own", { ca_cert: rsaPem }, name],
    ["a look at the certificate", { min_days_valid: 1 }, name],
    ["no verification, wherever it goes", { insecure: true }, null],
  ])("is TLS of its own for %s", (_title, fields, target) => {
    expect(needs(https, fields, target)).toEqual(["tls"]);
  });

  it("is HTTPS by name where nothing more is asked", () => {
    expect(needs(https, {}, name)).toEqual(["https_name"]);
    expect(needs(https, { sni: "WWW.example.com." }, name)).toEqual(["https_name"]);
    expect(needs(https, { headers: { Host: "www.EXAMPLE.com" } }, name)).toEqual(["https_name"]);
    expect(needs(https, { sni: "www.example.com" }, null)).toEqual(["https_name"]);
  });
});
