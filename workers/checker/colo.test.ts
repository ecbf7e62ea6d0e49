import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../domain/limits.ts";
import { Colo } from "./colo.ts";

const trace = (colo: string) => `fl=1f1\nh=cloudflare.com\nip=192.0.2.1\ncolo=${colo}\nhttp=http/2\n`;

describe("where a checker is", () => {
  let now = 0;
  let answer: () => Promise<Response>;
  const asked: string[] = [];
  const io = {
    now: () => now,
    fetch: (url: string) => {
      asked.push(url);
      return answer();
    },
  };
  beforeEach(() => {
    now = 1_000_000;
    asked.length = 0;
    answer = async () => new Response(trace("CDG"));
  });
  afterEach(() => vi.useRealTimers());

  it("is measured once for ten minutes", async () => {
    const colo = new Colo();
    expect(await colo.read(undefined, io)).toBe("CDG");
    answer = async () => new Response(trace("AMS"));
    now += limits.coloFreshMs - 1;
    expect(await colo.read(undefined, io)).toBe("CDG");
    expect(asked).toEqual(["https://cloudflare.com/cdn-cgi/trace"]);
    now += 1;
    expect(await colo.read(undefined, io)).toBe("AMS");
  });

  it("is read where the deployment says, or nowhere", async () => {
    expect(await new Colo().read("http://127.0.0.1:1/trace", io)).toBe("CDG");
    expect(asked).toEqual(["http://127.0.0.1:1/trace"]);
    expect(await new Colo().read("off", io)).toBe("local");
    expect(asked).toHaveLength(1);
  });

  it.each([
    ["throws", () => Promise.reject(new Error("refused"))],
    ["refuses", async () => new Response(trace("CDG"), { status: 503 })],
    ["says something else", async () => new Response("colo=<script>")],
  ])("is local when the trace %s, for a minute", async (_title, wrong: () => Promise<Response>) => {
    const colo = new Colo();
    answer = wrong;
    expect(await colo.read(undefined, io)).toBe("local");
    answer = async () => new Response(trace("CDG"));
    expect(await colo.read(undefined, io)).toBe("local");
    now += limits.coloRetryMs;
    expect(await colo.read(undefined, io)).toBe("CDG");
  });

  it("is local when the trace does not answer in time", async () => {
    vi.useFakeTimers();
    answer = () => new Promise(() => undefined);
    const place = new Colo().read(undefined, io);
    await vi.advanceTimersByTimeAsync(limits.coloTimeoutMs);
    expect(await place).toBe("local");
  });
});
