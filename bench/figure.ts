/**
 * What a bench hands back: figures with their baseline from the same run, and how they are printed. A ratio can be compared between machines;
 * an absolute number belongs to the machine that it was seen on, and is printed as such.
 */

export type Figure = {
  /** "api reads, 8 in flight". */
  readonly name: string;
  /** With the unit; of this machine only. */
  readonly ours: string;
  readonly baseline: string;
  /** Null where there is nothing to divide by. */
  readonly ratio: number | null;
  /** "≥ 0.5"; empty where none is set. */
  readonly goal: string;
  /** Null where no goal is set. */
  readonly met: boolean | null;
};

export type Bench = {
  readonly name: string;
  /** What it does and what it is compared with, in a sentence or two. */
  readonly about: string;
  /** Throws when something could not be measured. */
  run(say: (line: string) => void): Promise<readonly Figure[]>;
};

export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/** Nearest rank; of two middle values the lower one. */
export function percentile(values: readonly number[], percent: number): number {
  if (values.length === 0) throw new Error("there is no percentile of nothing");
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] as number;
}

/** How far the rounds lie apart: (highest − lowest) ÷ median, in percent. */
export function spread(values: readonly number[]): string {
  return `spread ${Math.round((100 * (Math.max(...values) - Math.min(...values))) / median(values))} %`;
}

export const count = (value: number): string => Math.round(value).toLocaleString("en-US");
export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
export const seconds = (value: number): string => `${value.toFixed(2)} s`;

/** Rows in columns, the first of them the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return rows.flatMap((row, index) => (index === 0 ? [line(row), rule] : [line(row)])).join("\n");
}

export function summary(figures: readonly Figure[]): string {
  const met = (figure: Figure) => (figure.met === null ? "" : figure.met ? "met" : "MISSED");
  return table([
    ["figure", "ours*", "baseline*", "ratio", "goal", ""],
    ...figures.map((figure) => [
      figure.name,
      figure.ours,
      figure.baseline,
      figure.ratio === null ? "" : figure.ratio.toFixed(2),
      figure.goal,
      met(figure),
    ]),
  ]);
}
