import { describe, expect, it } from "vitest";
import type { CheckIo } from "../../domain/check.ts";
import { ConnectFailure, VantageRefusal } from "../../domain/check.ts";
import { workerCapabilities } from "../../domain/vantage-point.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";
import { said } from "./http.fixture.ts";
import { originTrouble, refusalIn } from "./http-cloudflare.ts";

const target = { host: "origin.example.com.", port: null, hostHeader: null, endpoint: "origin.example.com." };

/** What a Worker makes of this answer. */
async function ask(fetch: CheckIo["fetch"], spec: Record<string, unknown> = {}) {
  const connect = () => {
    throw new Error("no connection is expected");
  };
  const io: CheckerIo = { capabilities: new Set(workerCapabilities(undefined)), now: () => Date.now(), fetch, connect };
  return said(await runCheck({ type: "HTTPS", spec, target, timeout_ms: 200 }, io));
}
const answers = (status: number, body: string | null = null, headers: Record<string, string> = {}) =>
  ask(async () => new Response(body, { status, headers }));

describe("what Cloudflare says of its way to an origin", () => {
  it.each([
    [520, "the origin's answer was empty, broke off or was not HTTP (520)"],
    [521, "the origin refused the connection (521)"],
    [522, "the origin did not take the connection in time (522)"],
    [523, "the origin is unreachable (523)"],
    [524, "the origin took the connection and did not answer in time (524)"],
    [525, "the TLS handshake with the origin failed (525)"],
    [526, "the origin's certificate is expired, for another name, or of an unknown authority (526)"],
    [527, "no valid answer from the origin (527)"],
    [530, "no valid answer from the origin (530)"],
  ])("%i is a fail, in words, whatever is expected", async (status, words) => {
    expect(await answers(status)).toBe(`fail: ${words}`);
    expect(await ask(async () => new Response(null, { status }), { expected_codes: ["100-599"], follow_redirects: true })).toBe(
      `fail: ${words}`,
    );
  });

  it("530 says more in its body", async () => {
    expect(await answers(530, "error code: 1016")).toBe("fail: the name does not resolve (530, error 1016)");
    expect(await answers(530, "<!DOCTYPE html><title>Error 1033</title>Ray ID: 1234")).toBe(
      "fail: the origin's tunnel is not connected (530, error 1033)",
    );
    expect(originTrouble(530, "error code: 1000")).toBe("the name leads to an address of Cloudflare's own (530, error 1000)");
    expect(originTrouble(530, "error code: 1999")).toBe("no valid answer from the origin (530, error 1999)");
    expect(originTrouble(522, "error code: 1016")).toBe("the origin did not take the connection in time (522)");
  });

  it("a body of it that never comes is not waited for longer than the check", async () => {
    const endless = new ReadableStream({ pull: () => new Promise(() => undefined) });
    expect(await ask(async () => new Response(endless, { status: 530 }))).toBe("fail: no valid answer from the origin (530)");
  });
});

describe("what a Worker may not ask", () => {
  const cloudflares = { server: "cloudflare" };

  it.each([1003, 1019, 1021, 1024, 1042])("is no_data: error %i", async (code) => {
    for (const status of [403, 404, 409, 500, 530]) {
      expect(await answers(status, `error code: ${code}`, cloudflares)).toBe(
        `no_data: Cloudflare does not let a Worker ask this (error ${code})`,
      );
    }
  });

  it("is no matter where the origin answers as it should, or something else", async () => {
    expect(await answers(200, "error code: 1003", cloudflares)).toBe("pass: 200");
    expect(await answers(403, "error code: 1003")).toBe("fail: expected 200, got 403");
    expect(await answers(403, "error code: 1020", cloudflares)).toBe("fail: expected 200, got 403");
    expect(await answers(403, "see error code: 1003", cloudflares)).toBe("fail: expected 200, got 403");
    expect(await answers(404, null, cloudflares)).toBe("fail: expected 200, got 404");
    expect(refusalIn("error code: 1042\n")).toBe(1042);
    expect(refusalIn("")).toBeNull();
  });

  it("or not any more in this call, is no_data too", async () => {
    expect(await ask(() => Promise.reject(new Error("Too many subrequests by single Worker invocation.")))).toBe(
      "no_data: this Worker has made as many requests as it may",
    );
    expect(await ask(() => Promise.reject(new VantageRefusal("not from here")))).toBe("no_data: not from here");
  });

  it("while a connection that failed is the origin's, in whatever words there are", async () => {
    expect(await ask(() => Promise.reject(new ConnectFailure("connection refused")))).toBe("fail: connection refused");
    expect(await ask(() => Promise.reject(new TypeError("Network connection lost.")))).toBe("fail: no valid answer from the origin");
    expect(await ask(() => Promise.reject("odd"))).toBe("fail: no valid answer from the origin");
  });
});
