import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { limits } from "../domain/limits.ts";
import { judgesAlike, withSecrets } from "../domain/monitor.ts";
import { checkPlugins } from "./checks/index.ts";
import { checkPluginOf, monitorWrite, readSpec, specOf } from "./index.ts";

/** What is wrong with a monitor: "path message", in order. */
const wrong = (body: unknown): string[] => {
  const result = monitorWrite.safeParse(body);
  return result.success ? [] : result.error.issues.map(({ path, message }) => `/${path.join("/")} ${message}`);
};
const http = (fields: object) => ({ type: "HTTP", ...fields });

describe("a monitor as it is written", () => {
  it("gets the defaults of every monitor and those of its type", () => {
    expect(monitorWrite.parse({ type: "http" })).toEqual({
      type: "HTTP",
      name: null,
      description: null,
      tags: [],
      delay: 20,
      timeout: 5,
      max_retries: 3,
      rise: 2,
      check_regions: [],
      confirm_delay: 1,
      observe_only: false,
      target: null,
      admin_state_up: true,
      port: 80,
      http_method: "GET",
      url_path: "/",
      headers: {},
      payload: null,
      receive_string: null,
      receive_string_absent: null,
      json_assertions: [],
      expected_codes: [200],
      follow_redirects: false,
      max_redirects: 5,
      max_response_ms: null,
      sni: null,
      ca_cert: null,
      insecure: false,
      min_days_valid: 0,
    });
    expect(monitorWrite.parse({ type: "Https" })).toMatchObject({ type: "HTTPS", port: 443 });
  });

  it("has a type that is known", () => {
    const message = `/type must be one of ${Object.keys(checkPlugins).sort().join(", ")}`;
    for (const type of ["PINGS", "", 5, null, undefined, "toString", "__proto__"]) expect(wrong({ type, delay: 30 })).toEqual([message]);
    expect(wrong({ type: "x", delay: 0 })).toEqual([message, "/delay must be an integer from 1 to 86400"]);
  });

  it("takes ICMP for PING", () => {
    expect(monitorWrite.parse({ type: "icmp" })).toMatchObject({ type: "PING" });
    expect(checkPluginOf("ICMP")).toBe(checkPluginOf("ping"));
  });

  it("is an object", () => {
    for (const body of [null, 5, "TCP", [], undefined]) expect(wrong(body)).toEqual(["/ must be an object"]);
  });

  it("has no fields that are unknown, or that belong to another type or to a later version", () => {
    for (const field of ["no_such", "id", "follow_redirects", "insecure", "sni", "starttls", "runnable", "__proto__"]) {
      const body = JSON.parse(`{"type":"TCP","port":1,"${field}":null}`);
      expect(wrong(body)).toEqual([`/ Unrecognized key: "${field}"`]);
    }
    expect(wrong({ type: "TCP", port: 1, url_path: "/" })).toHaveLength(1);
  });

  it("has a confirm_delay that is at most its delay, one second unless it says otherwise", () => {
    expect(wrong(http({ delay: 6, confirm_delay: 7 }))).toEqual(["/confirm_delay must be at most delay (6)"]);
    expect(monitorWrite.parse(http({ delay: 6 }))).toMatchObject({ confirm_delay: 1 });
  });

  it("has a timeout that is at most its delay", () => {
    expect(wrong(http({ delay: 2, timeout: 3 }))).toEqual(["/timeout must be at most delay (2)"]);
    expect(wrong(http({ delay: 3, timeout: 3 }))).toEqual([]);
  });

  it("tells what is wrong with its common fields and with its own together", () => {
    expect(wrong({ type: "TCP", delay: "1" })).toEqual([
      "/delay must be an integer from 1 to 86400",
      "/port must be an integer from 1 to 65535",
    ]);
  });

  it.each([0, 65_536, 1.5, "80", null])("has a port: %j is none", (port) => {
    expect(wrong({ type: "TCP", port })).toEqual(["/port must be an integer from 1 to 65535"]);
  });

  it("keeps the type's own fields apart", () => {
    const resource = { id: "i", project_id: "p", domain_id: "d", version: 1, created_at: "c", updated_at: "u" };
    expect(specOf({ ...resource, ...monitorWrite.parse({ type: "SSH", port: 5 }) })).toEqual({ port: 5 });
  });
});

describe("what an HTTP monitor may put on the wire", () => {
  const secret = "must not be set here; secret_headers and credentials are kept encrypted";
  const notInHeader = "must be printable ASCII without blanks at its ends";
  it.each([
    [{ headers: { "X-A": "b\r\nX-B: c" } }, [`/headers/X-A ${notInHeader}`]],
    [{ headers: { "X-A": "b\n" } }, [`/headers/X-A ${notInHeader}`]],
    [{ headers: { "X-A": " b" } }, [`/headers/X-A ${notInHeader}`]],
    [{ headers: { "X-A": "ü" } }, [`/headers/X-A ${notInHeader}`]],
    [{ headers: { "X A": "b" } }, ["/headers/X A must be a header name: letters, digits and !#$%&'*+-.^_`|~"]],
    [{ headers: { "": "b" } }, ["/headers/ must be a header name: letters, digits and !#$%&'*+-.^_`|~"]],
    [{ headers: { authorization: "Basic x" } }, [`/headers/authorization ${secret}`]],
    [{ headers: { Cookie: "x" } }, [`/headers/Cookie ${secret}`]],
    [{ headers: { "Content-Length": "1" } }, ["/headers/Content-Length must not be set here"]],
    [{ headers: { "Transfer-Encoding": "chunked" } }, ["/headers/Transfer-Encoding must not be set here"]],
    [{ headers: { Connection: "close" } }, ["/headers/Connection must not be set here"]],
    [{ headers: { "Content-Type": "a/b" } }, ["/headers/Content-Type must be set as payload.content_type"]],
    [{ headers: { a: "1", A: "2" } }, ["/headers/A must not repeat a header"]],
    [{ headers: { Host: "a b" } }, ["/headers/Host must be a host name or address, with a port at most"]],
    [{ headers: { a: 1 } }, ["/headers/a must be a string"]],
    [{ headers: [] }, ["/headers must be an object of header names and values"]],
    [{ headers: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`x-${i}`, ""])) }, ["/headers must have at most 32 headers"]],
    [{ headers: { a: "b".repeat(limits.headersBytes) } }, ["/headers must be at most 8192 bytes in all"]],
    [{ url_path: "health" }, ["/url_path must begin with / and hold printable ASCII only, without a fragment; percent-encode the rest"]],
    [{ url_path: "/a b" }, ["/url_path must begin with / and hold printable ASCII only, without a fragment; percent-encode the rest"]],
    [
      { url_path: "/a HTTP/1.1\r\n" },
      ["/url_path must begin with / and hold printable ASCII only, without a fragment; percent-encode the rest"],
    ],
    [{ url_path: "/a#b" }, ["/url_path must begin with / and hold printable ASCII only, without a fragment; percent-encode the rest"]],
    [{ url_path: `/${"a".repeat(2_048)}` }, ["/url_path must be at most 2048 characters"]],
    [{ http_method: "TRACE" }, ["/http_method must be one of GET, HEAD, POST, PUT, OPTIONS"]],
    [{ http_method: 1 }, ["/http_method must be one of GET, HEAD, POST, PUT, OPTIONS"]],
    [{ payload: { content_type: "a/b", content: "" } }, ["/payload needs http_method POST, PUT or OPTIONS"]],
    [
      { http_method: "POST", payload: { content_type: "a/b\r\nX: y", content: "" } },
      ["/payload/content_type must be a media type such as application/json"],
    ],
    [
      { http_method: "POST", payload: { content_type: "a/b", content: "ü".repeat(8_193) } },
      ["/payload/content must be at most 16384 bytes"],
    ],
    [{ http_method: "POST", payload: "x" }, ["/payload must be {content_type, content} and nothing else"]],
    [{ receive_string: "" }, ["/receive_string must not be empty"]],
    [{ receive_string: "ü".repeat(513) }, ["/receive_string must be at most 1024 bytes"]],
    [{ http_method: "HEAD", receive_string: "a" }, ["/receive_string needs an http_method whose answer has a body"]],
    [{ expected_codes: [] }, ["/expected_codes must have at least one status code"]],
    [{ expected_codes: 200 }, ["/expected_codes must be a list of status codes and ranges"]],
    ...[99, 600, 200.5, "200", "299-200", "200-600", null].map((code): [object, string[]] => [
      { expected_codes: [200, code] },
      ['/expected_codes/1 must be a status code from 100 to 599 or a range such as "200-299"'],
    ]),
  ])("%j is refused", (fields, expected) => {
    expect(wrong(http(fields))).toEqual(expected);
  });

  it("is taken where it is right", () => {
    const fields = {
      http_method: "post",
      headers: { "X-A": 'a, b;c="d"', Host: "[2001:db8::1]:81", Empty: "" },
      payload: { content_type: "application/json; charset=utf-8", content: "ü\r\n" },
      url_path: "/a/%20?b=c&d[]=e",
      expected_codes: [200, "300-399"],
      receive_string: "ü",
    };
    expect(monitorWrite.parse(http(fields))).toMatchObject({ ...fields, http_method: "POST" });
  });

  it("is taken or refused, and never throws, whatever it is", () => {
    const field = fc.constantFrom(
      "port",
      "headers",
      "payload",
      "url_path",
      "http_method",
      "expected_codes",
      "receive_string",
      "delay",
      "tags",
    );
    fc.assert(
      fc.property(fc.constantFrom("HTTP", "HTTPS", "TCP"), fc.dictionary(field, fc.jsonValue()), (type, fields) => {
        const result = monitorWrite.safeParse({ type, ...fields });
        if (result.success) expect(monitorWrite.parse(result.data)).toEqual(result.data);
        else expect(result.error.issues.length).toBeGreaterThan(0);
      }),
    );
  });
});

describe("the secrets of a monitor as it is written", () => {
  const http = { type: "HTTP", secret_headers: { "X-Key": "k" } };

  it("are there only as far as they were given; null clears", () => {
    expect(monitorWrite.parse({ type: "HTTP" })).not.toHaveProperty("secret_headers");
    expect(monitorWrite.parse(http)).toMatchObject({ secret_headers: { "X-Key": "k" } });
    expect(monitorWrite.parse({ ...http, secret_headers: null, credentials: null })).toMatchObject({
      secret_headers: null,
      credentials: null,
    });
    expect(monitorWrite.safeParse({ type: "TCP", port: 1, credentials: null }).success).toBe(false);
  });

  it("stay beside those that a later write gives, whatever their order", () => {
    const stored = withSecrets({ ...monitorWrite.parse({ type: "HTTP" }), sealed: { b: "2", a: "1" } }, null);
    expect(withSecrets(monitorWrite.parse({ type: "HTTP" }), stored)).toEqual(stored);
    const written = (sealed: object) => withSecrets({ ...monitorWrite.parse({ type: "HTTP" }), sealed }, stored);
    expect(written({ a: "3" }).sealed).toEqual({ a: "3", b: "2" });
    expect(written({ a: null }).sealed).toEqual({ b: "2" });
    expect(written({ a: null, b: null })).not.toHaveProperty("sealed");
    expect(judgesAlike(written({ b: "2", a: "1" }), stored)).toBe(true);
    expect(judgesAlike(written({ a: "3" }), stored)).toBe(false);
    expect(judgesAlike(written({ a: null }), stored)).toBe(false);
  });

  it("are no part of what the plugin reads of a stored monitor, nor is what HEARTBEAT is beaten with", () => {
    const stored = { ...monitorWrite.parse({ type: "HTTP" }), sealed: { credentials: "v1" } };
    expect(specOf(stored)).toHaveProperty("sealed");
    const read = readSpec(stored);
    expect(read.ok && read.value.spec).toMatchObject({ url_path: "/" });
    expect(read.ok && read.value.spec).not.toHaveProperty("sealed");
    expect(specOf({ type: "HEARTBEAT", period: 60, grace: 30, heartbeat_secret: "s" })).toEqual({ period: 60, grace: 30 });
  });

  it("a stored monitor from before a field was there has its default", () => {
    const { json_assertions: _, ...old } = monitorWrite.parse({ type: "HTTP" });
    const read = readSpec(old as never);
    expect(read.ok && read.value.spec).toMatchObject({ json_assertions: [] });
  });
});
