/**
 * An agent at work: it asks for its orders and waits for the answer, checks on its own clock, and reports what it saw. The API may be away:
 * the checks go on, the results wait, and both loops come back with a growing, random delay.
 */
import { agentOrders } from "../domain/agent-wire.ts";
import { capabilities } from "../domain/vantage-point.ts";
import { version } from "../domain/version.ts";
import type { CheckerIo } from "../workers/checker/run-checks.ts";
import { type ApiAnswer, type ApiClient, backOffMs, wordsOf } from "./api-client.ts";
import { Results } from "./results.ts";
import { Work } from "./work.ts";

export type AgentPorts = {
  readonly api: ApiClient;
  readonly io: CheckerIo;
  readonly concurrency: number;
  readonly families: readonly (4 | 6)[];
  log(level: "info" | "warning" | "error", text: string): void;
};

/** `refused`: the token is not valid. */
export type End = "ended" | "refused";

/** Whether it brought something; or why it is to be tried again. */
type Polled = { readonly news: boolean } | { readonly trouble: string; readonly retryAfterMs: number | null };

const waitSeconds = 25;
/** What the API may take beyond the time that it was told to wait. */
const graceMs = 15_000;
const reportMs = 15_000;
/** Results are gathered for so long, unless one is urgent. */
const gatherMs = 1_000;
/** A clock that is further off than this is corrected. */
const clockMs = 2_000;
/** Two polls without news do not follow each other faster than this. */
const idleMs = 1_000;
/** What is under way at the end may take so long, and the last report. */
const lastChecksMs = 2_000;
const lastReportMs = 5_000;

export class KosmosAgent {
  private readonly ports: AgentPorts;
  private readonly work: Work;
  private readonly results = new Results();
  private readonly ending = new AbortController();
  private clockOffset = 0;
  private region: string | null = null;
  private end: End = "ended";
  /** Wakes the loop that reports. */
  private wake: () => void = () => undefined;
  /** Ends the pause of the loop that reports. */
  private reached: () => void = () => undefined;
  private urgent = false;
  private droppedNow = 0;

  constructor(ports: AgentPorts) {
    this.ports = ports;
    this.work = new Work({
      io: ports.io,
      concurrency: ports.concurrency,
      now: () => Date.now() + this.clockOffset,
      seen: (place, observation, urgent) => {
        this.results.add(place, observation);
        this.droppedNow += this.results.size > trimAt ? this.results.trim(Date.now() + this.clockOffset) : 0;
        this.hurry(urgent);
      },
      tested: (project, id, result) => {
        this.results.addTest(project, id, result);
        this.hurry(true);
      },
    });
  }

  /** Until `stop`, or until the token is refused. */
  async run(): Promise<End> {
    await Promise.all([this.polling(), this.reporting()]);
    await this.work.end(lastChecksMs);
    if (this.end === "ended") await this.lastReport();
    return this.end;
  }

  stop(): void {
    this.ending.abort();
    this.wake();
  }

  private async polling(): Promise<void> {
    let failures = 0;
    while (!this.ending.signal.aborted) {
      const startedAt = performance.now();
      // After a failure the first answer counts, not what is new.
      const polled = await this.poll(failures === 0 ? waitSeconds : 0);
      if (this.ending.signal.aborted) return;
      if ("trouble" in polled) {
        const waitMs = backOffMs(failures, Math.random(), polled.retryAfterMs);
        failures += 1;
        // The first and then ever fewer: a night without the API is no night of log lines.
        if (Math.log2(failures) % 1 === 0) this.ports.log("warning", `${polled.trouble}; trying again (failure ${failures})`);
        await this.pause(waitMs);
        continue;
      }
      if (failures > 0) {
        this.ports.log("info", "the API answers again");
        failures = 0;
        this.reached();
      }
      if (!polled.news) await this.pause(idleMs - (performance.now() - startedAt));
    }
  }

  private async poll(wait: number): Promise<Polled> {
    const body = {
      tags: this.work.tags,
      wait,
      version,
      capabilities: capabilities.filter((capability) => this.ports.io.capabilities.has(capability)),
      address_families: this.ports.families,
    };
    let answer: ApiAnswer;
    try {
      answer = await this.ports.api.post("/v0.1/agents/poll", body, wait * 1_000 + graceMs, this.ending.signal);
    } catch (error) {
      return { trouble: `the API cannot be reached: ${reason(error)}`, retryAfterMs: null };
    }
    if (answer.status !== 200) {
      this.refusedIf(answer);
      return { trouble: wordsOf(answer), retryAfterMs: answer.retryAfterMs };
    }
    const orders = agentOrders.safeParse(answer.body);
    if (!orders.success) {
      const [issue] = orders.error.issues;
      return { trouble: `the API's orders cannot be read: ${issue?.path.join(".")}: ${issue?.message}`, retryAfterMs: null };
    }
    this.setClock(orders.data.now);
    if (this.region !== orders.data.region) {
      this.region = orders.data.region;
      this.ports.log("info", `this is the region ${this.region}`);
    }
    if (this.work.take(orders.data)) this.ports.log("info", `checks: ${this.work.checks} of ${orders.data.project_ids.length} project(s)`);
    return {
      news: orders.data.projects.some((one) => one.assignment !== null || one.confirmations.length + one.tests.length > 0),
    };
  }

  /** Ticks are the API's time: what lies more than five seconds ahead of it is worth nothing there. */
  private setClock(apiNow: number): void {
    const measured = Math.round(apiNow - Date.now());
    if (Math.abs(measured - this.clockOffset) <= clockMs) return;
    this.clockOffset = Math.abs(measured) <= clockMs ? 0 : measured;
    const off = `${(Math.abs(measured) / 1_000).toFixed(1)} s ${measured > 0 ? "behind" : "ahead of"} the API's`;
    if (this.clockOffset === 0) this.ports.log("info", "this machine's clock is right again");
    else this.ports.log("warning", `this machine's clock is ${off}; checks are timed by the API's (is NTP running?)`);
  }

  private async reporting(): Promise<void> {
    let failures = 0;
    while (!this.ending.signal.aborted) {
      if (!this.urgent && failures === 0) await this.gathered();
      if (this.ending.signal.aborted) return;
      this.urgent = false;
      const sent = await this.report(reportMs, this.ending.signal);
      if (sent === true) failures = 0;
      else if (!this.ending.signal.aborted) {
        await this.pause(backOffMs(failures, Math.random(), sent), true);
        failures += 1;
      }
      this.sayDropped();
    }
  }

  /** Until something urgent has come, or anything was there for so long. */
  private async gathered(): Promise<void> {
    while (this.results.size === 0 && !this.urgent && !this.ending.signal.aborted) await this.woken(null);
    if (!this.urgent) await this.woken(gatherMs);
  }

  /** All that there is, batch by batch. True: nothing is left; else how long the API asked to wait, or null. */
  private async report(timeoutMs: number, signal?: AbortSignal): Promise<true | number | null> {
    for (;;) {
      this.droppedNow += this.results.trim(Date.now() + this.clockOffset);
      const batch = this.results.next();
      if (batch === null) return true;
      let answer: ApiAnswer;
      try {
        answer = await this.ports.api.post("/v0.1/agents/report", batch.body, timeoutMs, signal);
      } catch (error) {
        if (signal?.aborted !== true) this.ports.log("warning", `results wait (${this.results.size}): ${reason(error)}`);
        return null;
      }
      if (answer.status === 200) {
        this.results.taken(batch);
        continue;
      }
      if (this.refusedIf(answer)) return null;
      if (answer.status >= 500 || answer.status === 429 || answer.status === 408) {
        this.ports.log("warning", `results wait (${this.results.size}): ${wordsOf(answer)}`);
        return answer.retryAfterMs;
      }
      // It would be refused for ever, and everything behind it with it.
      this.results.taken(batch);
      this.ports.log("error", `${batch.observations.length} results were refused: ${wordsOf(answer)}`);
    }
  }

  private async lastReport(): Promise<void> {
    if ((await this.report(lastReportMs)) !== true) this.ports.log("warning", `${this.results.size} results could not be reported`);
  }

  private refusedIf(answer: ApiAnswer): boolean {
    if (answer.status !== 401) return false;
    if (this.end !== "refused") this.ports.log("error", "the token is not valid, or the agent was removed");
    this.end = "refused";
    this.stop();
    return true;
  }

  private sayDropped(): void {
    if (this.droppedNow > 0) this.ports.log("warning", `${this.droppedNow} results were given up: the API was away for too long`);
    this.droppedNow = 0;
  }

  private hurry(urgent: boolean): void {
    this.urgent ||= urgent;
    this.wake();
  }

  /** Until `hurry`, but for `ms` only until it is urgent; the end wakes both. */
  private woken(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === null ? undefined : setTimeout(() => done(), ms);
      const done = () => {
        clearTimeout(timer);
        this.wake = () => undefined;
        resolve();
      };
      this.wake = () => {
        if (ms === null || this.urgent || this.ending.signal.aborted) done();
      };
    });
  }

  /** `early`: as soon as the other loop has reached the API. */
  private pause(ms: number, early = false): Promise<void> {
    if (ms <= 0 || this.ending.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.ending.signal.removeEventListener("abort", done);
        if (early) this.reached = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.ending.signal.addEventListener("abort", done, { once: true });
      if (early) this.reached = done;
    });
  }
}

const trimAt = 20_000;

/** Without the token, and without a stack. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return error.message !== "" ? error.message : (code ?? error.name);
}
