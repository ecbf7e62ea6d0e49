import { afterEach, describe, expect, it } from "vitest";
import { agentIo } from "../../agent/node-io.fixture.ts";
import type { CheckIo } from "../../domain/check.ts";
import { workerCapabilities } from "../../domain/vantage-point.ts";
import type { RawServer } from "../../test/raw-server.ts";
import { workerIo } from "../../test/worlds.ts";
import { type CheckerIo, runCheck } from "../../workers/checker/run-checks.ts";
import { check, moved, ok, Servers, said, type Talk } from "./http.fixture.ts";

const servers = new Servers();
afterEach(() => servers.closeAll());

/** One answer after the other, one for each connection. */
function inTurn(...answers: string[]): Talk {
  const left = [...answers];
  return (socket) => socket.end(left.shift() ?? "", "latin1");
}
const follow = { follow_redirects: true };
const linesOf = (request: string | undefined) => (request ?? "").split("\r\n");

describe("redirects over connections of our own", () => {
  it("are not followed unless it is asked for", async () => {
    const server = await servers.start(moved("/new"));
    expect(said(await check(server))).toBe("fail: expected 200, got 302");
    expect(said(await check(server, { spec: { expected_codes: ["300-399"] } }))).toBe("pass: 302");
    expect(server.received).toHaveLength(2);
  });

  it("are followed to the last answer, which is what is judged", async () => {
    const server = await servers.start(inTurn(moved("/one", 301), moved("two?x=1", 307), ok("welcome")));
    expect(said(await check(server, { spec: { ...follow, receive_string: "welcome" } }))).toBe("pass: 200");
    expect(server.received.map((request) => linesOf(request)[0])).toEqual(["GET / HTTP/1.1", "GET /one HTTP/1.1", "GET /two?x=1 HTTP/1.1"]);
  });

  it("say where they had led to when it is not as expected there", async () => {
    const server = await servers.start(inTurn(moved("/gone"), "HTTP/1.1 410 Gone\r\n\r\n"));
    expect(said(await check(server, { spec: follow }))).toBe(`fail: expected 200, got 410 at http://127.0.0.1:${server.port}/gone`);
    const keyed = await servers.start(inTurn(moved("/in?key=secret"), "HTTP/1.1 410 Gone\r\n\r\n"));
    expect(said(await check(keyed, { spec: follow }))).toBe(`fail: expected 200, got 410 at http://127.0.0.1:${keyed.port}/in?...`);
    const dead = await servers.start("");
    await dead.close();
    const lost = await servers.start(moved(`http://127.0.0.1:${dead.port}/`));
    expect(said(await check(lost, { spec: follow }))).toBe(`fail: connection refused or unreachable at http://127.0.0.1:${dead.port}/`);
  });

  it("end at max_redirects, and in a circle before that", async () => {
    let count = 0;
    const server = await servers.start((socket) => socket.end(moved(`/${count++}`)));
    expect(said(await check(server, { spec: { ...follow, max_redirects: 3 } }))).toBe(
      `fail: more than 3 redirects at http://127.0.0.1:${server.port}/2`,
    );
    expect(server.received).toHaveLength(4);
    const circle = await servers.start(inTurn(moved("/a"), moved("/b"), moved("/a")));
    expect(said(await check(circle, { spec: follow }))).toBe(
      `fail: the redirects go in a circle, back to http://127.0.0.1:${circle.port}/a at http://127.0.0.1:${circle.port}/b`,
    );
    const itself = await servers.start(moved("/"));
    expect(said(await check(itself, { spec: follow }))).toBe(
      `fail: the redirects go in a circle, back to http://127.0.0.1:${itself.port}/`,
    );
  });

  it("need a Location, but where the status itself is what is expected", async () => {
    const server = await servers.start("HTTP/1.1 302 Found\r\n\r\n");
    expect(said(await check(server, { spec: follow }))).toBe("fail: 302 without a Location");
    expect(said(await check(server, { spec: { ...follow, expected_codes: [302] } }))).toBe("pass: 302");
    const strange = await servers.start(moved("http://:0/"));
    expect(said(await check(strange, { spec: follow }))).toBe('fail: the Location of the 302 is not valid: "http://:0/"');
  });

  it("are followed to names and paths beyond ASCII, whatever their bytes mean", async () => {
    const server = await servers.start(inTurn(moved("/gr\xc3\xbcn"), moved("/gr\xfcn"), ok("")));
    expect(said(await check(server, { spec: follow }))).toBe("pass: 200");
    expect(server.received.slice(1).map((request) => linesOf(request)[0])).toEqual(["GET /gr%C3%BCn HTTP/1.1", "GET /gr%FCn HTTP/1.1"]);
  });

  it("stay at the endpoint where they lead to the Host that was asked", async () => {
    const server = await servers.start(inTurn(moved("http://www.example.com/new"), ok("")));
    expect(said(await check(server, { spec: follow, target: { hostHeader: "www.example.com" } }))).toBe("pass: 200");
    expect(linesOf(server.received[1]).slice(0, 2)).toEqual(["GET /new HTTP/1.1", "Host: www.example.com"]);
  });

  it("send what was sent, to another origin without the secrets, and never again", async () => {
    const back: RawServer = await servers.start((socket) => {
      const answers = [moved("/same"), moved(`http://127.0.0.1:${there.port}/`), ok("end")];
      socket.end(answers[back.received.length - 1] ?? "");
    });
    const there = await servers.start(moved(`http://127.0.0.1:${back.port}/back`));
    const spec = {
      ...follow,
      headers: { "X-Open": "1" },
      secret_headers: { "X-Secret": "s", Cookie: "id=1" },
      credentials: { username: "aladdin", password: "opensesame" },
    };
    expect(said(await check(back, { spec }))).toBe("pass: 200");
    const [first, same, again] = back.received.map(linesOf);
    for (const lines of [first, same]) {
      expect(lines).toEqual(
        expect.arrayContaining(["X-Open: 1", "X-Secret: s", "Cookie: id=1", "Authorization: Basic YWxhZGRpbjpvcGVuc2VzYW1l"]),
      );
    }
    for (const lines of [linesOf(there.received[0]), again]) {
      expect(lines).toContain("X-Open: 1");
      expect(lines?.join("\n")).not.toMatch(/secret|cookie|authorization/i);
    }
  });

  it("turn a POST into a GET without its body, or keep it", async () => {
    const payload = { content_type: "text/plain", content: "ping" };
    const spec = { ...follow, http_method: "POST", payload };
    const found = await servers.start(inTurn(moved("/b", 302), ok("")));
    expect(said(await check(found, { spec }))).toBe("pass: 200");
    expect(found.received[1]).toMatch(/^GET \/b HTTP\/1.1\r\n/);
    expect(found.received[1]).not.toMatch(/content-|ping/i);
    const kept = await servers.start(inTurn(moved("/b", 308), ok("")));
    expect(said(await check(kept, { spec }))).toBe("pass: 200");
    expect(kept.received[1]).toMatch(/^POST \/b HTTP\/1.1\r\n[\s\S]*Content-Length: 4\r\n\r\nping$/);
  });

  it("share the time of the check", async () => {
    const server: RawServer = await servers.start((socket) => {
      if (server.received.length === 1) socket.end(moved("/slow"));
    });
    expect(said(await check(server, { spec: follow, timeout_ms: 150 }))).toBe(
      `fail: no answer within 150 ms at http://127.0.0.1:${server.port}/slow`,
    );
  });
});

describe("a redirect to where this vantage point may not or cannot go", () => {
  const publicOnly: CheckerIo = { ...workerIo, capabilities: new Set(workerCapabilities(undefined)) };
  /** The public address of these tests is a server of this machine. */
  const throughOne = (port: number): CheckerIo => ({
    ...publicOnly,
    connect: ({ hostname, port: asked }) => {
      expect(hostname).toBe("192.0.2.1");
      return workerIo.connect({ hostname: "127.0.0.1", port: asked === 80 ? port : asked });
    },
  });
  const lead = async (location: string) => {
    const server = await servers.start(moved(location));
    const target = { host: "192.0.2.1", port: null, hostHeader: "www.example.com", endpoint: "192.0.2.1" };
    return runCheck({ type: "HTTP", spec: follow, target, timeout_ms: 1_000 }, throughOne(server.port));
  };

  it.each([
    ["http://127.0.0.1/", "loopback"],
    ["http://10.1.2.3/admin", "private"],
    ["http://169.254.169.254/latest/meta-data/", "a metadata service's"],
    ["http://[::1]:8080/", "loopback"],
    ["http://[::ffff:192.168.0.1]/", "private"],
    ["http://2130706433/", "loopback"],
    ["https://localhost/", "a local name"],
    ["http://db.internal/", "a local name"],
  ])("to %s is the endpoint's own fault: nothing is asked there", async (location, why) => {
    const outcome = await lead(location);
    expect(said(outcome)).toBe(`fail: redirected to ${new URL(location).href}, which is not public (${why})`);
  });

  it.each([
    ["https://www.example.com/", "tls"],
    ["https://192.0.2.7/", "tls"],
    ["http://192.0.2.7:25/", "port_25"],
  ])("to %s is no_data: it needs %s", async (location, capability) => {
    expect(said(await lead(location))).toBe(
      `no_data: redirected to ${location}: this vantage point cannot do what that needs: ${capability}`,
    );
  });

  it("is no_data where an agent was not allowed that network", async () => {
    const server = await servers.start(moved("http://192.0.2.7/"));
    expect(said(await check(server, { spec: follow, io: agentIo }))).toMatch(/^no_data: redirected to http:\/\/192\.0\.2\.7\/: .*allow/);
  });
});

describe("redirects through fetch", () => {
  type Fetch = CheckIo["fetch"];
  const named = { host: "origin.example.com.", port: null, hostHeader: null, endpoint: "origin.example.com." };

  /** A web of these answers; whatever else is asked is a mistake. */
  async function ask(type: string, web: Record<string, () => Response>, spec: object) {
    const asked: [string, Parameters<Fetch>[1]][] = [];
    const io: CheckerIo = {
      capabilities: new Set(workerCapabilities(undefined)),
      now: () => Date.now(),
      fetch: async (url, init) => {
        asked.push([url, init]);
        return web[url]?.() ?? Promise.reject(new Error(`nobody answers at ${url}`));
      },
      connect: () => {
        throw new Error("no connection is expected");
      },
    };
    const outcome = await runCheck({ type, spec: { ...follow, ...spec }, target: named, timeout_ms: 500 }, io);
    return { said: said(outcome), asked };
  }
  const to =
    (location: string, status = 302) =>
    () =>
      new Response(null, { status, headers: { location } });
  const fine = () => new Response("fine");

  it("are our own too: fetch follows none", async () => {
    const web = {
      "http://origin.example.com/": to("https://origin.example.com/", 301),
      "https://origin.example.com/": to("//www.example.com/home", 308),
      "https://www.example.com/home": fine,
    };
    const secrets = { credentials: { bearer_token: "abc" }, secret_headers: { "X-Secret": "s" } };
    const { said, asked } = await ask("HTTP", web, { receive_string: "fine", ...secrets });
    expect(said).toBe("pass: 200");
    expect(asked.map(([url]) => url)).toEqual(Object.keys(web));
    expect(asked.map(([, init]) => init.redirect)).toEqual(["manual", "manual", "manual"]);
    expect(asked.map(([, { headers }]) => headers.some(([name]) => /authorization|secret/i.test(name)))).toEqual([true, false, false]);
  });

  it("from HTTPS to HTTP are followed, without the secrets", async () => {
    const web = { "https://origin.example.com/": to("http://origin.example.com/"), "http://origin.example.com/": fine };
    const { said, asked } = await ask("HTTPS", web, { credentials: { username: "u", password: "p" } });
    expect(said).toBe("pass: 200");
    expect(asked.map(([, { headers }]) => headers.some(([name]) => name === "Authorization"))).toEqual([true, false]);
  });

  it("keep to what a Worker can do and may ask", async () => {
    expect((await ask("HTTPS", { "https://origin.example.com/": to("https://192.0.2.7/") }, {})).said).toBe(
      "no_data: redirected to https://192.0.2.7/: this vantage point cannot do what that needs: tls",
    );
    expect((await ask("HTTPS", { "https://origin.example.com/": to("http://169.254.169.254/") }, {})).said).toBe(
      "fail: redirected to http://169.254.169.254/, which is not public (a metadata service's)",
    );
    expect((await ask("HTTPS", { "https://origin.example.com/": to("/") }, {})).said).toBe(
      "fail: the redirects go in a circle, back to https://origin.example.com/",
    );
    expect((await ask("HTTPS", { "https://origin.example.com/": to("https://elsewhere.example/") }, {})).said).toBe(
      "fail: no valid answer from the origin at https://elsewhere.example/",
    );
  });

  it("let go of every body", async () => {
    let cancelled = 0;
    const cancel = () => {
      cancelled += 1;
    };
    const body = () => new ReadableStream({ pull: () => new Promise(() => undefined), cancel }, { highWaterMark: 0 });
    const web = {
      "http://origin.example.com/": () => new Response(body(), { status: 302, headers: { location: "/b" } }),
      "http://origin.example.com/b": () => new Response(body()),
    };
    expect((await ask("HTTP", web, {})).said).toBe("pass: 200");
    expect(cancelled).toBe(2);
  });
});
