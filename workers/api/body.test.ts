import { describe, expect, test } from "vitest";
import { gslbBody, pointers, startApi } from "./api.fixture.ts";

const writes = [
  ["POST", "/v0.1/gslbs"],
  ["POST", "/v0.1/pools"],
  ["POST", "/v0.1/monitors"],
] as const;

/** Chunks of spaces without end; `pulled` counts what the server asked for. */
function endless() {
  const pulled = { bytes: 0 };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled.bytes += 8192;
      controller.enqueue(new Uint8Array(8192).fill(32));
    },
  });
  return { stream, pulled };
}

describe("a request's body", () => {
  test.each(writes)("%s %s takes JSON objects only", async (method, path) => {
    const { call, conductor } = startApi();
    for (const body of ["", "null", "[]", "[{}]", "1", '"text"', "true", "{", "nope"]) {
      const answer = await call(method, path, body, { "Content-Type": "application/json" });
      expect(answer.status, body).toBe(400);
      expect(answer.body.type).toBe("/problems/invalid-body");
      expect(pointers(answer)).toEqual([""]);
    }
    expect(conductor.count()).toBe(0);
  });

  test("bytes that are not UTF-8 are refused; a byte order mark is not part of the text", async () => {
    const { call } = startApi();
    expect((await call("POST", "/v0.1/gslbs", new Uint8Array([0x7b, 0xff, 0x7d]))).body.errors[0].detail).toBe("is not UTF-8");
    const marked = new Uint8Array([0xef, 0xbb, 0xbf, ...new TextEncoder().encode(JSON.stringify(gslbBody))]);
    expect((await call("POST", "/v0.1/gslbs", marked)).status).toBe(201);
  });

  test.each([
    ["POST", "text/plain", 415],
    ["POST", "application/x-www-form-urlencoded", 415],
    ["POST", "application/merge-patch+json", 415],
    ["POST", "application/json; charset=iso-8859-1", 415],
    ["POST", "application/json; charset=UTF-8", 201],
    ["POST", "Application/JSON", 201],
    ["POST", null, 415],
  ])("%s with Content-Type %s is %i", async (method, type, status) => {
    const { call } = startApi();
    const bytes = new TextEncoder().encode(JSON.stringify(gslbBody));
    expect((await call(method, "/v0.1/gslbs", bytes, { "Content-Type": type })).status).toBe(status);
  });

  test("a compressed body is 415", async () => {
    const { call } = startApi();
    expect((await call("POST", "/v0.1/gslbs", gslbBody, { "Content-Encoding": "gzip" })).status).toBe(415);
  });

  test("a PATCH takes a merge patch and JSON, and says so when it gets something else", async () => {
    const { call } = startApi();
    const { body } = await call("POST", "/v0.1/gslbs", gslbBody);
    const path = `/v0.1/gslbs/${body.id}`;
    for (const type of ["application/merge-patch+json", "application/json"]) {
      expect((await call("PATCH", path, { name: type }, { "Content-Type": type })).body.name).toBe(type);
    }
    const answer = await call("PATCH", path, { name: "x" }, { "Content-Type": "application/json-patch+json" });
    expect(answer.status).toBe(415);
    expect(answer.headers.get("Accept-Patch")).toBe("application/merge-patch+json, application/json");
  });

  test("64 KiB are taken, one byte more is not", async () => {
    const { call } = startApi();
    const text = JSON.stringify(gslbBody);
    expect((await call("POST", "/v0.1/gslbs", text + " ".repeat(65_536 - text.length))).status).toBe(201);
    expect((await call("POST", "/v0.1/gslbs", text + " ".repeat(65_537 - text.length))).status).toBe(413);
  });

  test("a body without Content-Length is read only up to the bound", async () => {
    const { call } = startApi();
    const { stream, pulled } = endless();
    expect((await call("POST", "/v0.1/gslbs", stream)).status).toBe(413);
    expect(pulled.bytes).toBeLessThan(200_000);
  });

  test("a Content-Length that is too low does not help", async () => {
    const { call } = startApi();
    expect((await call("POST", "/v0.1/gslbs", endless().stream, { "Content-Length": "10" })).status).toBe(413);
  });

  test("a Content-Length that is too high is refused before a byte is read", async () => {
    const { call } = startApi();
    const { stream, pulled } = endless();
    expect((await call("POST", "/v0.1/gslbs", stream, { "Content-Length": "1000000" })).status).toBe(413);
    expect(pulled.bytes).toBeLessThan(20_000);
  });

  test("a body that breaks off is 400", async () => {
    const { call } = startApi();
    const broken = new ReadableStream({ start: (controller) => controller.error(new Error("gone")) });
    expect((await call("POST", "/v0.1/gslbs", broken)).status).toBe(400);
  });
});
