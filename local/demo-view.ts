/**
 * What the demo shows while it runs: on a terminal one picture that is drawn again and again, elsewhere one line for each change. It decides
 * nothing and asks nobody.
 */
import { styleText } from "node:util";
import type { GslbView, MemberView, RegionView } from "../domain/status-view.ts";

export type Scene = {
  readonly fqdn: string;
  readonly regions: readonly string[];
  readonly maxRetries: number;
  /** Empty before the first answer. */
  readonly answers: readonly string[];
  readonly gslb: GslbView | null;
  /** The members whose origin is dead right now. */
  readonly killed: ReadonlySet<string>;
};

export type View = {
  /** Something happened; it stays on the screen. */
  tell(text: string): void;
  show(scene: Scene): void;
  /** Takes the picture away. */
  end(): void;
};

export type Output = { readonly isTTY?: boolean; readonly columns?: number; write(text: string): unknown };

const pictureColumns = 104;
const cellWidth = 7;
const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

type Style = Parameters<typeof styleText>[0];
/** Pads first: the codes of a colour have no width. */
const styled = (style: Style, text: string, width = 0) => styleText(style, text.padEnd(width));

export const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

export function demoView(output: Output, sinceStartMs: () => number): View {
  const stamp = () => styled("dim", seconds(sinceStartMs()).padStart(7));
  if (output.isTTY !== true || (output.columns ?? 0) < pictureColumns) return lineView(output, stamp);
  let drawn = 0;
  let frame = 0;
  /** In one write with what follows, so that nothing flickers. */
  const wiped = () => {
    const codes = drawn > 0 ? `\x1b[${drawn}A\x1b[0J` : "";
    drawn = 0;
    return codes;
  };
  return {
    tell: (text) => {
      output.write(`${wiped()}${stamp()}  ${text}\n`);
    },
    show: (scene) => {
      const lines = picture(scene, spinner[frame++ % spinner.length] ?? "");
      output.write(`${wiped()}\x1b[?25l${lines.join("\n")}\n`);
      drawn = lines.length;
    },
    end: () => {
      output.write(`${wiped()}\x1b[?25h`);
    },
  };
}

/** A line whenever a region, a vote or the answer is another. */
function lineView(output: Output, stamp: () => string): View {
  const last = new Map<string, string>();
  const say = (key: string, text: string) => {
    if (last.get(key) === text) return;
    last.set(key, text);
    output.write(`${stamp()}    ${text}\n`);
  };
  return {
    tell: (text) => output.write(`${stamp()}  ${text}\n`),
    show: (scene) => {
      for (const member of membersOf(scene)) {
        if (member.regions.length === 0) continue;
        const cells = scene.regions.map((region) => `${region} ${cell(member, region, scene.maxRetries).text}`);
        say(member.name, `${member.name.padEnd(8)} ${cells.join("  ")}   ${member.status}`);
      }
      if (scene.answers.length > 0) say("answer", `answer   ${scene.answers.join(", ")}`);
    },
    end: () => {},
  };
}

function picture(scene: Scene, tick: string): string[] {
  const answer = scene.answers.length === 0 ? styled("dim", "nothing yet") : styled(["bold", "cyan"], scene.answers.join("  "));
  const lines = [
    "",
    `  ${styled("bold", scene.fqdn)} answers ${answer}   ${statusText(scene.gslb?.status ?? "PENDING")} ${styled("dim", tick)}`,
    "",
    `  ${styled("dim", "what each region sees".padEnd(26) + scene.regions.map((region) => region.padEnd(cellWidth)).join(""))}`,
  ];
  for (const pool of scene.gslb?.pools ?? []) {
    lines.push(`  ${styled("dim", pool.name)}`);
    for (const member of pool.members) lines.push(memberLine(scene, member));
  }
  return lines;
}

function memberLine(scene: Scene, member: MemberView): string {
  const endpoint = member.endpoints[0]?.endpoint ?? "";
  const cells = scene.regions.map((region) => {
    const { style, text } = cell(member, region, scene.maxRetries);
    return styled(style, text, cellWidth);
  });
  const answered = scene.answers.includes(endpoint);
  const killed = scene.killed.has(member.name) ? styled("red", "  origin is dead") : "";
  return `    ${member.name.padEnd(9)}${endpoint.padEnd(15)}${cells.join("")}${statusText(member.status, 10)}${answered ? styled("cyan", "◀ answered") : ""}${killed}`;
}

/** One region's verdict; a run of fails that is not yet enough shows how far it is. */
function cell(member: MemberView, region: string, maxRetries: number): { style: Style; text: string } {
  const seen: RegionView | undefined = member.regions.find((view) => view.region === region);
  if (seen === undefined || seen.at === null) return { style: "dim", text: "…" };
  if (seen.verdict === "down") return { style: "red", text: seen.successes > 0 ? "down↑" : "down" };
  if (seen.failures > 0) return { style: "yellow", text: `${seen.failures}/${maxRetries}` };
  return seen.verdict === "up" ? { style: "green", text: "up" } : { style: "dim", text: "…" };
}

function statusText(status: string, width = 0): string {
  const style = status === "ACTIVE" ? "green" : status === "DOWN" || status === "ERROR" ? "red" : status === "DEGRADED" ? "yellow" : "dim";
  return styled(style, status, width);
}

const membersOf = (scene: Scene) => (scene.gslb?.pools ?? []).flatMap((pool) => pool.members);
