import { afterEach, describe, expect, it } from "vitest";
import type { CheckIo, CheckTarget } from "../../domain/check.ts";
import { workerCapabilities } from "../../domain/vantage-point.ts";
import { answer, hang, type Origin, startOrigin } from "../../test/system/origins.ts";
import { workerIo } from "../../test/worlds.ts";
import { runCheck } from "../../workers/checker/run-checks.ts";

type Fetch = CheckIo["fetch"];
const named = (more: Partial<CheckTarget> = {}): CheckTarget => ({
  host: "origin.example.com.",
  port: null,
  hostHeader: null,
  endpoint: "origin.example.com.",
  ...more,
});

/** A check whose `fetch` is this one; connections are not to be made. */
async function ask(type: string, spec: Record<string, unknown>, target: CheckTarget, answer: Fetch | number = 200) {
  const asked: { url: string; init: Parameters<Fetch>[1] }[] = [];
  const io = {
    capabilities: new Set(workerCapabilities("1")),
    now: () => Date.now(),
    fetch: async (url: string, init: Parameters<Fetch>[1]) => {
      asked.push({ url, init });
      return typeof answer === "number" ? new Response(null, { status: answer }) : answer(url, init);
    },
    connect: () => {
      throw new Error("no connection is expected");
    },
  };
  const { outcome, detail } = await runCheck({ type, spec, target, timeout_ms: 200 }, io);
  return { said: `${outcome}: ${detail}`, urls: asked.map(({ url }) => url), init: asked[0]?.init };
}

describe("a check of a name", () => {
  it("is a fetch of its URL, with the port only where it is not the scheme's", async () => {
    expect((await ask("HTTPS", { url_path: "/a?b" }, named())).urls).toEqual(["https://origin.example.com/a?b"]);
    expect((await ask("HTTP", {}, named())).urls).toEqual(["http://origin.example.com/"]);
    expect((await ask("HTTP", { port: 8080 }, named())).urls).toEqual(["http://origin.example.com:8080/"]);
    expect((await ask("HTTPS", {}, named({ port: 8443 }))).urls).toEqual(["https://origin.example.com:8443/"]);
  });

  it("does not follow redirects, and sends method, headers and payload", async () => {
    const payload = { content_type: "text/plain", content: "x" };
    const { init } = await ask("HTTPS", { http_method: "POST", payload, headers: { "X-A": "1", Host: "ORIGIN.example.com" } }, named());
    expect(init).toMatchObject({ method: "POST", body: "x", redirect: "manual" });
    expect(init?.headers).toEqual([
      ["User-Agent", expect.stringMatching(/^Kosmos\//)],
      ["X-A", "1"],
      ["Content-Type", "text/plain"],
    ]);
  });

  it("is no fail of ours to see: what Cloudflare makes up for a broken origin is a fail", async () => {
    const spec = { expected_codes: ["100-599"] };
    expect((await ask("HTTPS", spec, named(), 526)).said).toBe(
      "fail: the origin's certificate is expired, for another name, or of an unknown authority (526)",
    );
    expect((await ask("HTTPS", spec, named(), 520)).said).toBe("fail: the origin's answer was empty, broke off or was not HTTP (520)");
    expect((await ask("HTTPS", spec, named(), 519)).said).toBe("pass: 519");
    const refuse: Fetch = () => Promise.reject(new Error("internal error; reference = 0"));
    expect((await ask("HTTPS", {}, named(), refuse)).said).toBe("fail: no valid answer from the origin");
    expect((await ask("HTTPS", {}, named(), 500)).said).toBe("fail: expected 200, got 500");
  });

  it("ends at its deadline, whether fetch heeds it or not", async () => {
    const deaf: Fetch = () => new Promise(() => undefined);
    expect((await ask("HTTPS", {}, named(), deaf)).said).toBe("fail: no answer within 200 ms");
    const heeding: Fetch = (_url, { signal }) => new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    expect((await ask("HTTPS", {}, named(), heeding)).said).toBe("fail: no answer within 200 ms");
  });

  it("reads no more of the body than it must, and lets go of it", async () => {
    const bodyOf = (chunks: readonly string[]) => {
      const seen = { pulled: 0, cancelled: false };
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            const chunk = chunks[seen.pulled];
            if (chunk === undefined) return controller.close();
            seen.pulled += 1;
            controller.enqueue(new TextEncoder().encode(chunk));
          },
          cancel() {
            seen.cancelled = true;
          },
        },
        { highWaterMark: 0 },
      );
      return { seen, answer: async () => new Response(body) };
    };
    const unread = bodyOf(["never read"]);
    expect((await ask("HTTPS", {}, named(), unread.answer)).said).toBe("pass: 200");
    expect(unread.seen).toEqual({ pulled: 0, cancelled: true });
    const found = bodyOf(["all is w", "ell", "and more"]);
    expect((await ask("HTTPS", { receive_string: "is well" }, named(), found.answer)).said).toBe("pass: 200");
    expect(found.seen).toEqual({ pulled: 2, cancelled: true });
    const missing = bodyOf(["nothing"]);
    expect((await ask("HTTPS", { receive_string: "is well" }, named(), missing.answer)).said).toBe(
      "fail: the body of 7 bytes does not contain the expected text",
    );
    const broken = async () => new Response(new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) }));
    expect((await ask("HTTPS", { receive_string: "x" }, named(), broken)).said).toBe("fail: the body broke off");
    const coded = async () => new Response("x", { headers: { "content-encoding": "zstd" } });
    expect((await ask("HTTPS", { receive_string: "x" }, named(), coded)).said).toBe(
      "fail: the body is encoded (zstd), which was not asked for",
    );
    expect((await ask("HTTPS", {}, named(), coded)).said).toBe("pass: 200");
    const endless = async () => new Response(new ReadableStream({ pull: () => new Promise(() => undefined) }));
    expect((await ask("HTTPS", { receive_string: "x" }, named(), endless)).said).toBe("fail: the body did not end within 200 ms");
  });
});

describe("HTTPS to what cannot be reached by name", () => {
  it.each([
    ["an address", named({ host: "192.0.2.1", endpoint: "192.0.2.1" }), {}],
    ["an address with a Host", named({ host: "192.0.2.1", endpoint: "192.0.2.1", hostHeader: "www.example.com" }), {}],
    ["a name with the member's Host", named({ hostHeader: "www.example.com" }), {}],
    ["a name with the monitor's Host", named(), { headers: { Host: "www.example.com" } }],
    ["a monitoring name for an endpoint of another name", named({ endpoint: "www.example.com." }), {}],
  ])("is no_data: %s", async (_title, target, spec) => {
    const { said, urls } = await ask("HTTPS", spec, target);
    expect(said).toBe("no_data: this vantage point cannot do what the check needs: tls");
    expect(urls).toEqual([]);
  });
});

describe("HTTP to a name, with the network of this machine", () => {
  const origins: Origin[] = [];
  afterEach(async () => {
    for (const origin of origins.splice(0)) await origin.close();
  });

  it("fetches, or connects where the Host is another", async () => {
    const origin = await startOrigin({ behaviour: (request) => (request < 2 ? answer(200, "well") : hang) });
    origins.push(origin);
    const target = named({ host: "localhost.", endpoint: "localhost." });
    const check = { type: "HTTP", timeout_ms: 500, spec: { port: origin.port, receive_string: "well" } };
    expect((await runCheck({ ...check, target }, workerIo)).outcome).toBe("pass");
    expect((await runCheck({ ...check, target: { ...target, hostHeader: "www.example.com" } }, workerIo)).outcome).toBe("pass");
    expect(origin.received.map(({ host }) => host)).toEqual([`localhost:${origin.port}`, "www.example.com"]);
    expect((await runCheck({ ...check, target }, workerIo)).detail).toBe("no answer within 500 ms");
  });
});
