import { afterEach, describe, expect, it } from "vitest";
import { limits } from "../../domain/limits.ts";
import { workerIo } from "../../test/worlds.ts";
import type { CheckerIo } from "../../workers/checker/run-checks.ts";
import { check, ok, Servers, said } from "./http.fixture.ts";

const servers = new Servers();
afterEach(() => servers.closeAll());
const bytes = limits.checkBodyBytes;

describe("a text that must not be there", () => {
  const spec = { receive_string_absent: "error" };
  it.each([
    ["that is not there", ok("all is well", "Content-Length: 11"), "pass: 200"],
    ["of nothing", ok(""), "pass: 200"],
    ["that has it", ok("an error occurred"), "fail: the body contains the text that it must not"],
    [
      "that has it across chunks",
      ok("2\r\ner\r\n3\r\nror\r\n0\r\n\r\n", "Transfer-Encoding: chunked"),
      "fail: the body contains the text that it must not",
    ],
    ["in another letter case", ok("Error"), "pass: 200"],
    ["at the end of what is read", ok(`${"x".repeat(bytes - 5)}error`), "fail: the body contains the text that it must not"],
    ["after what is read", ok(`${"x".repeat(bytes - 4)}error`), "pass: 200"],
    ["that breaks off, so that it may yet come", ok("all", "Content-Length: 10"), "fail: connection closed before the end of the body"],
  ])("is looked for in a body %s", async (_title, answer, expected) => {
    expect(said(await check(await servers.start(answer), { spec }))).toBe(expected);
  });

  it("decides as soon as it was seen, and waits for the end otherwise", async () => {
    const seen = await servers.start((socket) => void socket.write(ok("error", "Content-Length: 100")));
    expect(said(await check(seen, { spec }))).toBe("fail: the body contains the text that it must not");
    const unseen = await servers.start((socket) => void socket.write(ok("well", "Content-Length: 100")));
    expect(said(await check(unseen, { spec, timeout_ms: 150 }))).toBe("fail: the body did not end within 150 ms");
  });
});

describe("several conditions of one body", () => {
  const spec = { receive_string: "ready", receive_string_absent: "error", json_assertions: [{ path: "$.state", equals: "ready" }] };
  it.each([
    ['{"state":"ready"}', "pass: 200"],
    ['{"state":"ready","last":"error"}', "fail: the body contains the text that it must not"],
    ['{"state":"steady"}', "fail: the body of 18 bytes does not contain the expected text"],
    ['{"state":"already"}', 'fail: $.state is "already", expected "ready"'],
    ["ready", "fail: the body of 5 bytes is not JSON"],
    [
      `{"state":"ready","pad":"${"x".repeat(bytes)}"}`,
      `fail: the body is longer than the ${bytes} bytes that are read, and so far no JSON`,
    ],
    [`{"state":"ready","pad":"${"x".repeat(bytes - 26)}"}`, "pass: 200"],
  ])("%.40s: all of them must hold", async (body, expected) => {
    expect(said(await check(await servers.start(ok(body)), { spec }))).toBe(expected);
  });

  it("none is looked at where the status is not as expected", async () => {
    expect(said(await check(await servers.start(ok("error").replace("200", "500")), { spec }))).toBe("fail: expected 200, got 500");
  });
});

/** A clock that goes on by so many milliseconds each time somebody looks. */
const clock = (stepMs: number): CheckerIo => {
  let now = 0;
  return { ...workerIo, now: () => (now += stepMs) };
};

describe("a limit of the time that an answer may take", () => {
  it("is a fail of its own, with the latency", async () => {
    const server = await servers.start(ok("well"));
    const outcome = await check(server, { spec: { max_response_ms: 5 }, io: clock(10) });
    expect(said(outcome)).toMatch(/^fail: the answer took [0-9]+ ms, more than 5 ms$/);
    expect(outcome.latencyMs).toBeGreaterThan(5);
    expect(said(await check(server, { spec: { max_response_ms: 60_000 }, io: clock(10) }))).toBe("pass: 200");
  });

  it("is of no interest where something else is wrong", async () => {
    const server = await servers.start(ok("well").replace("200", "503"));
    expect(said(await check(server, { spec: { max_response_ms: 5 }, io: clock(10) }))).toBe("fail: expected 200, got 503");
  });
});

describe("who asks", () => {
  it("is Kosmos, unless the monitor says another name, in the open or as a secret", async () => {
    const server = await servers.start(ok(""));
    await check(server);
    await check(server, { spec: { headers: { "user-agent": "mine" } } });
    await check(server, { spec: { headers: { "User-Agent": "mine" }, secret_headers: { "USER-AGENT": "secret" } } });
    const names = server.received.map((request) => [...request.matchAll(/^user-agent: (.*)\r$/gim)].map(([, name]) => name));
    expect(names).toEqual([[expect.stringMatching(/^Kosmos\//)], ["mine"], ["secret"]]);
  });

  it("has credentials that beat a secret header, which beats one in the open", async () => {
    const server = await servers.start(ok(""));
    const secret_headers = { Authorization: "Token t", "X-A": "secret", "X-B": "b" };
    await check(server, { spec: { headers: { "x-a": "open" }, secret_headers } });
    await check(server, { spec: { secret_headers, credentials: { bearer_token: "abc" } } });
    await check(server, { spec: { credentials: { username: "ü", password: "a:b" } } });
    const line = (index: number, name: string) =>
      [...(server.received[index] ?? "").matchAll(new RegExp(`^${name}: (.*)\r$`, "gim"))].map(([, value]) => value);
    expect([line(0, "x-a"), line(0, "x-b"), line(0, "authorization")]).toEqual([["secret"], ["b"], ["Token t"]]);
    expect(line(1, "authorization")).toEqual(["Bearer abc"]);
    expect(line(2, "authorization")).toEqual([`Basic ${Buffer.from("ü:a:b").toString("base64")}`]);
  });
});

describe("what a monitor's test is told", () => {
  const detailed: CheckerIo = { ...workerIo, detailed: true };

  it("is the status, and how long it took until where", async () => {
    const outcome = await check(await servers.start(ok("", "X: y").replace("200", "503")));
    const { timings, ...more } = outcome.more ?? {};
    expect(more).toEqual({ httpStatus: 503 });
    expect(timings).toEqual({ dns: null, connect: expect.any(Number), tls: null, first_byte: expect.any(Number) });
    expect(timings?.first_byte).toBeGreaterThanOrEqual(timings?.connect ?? Number.NaN);
  });

  it("is the beginning of the body too where it is asked for, decoded, fit to be shown", async () => {
    const excerpt = async (body: string, spec: object = {}) =>
      (await check(await servers.start((socket) => socket.end(ok(body))), { spec, io: detailed })).more?.bodyExcerpt;
    expect(await excerpt("hello\r\n\tyou\u001b[31m\0\u202e")).toBe("hello\\r\n\tyou\\e[31m\\0\\u{202e}");
    expect(await excerpt("grün")).toBe("grün");
    expect(await excerpt("x".repeat(5_000))).toBe("x".repeat(limits.bodyExcerptBytes));
    expect(await excerpt("found at once, and more", { receive_string: "found" })).toBe("found at once, and more");
    expect(await excerpt("", { expected_codes: [204] })).toBe("");
  });

  it("does not change what the check says, nor when", async () => {
    const slow = await servers.start((socket) => void socket.write(ok("beg", "Content-Length: 100")));
    const outcome = await check(slow, { io: detailed, timeout_ms: 150 });
    expect(outcome).toMatchObject({ outcome: "pass", detail: "200", more: { httpStatus: 200, bodyExcerpt: "beg" } });
    const head = await servers.start(ok("", "Content-Length: 100"));
    expect(await check(head, { spec: { http_method: "HEAD" }, io: detailed })).toMatchObject({
      outcome: "pass",
      more: { bodyExcerpt: "" },
    });
    const broken = await servers.start(ok("zz", "Transfer-Encoding: chunked"));
    expect(await check(broken, { io: detailed })).toMatchObject({ outcome: "pass", more: { bodyExcerpt: "" } });
  });

  it("reads no body otherwise", async () => {
    expect((await check(await servers.start(ok("hello")))).more).not.toHaveProperty("bodyExcerpt");
  });
});
