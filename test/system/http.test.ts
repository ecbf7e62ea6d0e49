import { deflateRawSync, deflateSync, gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createTestHarness } from "wrangler";
import type { CheckResult, TestOrder } from "../../durable-objects/rpc-vantage.ts";
import { type RawServer, startRawServer } from "../raw-server.ts";

/** HTTP checks in the runtime of Workers itself, whose streams, sockets and decompression are not Node's, of servers that say exactly this. */
const worker = createTestHarness({ workers: [{ configPath: "test/system/prober/wrangler.toml", vars: { KOSMOS_TRACE_URL: "off" } }] });
const servers: RawServer[] = [];
beforeAll(() => worker.listen());
afterAll(() => worker.close());
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(answers: readonly (string | Uint8Array)[]): Promise<RawServer> {
  const left = [...answers];
  const server = await startRawServer((socket) => socket.end(Buffer.from((left.shift() ?? "") as string, "latin1")));
  servers.push(server);
  return server;
}

async function check(server: RawServer, spec: object = {}, target: Partial<TestOrder["target"]> = {}): Promise<CheckResult> {
  const order: TestOrder = {
    project_id: "default",
    region: "weur",
    monitor_id: null,
    type: "HTTP",
    timeout_ms: 2_000,
    spec: { port: server.port, ...spec },
    target: { host: "127.0.0.1", port: null, hostHeader: null, endpoint: "127.0.0.1", ...target },
  };
  const response = await worker.fetch("/test", { method: "POST", body: JSON.stringify(order) });
  return (await response.json()) as CheckResult;
}
const said = async (...args: Parameters<typeof check>): Promise<string> => {
  const { outcome, detail } = await check(...args);
  return `${outcome}: ${detail}`;
};

const ok = (body: string | Uint8Array, ...headers: string[]): Uint8Array =>
  Buffer.concat([Buffer.from(["HTTP/1.1 200 OK", ...headers, "", ""].join("\r\n"), "latin1"), Buffer.from(body as string)]);
const needle = { receive_string: "needle" };
const hay = Buffer.from(`${"hay ".repeat(5_000)}needle`);

describe("a body over a Worker's own connection", () => {
  it.each<[string, Uint8Array, object, string]>([
    ["in gzip", ok(gzipSync(hay), "Content-Encoding: gzip"), needle, "pass: 200"],
    [
      "in gzip, in chunks",
      ok(`${gzipSync("x").length.toString(16)}\r\n`, "Transfer-Encoding: chunked"),
      needle,
      "fail: connection closed before the end of the body",
    ],
    ["in deflate", ok(deflateSync(hay), "Content-Encoding: deflate"), needle, "pass: 200"],
    ["in raw deflate", ok(deflateRawSync(hay), "Content-Encoding: deflate"), needle, "pass: 200"],
    [
      "in gzip without the text",
      ok(gzipSync("hay"), "Content-Encoding: gzip"),
      needle,
      "fail: the body of 3 bytes does not contain the expected text",
    ],
    ["in no gzip at all", ok("needle", "Content-Encoding: gzip"), needle, "fail: the body is not valid gzip"],
    [
      "in gzip that breaks off",
      ok(gzipSync(hay).subarray(0, 30), "Content-Encoding: gzip"),
      { receive_string: "nowhere" },
      "fail: the body is not valid gzip",
    ],
    [
      "of gzip that swells to 50 MB",
      ok(gzipSync(Buffer.alloc(50_000_000)), "Content-Encoding: gzip"),
      needle,
      "fail: the first 65536 bytes of the body do not contain the expected text",
    ],
    ["in JSON", ok('{"a":[{"b":2}]}'), { json_assertions: [{ path: "$.a[0]['b']", less_than: 3 }] }, "pass: 200"],
    [
      "in JSON that is not UTF-8",
      ok(Buffer.from([0x22, 0xff, 0x22])),
      { json_assertions: [{ path: "$", exists: true }] },
      "fail: the body of 3 bytes is not JSON",
    ],
  ])("%s", async (_title, answer, spec, expected) => {
    expect(await said(await serve([answer]), spec)).toBe(expected);
  });

  it("is shown to a monitor's test, with how long the connection took", async () => {
    const result = await check(await serve([ok(gzipSync("hello\r\n"), "Content-Encoding: gzip")]));
    expect(result).toMatchObject({ outcome: "pass", http_status: 200, body_excerpt: "hello\\r\n", certificate: null });
    expect(result.timings).toMatchObject({ dns: null, tls: null, connect: expect.any(Number), first_byte: expect.any(Number) });
  });
});

describe("redirects from a Worker", () => {
  const moved = (location: string) => ok("", `Location: ${location}`).toString().replace("200 OK", "302 Found");

  it("are followed at the endpoint, and end in a circle", async () => {
    const server = await serve([moved("/a"), moved("http://www.example.com/b"), ok("needle")]);
    expect(await said(server, { follow_redirects: true, ...needle }, { hostHeader: "www.example.com" })).toBe("pass: 200");
    expect(server.received.map((request) => request.split("\r\n").slice(0, 2))).toEqual([
      ["GET / HTTP/1.1", "Host: www.example.com"],
      ["GET /a HTTP/1.1", "Host: www.example.com"],
      ["GET /b HTTP/1.1", "Host: www.example.com"],
    ]);
    const circle = await serve([moved("/"), moved("/")]);
    expect(await said(circle, { follow_redirects: true })).toMatch(/^fail: the redirects go in a circle/);
  });

  it("to HTTPS at the endpoint are no_data: a Worker has no TLS of its own", async () => {
    const server = await serve([moved("https://www.example.com/")]);
    expect(await said(server, { follow_redirects: true }, { hostHeader: "www.example.com" })).toBe(
      "no_data: redirected to https://www.example.com/: this vantage point cannot do what that needs: tls",
    );
  });

  it("go on through fetch where they lead to a name, without the secrets", async () => {
    const there = await serve([ok("needle", "Content-Length: 6")]);
    const server = await serve([moved(`http://localhost:${there.port}/x`)]);
    const secrets = { credentials: { bearer_token: "abc" }, secret_headers: { "X-Secret": "s" } };
    expect(await said(server, { follow_redirects: true, ...needle, ...secrets })).toBe("pass: 200");
    expect(server.received[0]).toContain("Authorization: Bearer abc\r\n");
    expect(there.received[0]).toMatch(/^GET \/x HTTP\/1.1\r\n/);
    expect(there.received[0]).not.toMatch(/bearer|x-secret/i);
  });
});
