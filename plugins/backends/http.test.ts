import { describe, expect, it } from "vitest";
import { failureOf, jsonOf, request, retryAfterMs } from "./http.ts";

const answer = (status: number, text = "", headers: Record<string, string> = {}) => ({ status, text, headers: new Headers(headers) });
const now = Date.parse("2026-11-22T10:00:00Z");
const signal = new AbortController().signal;

describe("an answer of a backend's", () => {
  it.each([
    [401, "credentials"],
    [403, "credentials"],
    [404, "not-found"],
    [409, "retry"],
    [429, "retry"],
    [503, "retry"],
    [302, "retry"],
    [400, "refused"],
    [422, "refused"],
  ])("%i is %s", (status, expected) => {
    expect(failureOf(answer(status), now).class).toBe(expected);
  });

  it("waits as long as it says, in seconds or until a date", () => {
    expect(failureOf(answer(429, "", { "Retry-After": "7" }), now)).toMatchObject({ class: "retry", afterMs: 7_000 });
    expect(retryAfterMs(answer(503, "", { "Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT" }), now)).toBe(30_000);
    expect(retryAfterMs(answer(503, "", { "Retry-After": "soon" }), now)).toBeNull();
    expect(retryAfterMs(answer(503), now)).toBeNull();
  });

  it("tells the reason, as the plugin reads it or as it stands, on one line, and no error page", () => {
    expect(failureOf(answer(422, '{"error": "bad\\naddress"}'), now, "bad\naddress").detail).toBe("422: bad address");
    expect(failureOf(answer(400, "Bad Request"), now).detail).toBe("400: Bad Request");
    expect(failureOf(answer(502, "<html>…", { "Content-Type": "text/html" }), now).detail).toBe("502");
    expect(failureOf(answer(400, "x".repeat(10_000)), now).detail.length).toBeLessThan(400);
  });

  it("that sends on says where to, so that people can set that, without its path", () => {
    expect(failureOf(answer(301, "", { Location: "https://dns.example.com/api?key=x" }), now)).toEqual({
      class: "retry",
      detail: "301 (sends on to https://dns.example.com, which is not followed)",
    });
  });

  it("need not be JSON", () => {
    expect(jsonOf(answer(404, "Not Found"))).toBeNull();
    expect(jsonOf(answer(200, "[1]"))).toEqual([1]);
  });
});

describe("a request to a backend", () => {
  it("that nobody answers is tried again, and its words hold no secret", async () => {
    const fetch = (() => Promise.reject(new TypeError("connection refused"))) as typeof globalThis.fetch;
    const asked = request(
      { fetch, signal },
      { method: "GET", url: "http://dns.example/api?key=secret", headers: { "X-API-Key": "secret" } },
    );
    await expect(asked).rejects.toMatchObject({ failure: { class: "retry", detail: "dns.example did not answer: connection refused" } });
  });

  it("takes no answer that a Worker has no room for", async () => {
    const chunk = new Uint8Array(1024 * 1024).fill(0x20);
    let sent = 0;
    const body = new ReadableStream<Uint8Array>({ pull: (out) => (sent++ < 20 ? out.enqueue(chunk) : out.close()) });
    const fetch = (async () => new Response(body)) as unknown as typeof globalThis.fetch;
    await expect(request({ fetch, signal }, { method: "GET", url: "http://dns.example/" })).rejects.toThrow("longer than 16 MiB");
    expect(sent).toBeLessThan(20);
  });

  it("follows no redirect, and sends JSON", async () => {
    const seen: RequestInit[] = [];
    const fetch = (async (_url: string, init: RequestInit) => {
      seen.push(init);
      return new Response("moved", { status: 307 });
    }) as unknown as typeof globalThis.fetch;
    expect(await request({ fetch, signal }, { method: "POST", url: "http://dns.example/", json: { a: 1 } })).toMatchObject({
      status: 307,
      text: "moved",
    });
    expect(seen[0]).toMatchObject({ redirect: "manual", body: '{"a":1}', headers: { "Content-Type": "application/json" } });
  });
});
