/** The queue between checkers and Engine: at least once in calm times; it delays, repeats, reorders, and in bad times loses for good. */
import type { CheckReport } from "../../domain/observation.ts";
import type { Random } from "./random.ts";
import type { Timeline } from "./timeline.ts";

export type Trouble = { readonly lose: number; readonly repeat: number; readonly delay: number; readonly delayMs: number };
export const prompt: Trouble = { lose: 0, repeat: 0, delay: 0, delayMs: 0 };

const attempts = 4;

export class SimQueue {
  trouble: Trouble = prompt;
  private readonly timeline: Timeline;
  private readonly random: Random;
  private readonly deliver: (reports: readonly CheckReport[], lagMs: number) => Promise<void>;

  constructor(timeline: Timeline, random: Random, deliver: (reports: readonly CheckReport[], lagMs: number) => Promise<void>) {
    this.timeline = timeline;
    this.random = random;
    this.deliver = deliver;
  }

  send(report: CheckReport): void {
    const { lose, repeat } = this.trouble;
    if (this.random.chance(lose)) return;
    this.bring(report, this.timeline.now, 1);
    if (this.random.chance(repeat)) this.bring(report, this.timeline.now, 1);
  }

  private bring(report: CheckReport, sentAt: number, attempt: number): void {
    const { delay, delayMs } = this.trouble;
    const usual = this.random.int(3, 40);
    const late = this.random.chance(delay) ? this.random.int(0, delayMs) : 0;
    this.timeline.after(usual + late, () => {
      this.deliver([report], this.timeline.now - sentAt).catch(() => {
        if (attempt < attempts) this.timeline.after(1_000, () => this.bring(report, sentAt, attempt + 1));
      });
    });
  }
}
