/** docs/decisions.md says what happens: here its timelines happen, and its tables and defaults are compared with the code. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { gslbWrite, onAllDownForms } from "../../domain/gslb.ts";
import { limits } from "../../domain/limits.ts";
import { monitorCommon } from "../../domain/monitor.ts";
import { poolWrite } from "../../domain/pool.ts";
import { type Candidate, poolHealth } from "../../domain/pool-health.ts";
import { isQuorumDown, votesNeeded } from "../../domain/quorum.ts";
import { replay, timelinesOf } from "./timeline.fixture.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/decisions.md"), "utf8");
const timelines = timelinesOf(page);

/** The body of the table between `<!-- name -->` and its end. */
const cellsOf = (name: string): string[][] => {
  const lines = (page.split(`<!-- ${name} -->`)[1]?.split(`<!-- /${name} -->`)[0] ?? "").split("\n").filter((line) => line.startsWith("|"));
  return lines.map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

describe("docs/decisions.md", () => {
  it("has as many timelines as it says", () => {
    expect(timelines).toHaveLength(page.split("<!-- timeline: ").length - 1);
    expect(timelines.length).toBeGreaterThan(15);
  });

  it.each(timelines)("tells $name as it happens", (timeline) => {
    const told = timeline.rows.map(({ at, published, history }) => ({ at, published, history }));
    const [start, ...rest] = replay(timeline);
    // How everybody becomes ACTIVE is told once in words.
    const first = told[0]?.history === "…" && start !== undefined ? { ...start, history: "…" } : start;
    expect([first, ...rest]).toEqual(told);
  });

  it("leads from each rule that the history names to its place, and has a place for each", () => {
    const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".ts") && !/\.(test|fixture)\.ts$/.test(name));
    const named = sources.flatMap((name) =>
      [...readFileSync(join(import.meta.dirname, name), "utf8").matchAll(/\brule: "([^"]+)"/g)].map(([, rule]) => `\`${rule}\``),
    );
    const listed = [...page.matchAll(/^\| (`[a-z_]+`) \| .* \| rules? \[/gm)].map(([, rule]) => rule);
    expect(new Set(listed)).toEqual(new Set(named));
    const places = [...page.matchAll(/<a id="rule-(\d+)"><\/a>\n### Rule (\d+): /g)].map(([, id, rule]) => [Number(id), Number(rule)]);
    expect(places).toEqual(Array.from({ length: 22 }, (_, index) => [index + 1, index + 1]));
    for (const [, id] of page.matchAll(/\(#rule-(\d+)\)/g)) expect(Number(id)).toBeLessThanOrEqual(22);
  });

  it("tells each setting's default", () => {
    const defaults: Record<string, unknown> = {
      ...z.object(monitorCommon).parse({}),
      ...poolWrite.parse({ name: "main" }),
      ...gslbWrite.parse({ fqdn: "www.example.com.", domain_name: "example.com." }),
    };
    const told = cellsOf("settings").slice(2);
    expect(told.length).toBeGreaterThan(10);
    for (const [setting = "", value = ""] of told) {
      const known = defaults[setting.replaceAll("`", "")];
      expect([setting, value.split(":")[0]]).toEqual([setting, typeof known === "string" ? known : JSON.stringify(known)]);
    }
  });

  it("tells the bounds that are no settings", () => {
    const text = page.replaceAll(/\s+/g, " ");
    const minutes = (ms: number) => `${ms / 60_000} minutes`;
    const seconds = (ms: number) => `${ms / 1_000} s`;
    for (const said of [
      `among the newest ${limits.seriesWindow}`,
      `(at most ${minutes(limits.recoveryMaxMs)})`,
      `at most ${limits.proberSlots} endpoints of a shard`,
      `A fall within ${minutes(limits.dampingMs)} of the one before adds ${seconds(limits.penaltyBaseMs)}`,
      `up to ${minutes(limits.penaltyMaxMs)}`,
      `halves for each ${minutes(limits.dampingMs)}`,
      `at most ${seconds(limits.firstPublishMaxMs)}`,
      `${seconds(limits.replacedAddressMs)} at most`,
      `every ${minutes(limits.driftIntervalMs)}`,
      `${limits.conflictDrifts} times in ${minutes(limits.conflictMs)}`,
      `nor published for ${minutes(limits.quietMs)}`,
      `at most ${seconds(limits.retryMaxMs)} apart`,
      `more than ${seconds(limits.tickAheadMs)} in the future`,
      `up to ${seconds(limits.answersCacheMs)} that a Worker`,
      `for ${minutes(limits.answersStaleMs)}, with a TTL of ${limits.staleTtlSeconds} s`,
    ])
      expect(text).toContain(said);
  });

  it("tells how many regions a decision takes", () => {
    const told = cellsOf("quorum").slice(2);
    expect(told).toHaveLength(8);
    for (const row of told) {
      const regions = Number(row[0]);
      let down = 0;
      while (!isQuorumDown(down, regions, 51)) down += 1;
      expect(row).toEqual([regions, votesNeeded(regions, null), down].map(String));
    }
  });

  it("tells how many of nine members must be healthy, and the shares that floating point gets wrong", () => {
    const [percents = [], , needed = []] = cellsOf("min-healthy");
    expect(percents).toHaveLength(12);
    for (const [index, percent] of percents.entries()) if (index > 0) expect(needed[index]).toBe(String(neededOf(9, Number(percent))));
    const shares = [...page.matchAll(/(\d+) % of (\d+) is (\d+)/g)];
    expect(shares).toHaveLength(3);
    for (const [, percent, members, count] of shares) expect(neededOf(Number(members), Number(percent))).toBe(Number(count));
  });

  it("tells what is answered when everything is down, for each form of on_all_down", () => {
    const told = cellsOf("all-down").slice(2);
    expect(told.map(([form]) => form).toSorted()).toEqual([...onAllDownForms].toSorted());
    for (const [form = "", ...answers] of told) {
      expect([form, ...publishedIn(form === "fallback_pool" ? `${form}, \`fallback\` sorry` : form)]).toEqual([form, ...answers]);
    }
  });
});

/** What its table says of partitions, as far as regions and servers go. Four servers in two pools, so that a region can be found sick. */
describe("when parts lose sight of each other", () => {
  const places = ["weur", "eeur", "enam", "wnam", "apac"];
  const cut = (regions: number, ...rows: string[]) =>
    played(
      `Monitor: \`delay\` 20, \`timeout\` 2, \`max_retries\` 2, \`rise\` 2, \`confirm_delay\` 20. Regions: ${places.slice(0, regions).join(", ")}. Pool main (a, b). Pool spare (c, d).`,
      ["10:00:00 | all: everyone pass", ...rows],
    );
  const last = (rows: ReturnType<typeof cut>) => rows.at(-1)?.published;
  const history = (rows: ReturnType<typeof cut>) => rows.map((row) => row.history).join("; ");

  it("a minority of the regions moves nothing and loses its vote; the others still take out who dies", () => {
    const cutOff = ["10:01:00 | weur, eeur: everyone fail", "10:01:40 |"];
    expect(last(cut(5, ...cutOff))).toBe("a, b");
    const rows = cut(5, ...cutOff, "10:02:00 | enam, wnam, apac: a fails", "10:02:40 |");
    expect(history(rows)).toMatch(/region_lost_vote` weur.*region_lost_vote` eeur/);
    expect(last(rows)).toBe("b");
  });

  it("half of the regions hold everything, also a server that really dies", () => {
    const rows = cut(4, "10:01:00 | weur, eeur: everyone fail", "10:02:00 | enam, wnam: a fails", "10:05:00 |");
    expect(last(rows)).toBe("a, b");
    expect(history(rows)).not.toContain("DOWN");
  });

  it("most of the regions are a quorum, and are believed", () => {
    const rows = cut(5, "10:01:00 | weur, eeur, enam: everyone fail", "10:01:40 |");
    expect(history(rows)).toContain("`all_down`");
    expect(history(rows)).not.toContain("region_lost_vote");
    expect(last(rows)).toBe("a, b");
  });

  it("regions that are not heard leave the decision to the rest, down to min_regions of them", () => {
    const silent = ["10:01:00 | weur, eeur: everyone silent", "10:02:00 | enam, wnam, apac: a fails", "10:02:40 |"];
    expect(last(cut(5, ...silent))).toBe("b");
    expect(last(cut(5, ...silent, "10:03:00 | enam: everyone silent", "10:04:00 | wnam, apac: b fails", "10:06:00 |"))).toBe("b");
  });
});

const played = (settings: string, rows: readonly string[]) =>
  replay({
    name: "",
    settings,
    rows: rows.map((row) => {
      const [at = "", reported = ""] = row.split("|").map((part) => part.trim());
      return { at, reported, published: "", history: "" };
    }),
  });

function publishedIn(form: string): (string | undefined)[] {
  const settings = `Monitor: \`delay\` 10, \`timeout\` 2, \`max_retries\` 2, \`rise\` 2, \`confirm_delay\` 10. Regions: weur, eeur, enam. Pool main (a, b). Pool spare (c). ${
    form.startsWith("fallback") ? "Pool sorry (d). " : ""
  }GSLB: \`on_all_down\` ${form}.`;
  const rows = ["10:00:00 | all: everyone pass", "10:01:00 | all: a fails", "10:02:00 |", "10:02:10 | all: everyone fail", "10:03:00 |"];
  const answers = played(settings, [...rows, "10:03:10 | all: c passes", "10:04:00 |"]);
  return ["10:02:00", "10:03:00", "10:04:00"].map((at) => answers.find((row) => row.at === at)?.published);
}

function neededOf(members: number, minHealthyPercent: number): number {
  const candidates = Array.from({ length: members }, (_, index): Candidate => {
    const facts = { adminStateUp: true, weight: 1, judged: true, override: null, heldBack: false, fellAt: null, released: false };
    return { id: String(index), status: "ACTIVE", up: ["192.0.2.1"], all: ["192.0.2.1"], ...facts };
  });
  return poolHealth(candidates, { minHealthyPercent, panicPercent: 0, maxRemovalPercent: 100 }).needed;
}
