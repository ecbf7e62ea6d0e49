/**
 * Plays the timelines of docs/decisions.md through a real `Project`: reads what a table says is reported, second by second, and says what is
 * published and which events appear. Between two rows everybody goes on reporting what they last said, each `delay`; what happens there is a
 * row of its own, so that a table cannot leave anything out.
 */
import type { Gslb } from "../../domain/gslb.ts";
import type { HistoryEvent } from "../../domain/history.ts";
import type { Member } from "../../domain/member.ts";
import type { Monitor } from "../../domain/monitor.ts";
import type { OutcomeKind } from "../../domain/observation.ts";
import type { Pool } from "../../domain/pool.ts";
import { assert } from "../../domain/result.ts";
import type { Configuration } from "../rpc.ts";
import { configuration, gslb, member, monitor, newProject, pool, report, uuid } from "./project.fixture.ts";
import { memberView } from "./views.ts";

export type Row = { readonly at: string; readonly published: string; readonly history: string };
export type Timeline = {
  readonly name: string;
  readonly settings: string;
  readonly rows: readonly (Row & { readonly reported: string })[];
};

/**
 * The tables between `<!-- timeline: name -->` and `<!-- /timeline -->`. What stands before a table are its settings; where they do not speak of
 * monitor, regions or pools, those of the line after `<!-- usual -->` hold.
 */
export function timelinesOf(page: string): Timeline[] {
  const usual = page.match(/<!-- usual -->\n(.+)/)?.[1]?.split(/(?<=\.) /) ?? [];
  return [...page.matchAll(/<!-- timeline: ([^>]+) -->\n([\s\S]*?)<!-- \/timeline -->/g)].map(([, name = "", body = ""]) => {
    const lines = body.split("\n");
    const rows = lines.filter((line) => /^\| \d/.test(line)).map((line) => line.split("|").map((cell) => cell.trim()));
    const own = lines.filter((line) => !line.startsWith("|")).join(" ");
    const rest = usual.filter((sentence) => !own.includes(sentence.split(" ")[0] ?? ""));
    return {
      name,
      settings: [...rest, own].join(" "),
      rows: rows.map(([, at = "", reported = "", published = "", history = ""]) => ({ at, reported, published, history })),
    };
  });
}

const timeOf = (clock: string): number => Date.parse(`2026-01-31T${clock}Z`);
const clockOf = (at: number): string => new Date(at).toISOString().slice(11, 19);
const listOf = (text: string): string[] => text.split(/, | and /).map((part) => part.trim());

/** "`failback_delay` 60, `flavor` x" as fields. */
function fieldsOf(text: string): Record<string, string | number | boolean> {
  const pairs = [...text.matchAll(/`([a-z_]+)` ([A-Za-z0-9_]+)/g)];
  return Object.fromEntries(
    pairs.map(([, key = "", value = ""]) => [
      key,
      /^\d+$/.test(value) ? Number(value) : /^(true|false)$/.test(value) ? value === "true" : value,
    ]),
  );
}

const outcomes: Readonly<Record<string, OutcomeKind | null>> = {
  pass: "pass",
  passes: "pass",
  fail: "fail",
  fails: "fail",
  warn: "pass",
  warns: "pass",
  "no data": "no_data",
  silent: null,
};

class Scene {
  readonly project = newProject();
  private readonly regions: readonly string[];
  private readonly apartMs: number;
  private monitor: Monitor;
  private gslb: Gslb;
  private readonly pools = new Map<string, Pool>();
  private readonly members = new Map<string, Member>();
  /** What a region says of a member, and when its ticks are; null: nothing any more. */
  private readonly standing = new Map<
    string,
    { region: string; member: string; outcome: OutcomeKind | null; warns: boolean; phase: number }
  >();
  private overrides = 0;
  private isBackendAway = false;
  private asked = false;
  private now: number;

  constructor(settings: string, now: number) {
    this.now = now;
    const part = (pattern: RegExp) => settings.match(pattern)?.[1] ?? "";
    const places = part(/Regions: ([^.]+)\./);
    this.apartMs = Number(part(/, (\d+) s apart/)) * 1_000;
    this.regions = listOf(places.replace(/, \d+ s apart/, ""));
    this.monitor = monitor(1, { ...fieldsOf(part(/Monitor: ([^.]+)\./)), check_regions: [...this.regions] });
    for (const [, name = "", inside = "", rest = ""] of settings.matchAll(/Pool (\w+) \(([^)]+)\)([^.]*)\./g)) {
      const one = pool(10 + this.pools.size, { name, monitor_ids: [uuid(1)], ...fieldsOf(rest) });
      this.pools.set(name, one);
      for (const member of listOf(inside)) this.addMember(member, one.id);
    }
    const { fallback, ...fields } = fieldsOf(part(/GSLB: ([^.]+)\./));
    const spare = typeof fallback === "string" ? this.poolOf(fallback).id : null;
    const ids = [...this.pools.values()].map(({ id }) => id).filter((id) => id !== spare);
    this.gslb = gslb(1_000, ids, { name: "www", fallback_pool_id: spare, ...fields });
    this.configure({
      gslbs: [this.gslb],
      pools: [...this.pools.values()],
      members: [...this.members.values()],
      monitors: [this.monitor],
    });
  }

  /** One second of the world: what regions say by themselves, then what a row says, then what follows from both. */
  play(now: number, reported: string): Row {
    this.now = now;
    const words = reported === "" ? [] : reported.split("; ");
    const said = new Set<string>();
    for (const word of words) this.carryOut(word, said);
    for (const [key, { region, member, outcome, warns, phase }] of this.standing) {
      const isDue = outcome !== null && now > phase && (now - phase) % (this.monitor.delay * 1_000) === 0;
      if (isDue && !said.has(key)) this.hear(region, member, outcome, warns);
    }
    this.project.tick(now);
    if (!this.isBackendAway) this.takePlans();
    const { events } = this.project.drain().writeBack;
    const told = events.filter(({ kind }) => kind !== "published").map((event) => this.tell(event));
    if (this.asked) told.unshift("*(asks every region)*");
    this.asked = false;
    if (events.length > 0) told.push(...this.holds());
    return { at: clockOf(now), published: this.published(), history: told.join("; ") };
  }

  private published(): string {
    const live = [...this.project.publications.values()][0]?.live;
    if (live === null || live === undefined) return "–";
    const values = live.plan.answers.flatMap((answer) => answer.values);
    return values.length === 0 ? "(withdrawn)" : values.map((value) => this.nameOf(value)).join(", ");
  }

  /** Who passes and is kept out for a while, until when: no event, but a field of the status. */
  private holds(): string[] {
    return [...this.members].flatMap(([name, { id }]) => {
      const until = memberView(this.project, id, this.now)?.held_until ?? null;
      return until === null ? [] : [`*(${name} held until ${clockOf(Date.parse(until))})*`];
    });
  }

  private carryOut(word: string, said: Set<string>): void {
    const [, who, members = "", outcome = ""] =
      word.match(/^([a-z, -]+): ([a-z, ]+?) (pass|passes|warn|warns|fail|fails|no data|silent)$/) ?? [];
    if (who !== undefined) {
      const named = who === "all" ? this.regions : listOf(who);
      for (const [index, region] of named.entries())
        for (const name of members === "everyone" ? this.members.keys() : listOf(members)) {
          const key = `${region} ${name}`;
          const state = outcomes[outcome] ?? null;
          const phase = this.standing.get(key)?.phase ?? this.now + index * this.apartMs;
          const warns = outcome.startsWith("warn");
          this.standing.set(key, { region, member: name, outcome: state, warns, phase });
          said.add(key);
          if (state !== null) this.hear(region, name, state, warns);
        }
      return;
    }
    this.operate(word);
  }

  private operate(word: string): void {
    const fields = fieldsOf(word);
    const [, kind = "", name = ""] = word.match(/^(monitor|pool|member|GSLB|override|backend|POST) ?([\w/]*)/) ?? [];
    const version = 2 + Math.round(this.now / 1_000);
    const by = { id: "t", name: "oncall", requestId: "r" };
    if (kind === "monitor") {
      this.monitor = { ...this.monitor, ...fields, version };
      this.configure({ monitors: [this.monitor] });
    } else if (kind === "pool") {
      const next = { ...this.poolOf(name), ...(word.endsWith("detached") ? { monitor_ids: [] } : fields), version };
      this.pools.set(name, next);
      this.configure({ pools: [next] });
    } else if (kind === "member") {
      const moved = word.match(/moves to (\w+)$/)?.[1];
      const known = this.memberOf(name);
      const next = { ...known, ...fields, ...(moved === undefined ? {} : { endpoints: [addressOf(moved)] }), version };
      this.members.set(name, next);
      if (moved !== undefined) this.members.set(moved, next);
      this.configure({ members: [next] });
    } else if (kind === "GSLB") {
      this.gslb = { ...this.gslb, ...fields, version };
      this.configure({ gslbs: [this.gslb] });
    } else if (kind === "override" && name === "ends") {
      this.configure({ deleted: [{ kind: "override", id: uuid(9_000 + this.overrides) }] });
    } else if (kind === "override") this.addOverride(word);
    else if (word === "POST release on main") this.project.release(this.poolOf("main").id, this.now, by);
    else if (/^\w+ beats$/.test(word)) this.project.beat(uuid(1), this.memberOf(word.split(" ")[0] ?? "").id, this.now);
    else if (word === "POST failback") this.project.failback(this.gslb.id, this.now, by);
    else if (word === "backend away" || word === "backend back") this.isBackendAway = name === "away";
    else assert(false, `a timeline says what can be played, not "${word}"`);
  }

  private addOverride(word: string): void {
    const [, state = "", name = "", until] = word.match(/^override (\w+) on (\w+)(?: until ([\d:]+))?$/) ?? [];
    assert(state === "up" || state === "down" || state === "drain", `an override has a state: "${word}"`);
    this.overrides += 1;
    const selector = this.pools.has(name) ? { pool_id: this.poolOf(name).id } : { member_id: this.memberOf(name).id };
    this.configure({
      overrides: [
        {
          id: uuid(9_000 + this.overrides),
          project_id: "default",
          selector,
          state,
          reason: null,
          starts_at: null,
          expires_at: until === undefined ? null : new Date(timeOf(until)).toISOString(),
          force: false,
          by: "oncall",
          created_at: new Date(this.now).toISOString(),
          ended: null,
        },
      ],
    });
  }

  private hear(region: string, name: string, outcome: OutcomeKind, warns: boolean): void {
    const { version } = this.project.catalog.monitors.get(uuid(1)) ?? { version: 1 };
    const judged = this.project.catalog.monitors.get(uuid(1))?.judged_version ?? version;
    const told = report(region, this.now, this.memberOf(name), outcome, { version: judged });
    const [observation] = told.observations;
    const warned = !warns || observation === undefined ? told : { ...told, observations: [{ ...observation, warning: "expires soon" }] };
    const { confirmations } = this.project.observe([warned], this.now);
    this.asked ||= confirmations.length > 0;
  }

  private takePlans(): void {
    for (const [key, { confirmed, number, wanted }] of this.project.publications)
      if (wanted !== null && confirmed !== number) this.project.written(key, number, null, this.now, 0.5);
  }

  private configure(over: Partial<Configuration>): void {
    this.project.configure(configuration(over), false, this.now);
  }

  private addMember(name: string, poolId: string): void {
    this.members.set(name, member(100 + this.members.size, poolId, [addressOf(name)], { name }));
  }

  private poolOf(name: string): Pool {
    const found = this.pools.get(name);
    assert(found !== undefined, `there is a pool ${name}`);
    return found;
  }

  private memberOf(name: string): Member {
    const found = this.members.get(name);
    assert(found !== undefined, `there is a member ${name}`);
    return found;
  }

  private nameOf(address: string): string {
    return [...this.members.keys()].find((name) => addressOf(name) === address) ?? address;
  }

  /** "a DOWN" where a status changed; of other events the kind, whom it concerns, and what became of it. */
  private tell({ kind, member_id, pool_id, to, evidence }: HistoryEvent): string {
    const known = [...this.members.values(), ...this.pools.values()];
    const about = known.find(({ id }) => id === (member_id ?? pool_id))?.name ?? evidence.region ?? "";
    const what = known.find(({ id }) => id === to)?.name ?? to ?? "";
    if (kind === "gslb_status") return `GSLB ${what}`;
    const head = kind === "member_status" || kind === "pool_status" ? "" : `\`${kind}\``;
    return [head, about, what].filter((text) => text !== "").join(" ");
  }
}

/** `a` is 192.0.2.1, `b` 192.0.2.2, … */
const addressOf = (name: string): string => `192.0.2.${name.charCodeAt(0) - 96}`;

/** The rows as they happen: those of the timeline, and any second between them in which something else did. */
export function replay({ settings, rows }: Timeline): Row[] {
  const [first] = rows;
  assert(first !== undefined, "a timeline has rows");
  const scene = new Scene(settings, timeOf(first.at));
  const played: Row[] = [];
  let now = timeOf(first.at) - 1_000;
  for (const { at, reported } of rows) {
    assert(timeOf(at) > now, `the rows of a timeline are in order: ${at}`);
    for (now += 1_000; now < timeOf(at); now += 1_000) {
      const row = scene.play(now, "");
      if (row.history !== "" || row.published !== played.at(-1)?.published) played.push(row);
    }
    played.push(scene.play(now, reported));
  }
  return played;
}
