import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { agentIo } from "../../agent/node-io.fixture.ts";
import { workerIo } from "../../test/worlds.ts";
import { check, ok, Servers } from "./http.fixture.ts";
import { redacted } from "./http-redact.ts";
import { httpSpec } from "./http-spec.ts";

const servers = new Servers();
afterEach(() => servers.closeAll());
const specOf = (fields: object) => httpSpec(80).parse(fields);

describe("what is told of an answer", () => {
  const token = "tok-0123456789-abcdefghijklmnopqrstuvwxyz-0123456789";

  it("has none of the monitor's secrets in it, also where the server says them back", async () => {
    const spec = {
      secret_headers: { "X-Key": token },
      credentials: { username: "aladdin", password: "opensesame" },
      json_assertions: [{ path: "$.key", equals: "" }],
    };
    const body = JSON.stringify({ key: token, basic: "Basic YWxhZGRpbjpvcGVuc2VzYW1l", login: "aladdin:opensesame" });
    const { detail, more } = await check(await servers.start(ok(body)), { spec, io: { ...workerIo, detailed: true } });
    expect(detail).toBe('$.key is "***..., expected ""');
    expect(more?.bodyExcerpt).toBe('{"key":"***","basic":"Basic ***","login":"aladdin:***"}');
  });

  it("neither where they are in a line that is no HTTP, nor in where a redirect led", async () => {
    const spec = { credentials: { bearer_token: token }, follow_redirects: true };
    expect((await check(await servers.start(`${token}\r\n`), { spec })).detail).toBe('the answer is not HTTP: "***"');
    const moved = `HTTP/1.1 302 Found\r\nLocation: ftp://x.example/${token}\r\n\r\n`;
    expect((await check(await servers.start(moved), { spec })).detail).toBe("redirected to ftp://x.example/***..., which is not HTTP");
  });

  it("nor in another spelling: as JSON has it, percent-encoded, or without what stands before it in its header", () => {
    const password = 'pä"ss/wörd 123';
    const spec = specOf({
      secret_headers: { "X-Auth": "Token abcdef0123456789", Cookie: "theme=dark; session=0123456789abcdef" },
      credentials: { username: "aladdin", password },
    });
    const escaped = JSON.stringify(password).replace(/[\u0080-\uffff]/g, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`);
    for (const told of [JSON.stringify(password), escaped, encodeURIComponent(password), encodeURI(password)]) {
      expect(redacted(`it is ${told}.`, spec)).toMatch(/^it is "?\*\*\*"?\.$/);
    }
    expect(redacted("no such token: abcdef0123456789", spec)).toBe("no such token: ***");
    expect(redacted("no such session: 0123456789abcdef", spec)).toBe("no such session: ***");
    expect(redacted("the theme is dark", spec)).toBe("the theme is dark");
  });

  it("neither where a redirect led that this vantage point may not follow", async () => {
    const spec = { credentials: { bearer_token: token }, follow_redirects: true };
    const away = `HTTP/1.1 302 Found\r\nLocation: http://192.0.2.7/${token}\r\n\r\n`;
    const { outcome, detail } = await check(await servers.start(away), { spec, io: agentIo });
    expect(outcome).toBe("no_data");
    expect(detail).toMatch(/^redirected to http:\/\/192\.0\.2\.7\/\*\*\*/);
    expect(detail).not.toContain(token.slice(0, 8));
  });

  it("is left as it is where there are none, or where they are too short to mean anything", () => {
    expect(redacted("expected 200, got 404", specOf({}))).toBe("expected 200, got 404");
    expect(redacted("expected 200, got 404", specOf({ secret_headers: { a: "", b: "4", c: "404" } }))).toBe("expected 200, got 404");
  });

  it("never has as much of a secret as could be used", () => {
    const secret = fc.stringMatching(/^[a-z0-9]{8,40}$/);
    fc.assert(
      fc.property(secret, secret, fc.string(), fc.nat(), (one, two, text, cut) => {
        const spec = specOf({ secret_headers: { a: one, b: two } });
        const told = redacted(`${text}${one}${text}${two.slice(0, 8 + cut)}${one}`, spec);
        expect(told).not.toContain(one.slice(0, 8));
        expect(told).not.toContain(two.slice(0, 8));
      }),
    );
  });
});
