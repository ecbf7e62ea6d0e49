import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CheckTarget } from "../../domain/check.ts";
import { firstHop, type Hop, type Scheme } from "./http-hop.ts";
import { isRedirect, keyOf, redirected, urlOf } from "./http-redirect.ts";
import { httpSpec } from "./http-spec.ts";

const specOf = (fields: object = {}) => httpSpec(80).parse(fields);
const address: CheckTarget = { host: "192.0.2.1", port: null, hostHeader: "www.example.com", endpoint: "192.0.2.1" };

/** Where a check of this address, under this name, is led to. */
function led(location: string | null, status = 302, fields: object = {}, scheme: Scheme = "http", target = address) {
  const spec = specOf(fields);
  const start = firstHop(scheme, spec, target);
  return redirected(start, start, status, location, spec);
}
const hop = (...args: Parameters<typeof led>): Hop => {
  const result = led(...args);
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

describe("a redirect", () => {
  it("is one of five statuses", () => {
    const found = Array.from({ length: 500 }, (_, index) => index + 100).filter(isRedirect);
    expect(found).toEqual([301, 302, 303, 307, 308]);
  });

  it.each([
    ["/b?c=d", "http", "192.0.2.1", 80, "www.example.com", "/b?c=d"],
    ["b", "http", "192.0.2.1", 80, "www.example.com", "/a/b"],
    ["../b#c", "http", "192.0.2.1", 80, "www.example.com", "/b"],
    ["?x", "http", "192.0.2.1", 80, "www.example.com", "/a/x?x"],
    ["http://WWW.example.com./b", "http", "192.0.2.1", 80, "www.example.com", "/b"],
    ["http://www.example.com:80", "http", "192.0.2.1", 80, "www.example.com", "/"],
    ["http://www.example.com:8080/b", "http", "192.0.2.1", 8080, "www.example.com:8080", "/b"],
    ["https://www.example.com/b", "https", "192.0.2.1", 443, "www.example.com", "/b"],
    ["//other.example/b", "http", "other.example.", 80, "other.example", "/b"],
    ["https://other.example:8443/b", "https", "other.example.", 8443, "other.example:8443", "/b"],
    ["http://[2001:DB8::1]:81/b", "http", "2001:db8::1", 81, "[2001:db8::1]:81", "/b"],
    ["http://0x7f.1/", "http", "127.0.0.1", 80, "127.0.0.1", "/"],
    ['/with blanks and "quotes"', "http", "192.0.2.1", 80, "www.example.com", "/with%20blanks%20and%20%22quotes%22"],
    ["/grün", "http", "192.0.2.1", 80, "www.example.com", "/gr%C3%BCn"],
    ["http://bücher.example/", "http", "xn--bcher-kva.example.", 80, "xn--bcher-kva.example", "/"],
  ])("to %j goes to %s %s %i, as %s, for %s", (location, scheme, host, port, sent, path) => {
    expect(hop(location, 302, { url_path: "/a/x" })).toMatchObject({ scheme, to: { host, port }, host: sent, path });
  });

  it.each([
    [null, "302 without a Location"],
    ["", "302 without a Location"],
    ["http://other.example:0/", 'the Location of the 302 is not valid: "http://other.example:0/"'],
    ["http://", 'the Location of the 302 is not valid: "http://"'],
    ["http://a b/", 'the Location of the 302 is not valid: "http://a b/"'],
    ["http://-a-.example/", 'the Location of the 302 is not valid: "http://-a-.example/"'],
    ["http://other.example:99999/", 'the Location of the 302 is not valid: "http://other.example:99999/"'],
    ["http://other.exa\nmple/", 'the Location of the 302 is not valid: "http://other.exa\\nmple/"'],
    [`/${"a".repeat(5_000)}`, `the Location of the 302 is not valid: "/${"a".repeat(35)}...`],
    ["ftp://other.example/", "redirected to ftp://other.example/, which is not HTTP"],
    ["javascript:alert(1)", "redirected to javascript:alert(1), which is not HTTP"],
    ["http://user:word@other.example/", "the Location of the 302 has a user name"],
  ])("to %j is none to be followed", (location, error) => {
    expect(led(location)).toEqual({ ok: false, error });
  });

  it("keeps the target's own port, but on the origin that was asked", () => {
    const target = { ...address, port: 8081 };
    expect(hop("http://www.example.com/b", 302, {}, "http", target).to).toEqual({ host: "192.0.2.1", port: 8081 });
    expect(hop("https://www.example.com/b", 302, {}, "http", target).to).toEqual({ host: "192.0.2.1", port: 443 });
    const served = { host: "192.0.2.9", port: 8081, hostHeader: null, endpoint: "192.0.2.1" };
    expect(hop("http://192.0.2.1/b", 302, {}, "http", served).to).toEqual({ host: "192.0.2.9", port: 8081 });
  });

  it.each([
    ["GET", 301, "GET"],
    ["GET", 303, "GET"],
    ["GET", 308, "GET"],
    ["HEAD", 301, "HEAD"],
    ["HEAD", 303, "HEAD"],
    ["POST", 301, "GET"],
    ["POST", 302, "GET"],
    ["POST", 303, "GET"],
    ["POST", 307, "POST"],
    ["POST", 308, "POST"],
    ["PUT", 301, "PUT"],
    ["PUT", 302, "PUT"],
    ["PUT", 303, "GET"],
    ["PUT", 307, "PUT"],
    ["OPTIONS", 303, "GET"],
  ])("of a %s with %i asks with %s", (http_method, status, then) => {
    const payload = http_method === "POST" || http_method === "PUT" ? { content_type: "text/plain", content: "x" } : null;
    const next = hop("/b", status, { http_method, payload });
    expect(next.method).toBe(then);
    expect(next.payload).toEqual(then === http_method ? payload : null);
  });

  it("names in the handshake whom it asks, and the monitor's own name only at the endpoint", () => {
    const fields = { sni: "sni.example" };
    expect(hop("https://www.example.com/", 302, fields).serverName).toBe("sni.example");
    expect(hop("https://other.example/", 302, fields).serverName).toBe("other.example");
    expect(hop("https://192.0.2.7/", 302, fields).serverName).toBeNull();
  });
});

describe("properties of redirects", () => {
  const part = fc.constantFrom(
    "http:",
    "https:",
    "//",
    "/",
    "www.example.com",
    "other.example",
    "192.0.2.1",
    "127.0.0.1",
    "[::1]",
    ":80",
    ":443",
    ":8080",
    ":",
    "@",
    "a",
    "?",
    "#",
    "..",
    "%",
    "\\",
    " ",
    "\t",
    "ü",
    "ftp:",
  );
  const location = fc.oneof(
    fc.array(part, { maxLength: 8 }).map((parts) => parts.join("")),
    fc.webUrl(),
    fc.string({ maxLength: 30 }),
  );
  const chain = fc.array(fc.tuple(fc.constantFrom(301, 302, 303, 307, 308), location), { minLength: 1, maxLength: 6 });
  const hosts = fc.constantFrom<Partial<CheckTarget>>(
    {},
    { hostHeader: null },
    { host: "www.example.com.", hostHeader: null, endpoint: "www.example.com." },
  );
  const start = fc.record({
    scheme: fc.constantFrom<Scheme>("http", "https"),
    method: fc.constantFrom("GET", "POST", "PUT"),
    more: hosts,
    port: fc.constantFrom(null, 8080),
  });

  /** Follows whatever can be followed; what it does at each hop. */
  function follow(
    { scheme, method, more, port }: { scheme: Scheme; method: string; more: Partial<CheckTarget>; port: number | null },
    steps: readonly [number, string][],
    each: (first: Hop, hop: Hop, before: Hop) => void,
  ): void {
    const spec = specOf({ http_method: method });
    const first = firstHop(scheme, spec, { ...address, ...more, port });
    let hop = first;
    for (const [status, to] of steps) {
      const next = redirected(first, hop, status, to, spec);
      if (!next.ok) {
        expect(next.error).toMatch(/^[ -~]{1,200}$/);
        continue;
      }
      each(first, next.value, hop);
      hop = next.value;
    }
  }

  it("secrets go to the first origin alone, and never again once they were left behind", () => {
    fc.assert(
      fc.property(start, chain, (from, steps) =>
        follow(from, steps, (first, hop, before) => {
          if (hop.secrets) expect(urlOf(hop).origin).toBe(urlOf(first).origin);
          if (hop.secrets) expect(hop.to).toEqual(first.to);
          if (!before.secrets) expect(hop.secrets).toBe(false);
        }),
      ),
    );
  });

  it("what is sent is one request line and one Host, to where the URL says or to the endpoint", () => {
    fc.assert(
      fc.property(start, chain, (from, steps) =>
        follow(from, steps, (first, hop) => {
          expect(hop.path).toMatch(/^\/[!-~]*$/);
          expect(hop.host).toMatch(/^[!-~]+$/);
          expect(hop.to.port).toBeGreaterThan(0);
          const url = urlOf(hop);
          if (hop.to.host !== first.to.host) expect(`${hop.to.host}`.replace(/\.$/, "")).toBe(url.hostname.replace(/^\[|\]$|\.$/g, ""));
          expect(keyOf(hop)).toBe(`${hop.method} ${url.href}`);
        }),
      ),
    );
  });

  it("a body is never sent with a method that it was not meant for", () => {
    fc.assert(
      fc.property(start, chain, (from, steps) =>
        follow(from, steps, (_first, hop, before) => {
          if (hop.method !== before.method) expect([hop.method, hop.payload]).toEqual(["GET", null]);
        }),
      ),
    );
  });
});
