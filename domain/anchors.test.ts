import { describe, expect, it } from "vitest";
import { type AdriftState, type AnchorRun, continueRun, judgeAnchors, parseAnchors } from "./anchors.ts";
import { limits } from "./limits.ts";
import { id } from "./schema.ts";

const read = (setting: string | undefined) => {
  const anchors = parseAnchors(setting);
  if (!anchors.ok) throw new Error(anchors.error);
  return anchors.value;
};

describe("KOSMOS_ANCHORS", () => {
  it.each([undefined, "", " , "])("may have none: %j", (setting) => {
    expect(read(setting)).toEqual([]);
  });

  it("is a list of URLs, each a check of its own", () => {
    expect(read("https://One.example/health?a=b, http://192.0.2.1:8080 ,tcp://[2001:db8::1]:53,tcp://ns.example:53")).toEqual([
      {
        id: expect.any(String),
        url: "https://One.example/health?a=b",
        type: "HTTPS",
        spec: { url_path: "/health?a=b", http_method: "HEAD", expected_codes: ["200-399"] },
        target: { host: "one.example.", port: null, hostHeader: null, endpoint: "one.example." },
      },
      expect.objectContaining({ type: "HTTP", target: { host: "192.0.2.1", port: 8080, hostHeader: null, endpoint: "192.0.2.1" } }),
      expect.objectContaining({ type: "TCP", spec: { port: 53 }, target: expect.objectContaining({ host: "2001:db8::1", port: 53 }) }),
      expect.objectContaining({ type: "TCP", target: expect.objectContaining({ host: "ns.example.", port: 53 }) }),
    ]);
  });

  it("gives each an id that no member can have, the same each time", () => {
    const [one, two] = read("https://one.example,https://two.example");
    expect(read("https://one.example")[0]?.id).toBe(one?.id);
    expect(one?.id).not.toBe(two?.id);
    expect(id.parse(one?.id)).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8/);
  });

  it.each([
    ["one.example", "must be https://…, http://… or tcp://host:port"],
    ["ftp://one.example", "must be https://…, http://… or tcp://host:port"],
    ["tcp://one.example", "must have a port: tcp://host:port"],
    ["tcp://one.example:0", "must have a port from 1 to 65535"],
    ["tcp://one.example:53/path", "must be tcp://host:port and no more"],
    ["tcp://:53", "must be https://…, http://… or tcp://host:port"],
    ["https://192.0.2.1/", "must have a host name: a Worker verifies no address's certificate"],
    ["https://user:word@one.example/", "must have no user, password or fragment"],
    ["https://one.example/#top", "must have no user, password or fragment"],
  ])("says what is wrong with %s", (text, error) => {
    expect(parseAnchors(`https://good.example, ${text}`)).toEqual({ ok: false, error: `KOSMOS_ANCHORS: ${JSON.stringify(text)} ${error}` });
  });

  it("has a limit", () => {
    const many = Array.from({ length: limits.anchors + 1 }, (_, index) => `tcp://a${index}.example:1`).join(",");
    expect(parseAnchors(many)).toEqual({ ok: false, error: `KOSMOS_ANCHORS has 5 targets; at most ${limits.anchors} can be checked` });
  });
});

describe("the results of one region for one anchor", () => {
  const run: AnchorRun = { passes: 0, fails: 2, tick: 100_000 };

  it("count in a row, and no_data neither counts nor breaks the row", () => {
    expect(continueRun(undefined, "fail", 1_000)).toEqual({ passes: 0, fails: 1, tick: 1_000 });
    expect(continueRun(run, "fail", 110_000)).toEqual({ passes: 0, fails: 3, tick: 110_000 });
    expect(continueRun(run, "no_data", 110_000)).toBe(run);
    expect(continueRun(run, "pass", 110_000)).toEqual({ passes: 1, fails: 0, tick: 110_000 });
  });

  it("are not repeated, and a row has no hole", () => {
    expect(continueRun(run, "pass", 100_000)).toBe(run);
    expect(continueRun(run, "pass", 90_000)).toBe(run);
    expect(continueRun(run, "fail", 100_001 + limits.anchorFreshMs)).toEqual({ passes: 0, fails: 1, tick: 100_001 + limits.anchorFreshMs });
  });

  it("go on when the clock was set back", () => {
    expect(continueRun(run, "pass", 100_000 - limits.anchorFreshMs - 1)).toMatchObject({ passes: 1, fails: 0 });
  });
});

describe("a region adrift", () => {
  const now = 1_000_000;
  /** `+` passed, `-` failed, twice and more in a row; `p` and `f` once; `.` not heard. One letter a region. */
  const seen = (...rows: string[]) =>
    new Map(
      rows.map((row, anchor) => [
        `anchor ${anchor}`,
        new Map(
          [...row].flatMap((letter, region): [string, AnchorRun][] =>
            letter === "."
              ? []
              : [
                  [
                    `r${region}`,
                    {
                      passes: letter === "+" ? 2 : letter === "p" ? 1 : 0,
                      fails: letter === "-" ? 2 : letter === "f" ? 1 : 0,
                      tick: now,
                    },
                  ],
                ],
          ),
        ),
      ]),
    );
  const lost = (was: string[], ...rows: string[]) => [
    ...judgeAnchors(new Map<string, AdriftState>(was.map((region) => [region, { untoldSince: null }])), seen(...rows), now).adrift.keys(),
  ];

  it("failed half of the anchors twice, which most others reach", () => {
    expect(lost([], "-++")).toEqual(["r0"]);
    expect(lost([], "f++")).toEqual([]);
    expect(lost([], "-++", "+++")).toEqual(["r0"]);
    expect(lost([], "-++", "+++", "+++")).toEqual([]);
  });

  it("is not found by an anchor that is itself away, nor where nobody can tell", () => {
    expect(lost([], "---")).toEqual([]);
    expect(lost([], "--+")).toEqual([]);
    expect(lost([], "-+")).toEqual([]);
    expect(lost([], "-")).toEqual([]);
  });

  it("comes back when it passed more than half of them twice", () => {
    expect(lost(["r0"], "p++")).toEqual(["r0"]);
    expect(lost(["r0"], "+++")).toEqual([]);
    expect(lost(["r0"], "+++", "-++")).toEqual(["r0"]);
    expect(lost(["r0"], "+++", "+++", "-++")).toEqual([]);
  });

  it("are at most half of the regions: else nobody is", () => {
    expect(lost([], "-+++", "+-++")).toEqual(["r0", "r1"]);
    expect(lost([], "-++++", "+-+++", "++-++")).toEqual([]);
    expect(lost([], "-++++", "+-+++")).toEqual(["r0", "r1"]);
    expect(lost([], "-++", "+-+")).toEqual([]);
  });

  it("stays as it was while nothing can be compared, for ten minutes", () => {
    const quiet = judgeAnchors(new Map([["r0", { untoldSince: null }]]), new Map(), now);
    expect(quiet.suspects).toEqual(new Map([["r0", { untoldSince: now }]]));
    expect(judgeAnchors(quiet.suspects, new Map(), now + limits.recoveryMaxMs - 1).suspects.size).toBe(1);
    expect(judgeAnchors(quiet.suspects, new Map(), now + limits.recoveryMaxMs).suspects.size).toBe(0);
  });

  it("says what it fails of what counts", () => {
    const { failing } = judgeAnchors(new Map(), seen("-++", "---", "-++"), now);
    expect(failing).toEqual(new Map([["r0", ["anchor 0", "anchor 2"]]]));
  });
});
