/**
 * The Engine's Durable Object without the platform: one incarnation of the shell at a time over storage that outlives it. What it writes in
 * a turn becomes durable together; whatever leaves it waits for that; a crash forgets the incarnation and what was not durable, and whatever
 * it waited for never comes. Alarms come at least once.
 */
import type { EnginePorts } from "../../durable-objects/engine/ports.ts";
import { EngineShell } from "../../durable-objects/engine/shell.ts";
import type { Random } from "./random.ts";
import { type RowWatcher, SimStorage } from "./storage.ts";
import type { Cancel, Timeline } from "./timeline.ts";

/** The world that an incarnation reaches; calls go through `call`, which waits for the output gate. */
export type Outside = {
  /** One call to somebody else: leaves when everything written is durable, and may never come back. */
  call<T>(what: string, work: () => T | Promise<T>, latencyMs?: () => number): Promise<T>;
};

export type HostOptions = {
  readonly timeline: Timeline;
  readonly random: Random;
  readonly watch: RowWatcher;
  /** Everything of the ports that is not the platform's. */
  readonly ports: (outside: Outside) => Omit<EnginePorts, "storage" | "alarm" | "now" | "sleep" | "background">;
  readonly say: (line: string) => void;
  /** Something went wrong that must not. */
  readonly fault: (invariant: string, detail: string) => void;
  readonly committed: () => void;
  readonly rolledBack: () => void;
  /** How likely the object is gone at each step out of it. */
  readonly crashChance: () => number;
};

type Life = {
  readonly shell: EngineShell;
  readonly ready: Promise<void>;
  readonly death: Promise<never>;
  readonly kill: () => void;
  alive: boolean;
};

export class EngineHost {
  private readonly options: HostOptions;
  private storage: SimStorage;
  private life: Life | null = null;
  private waiting: (() => void)[] = [];
  private dirty = false;
  private cancelCommit: Cancel | null = null;
  /** Unix ms of the Engine's clock; as it is set, and as it is durable. */
  private alarmSet: number | null = null;
  private alarmDurable: number | null = null;
  private cancelAlarm: Cancel | null = null;
  private alarmFailures = 0;
  /** How far the Engine's clock is from the true one. */
  offsetMs = 0;
  crashes = 0;

  constructor(options: HostOptions) {
    this.options = options;
    this.storage = this.newStorage();
  }

  get now(): number {
    return this.options.timeline.now + this.offsetMs;
  }

  get isAlive(): boolean {
    return this.life !== null;
  }

  get writes(): number {
    return this.storage.writes;
  }

  /** Calls the object: it is started if it is not there, and the answer comes when what it says is durable. Rejects when it is gone meanwhile. */
  async call<T>(work: (shell: EngineShell) => Promise<T>): Promise<T> {
    const life = this.ensure();
    const answer = async (): Promise<T> => {
      await life.ready;
      const value = await work(life.shell);
      await this.gate();
      return value;
    };
    const answered = answer();
    answered.catch((error: unknown) => this.options.fault("no throw", `in a call: ${stackOf(error)}`));
    return Promise.race([answered, life.death]);
  }

  /** What the shell says now, without a call; null: it is not there. */
  peek(): EngineShell | null {
    return this.life?.shell ?? null;
  }

  read(query: string): Record<string, string | number | null>[] {
    return this.storage.sql.exec(query).toArray();
  }

  crash(why: string): void {
    if (this.life === null) return;
    this.options.say(`engine: gone (${why})${this.dirty ? ", with writes that were not durable" : ""}`);
    this.crashes += 1;
    this.life.alive = false;
    this.life.kill();
    this.life = null;
    this.cancelCommit?.();
    this.storage.rollback();
    this.dirty = false;
    this.waiting = [];
    this.options.rolledBack();
    this.alarmSet = this.alarmDurable;
    this.armAlarm();
  }

  loseState(): void {
    this.crash("all of its state is lost");
    this.options.say("engine: starts without state");
    this.storage.close();
    this.storage = this.newStorage();
    this.alarmSet = null;
    this.alarmDurable = null;
    this.cancelAlarm?.();
  }

  setClock(offsetMs: number): void {
    this.offsetMs = offsetMs;
    this.armAlarm();
  }

  close(): void {
    this.storage.close();
  }

  private newStorage(): SimStorage {
    return new SimStorage(
      () => this.wrote(),
      (table, id, body) => this.options.watch(table, id, body),
    );
  }

  private ensure(): Life {
    if (this.life !== null) return this.life;
    const { promise: death, reject } = Promise.withResolvers<never>();
    death.catch(() => undefined);
    const life: { alive: boolean } = { alive: true };
    const ports = this.portsOf(life);
    const shell = new EngineShell(ports);
    const ready = shell.start();
    ready.catch((error: unknown) => this.options.fault("no throw", `start: ${stackOf(error)}`));
    this.life = Object.assign(life, { shell, ready, death, kill: () => reject(new Error("the object is gone")) });
    return this.life;
  }

  private portsOf(life: { alive: boolean }): EnginePorts {
    const { timeline, random } = this.options;
    const never = new Promise<never>(() => undefined);
    const call: Outside["call"] = async (what, work, latencyMs = () => random.int(1, 20)) => {
      await this.gate();
      if (!life.alive) return never;
      this.mayCrash(life, `before ${what}`);
      await timeline.sleep(latencyMs());
      // It had left already: it arrives although nobody waits for it any more.
      let outcome: { readonly value: Awaited<ReturnType<typeof work>> } | { readonly error: unknown };
      try {
        outcome = { value: await work() };
      } catch (error) {
        outcome = { error };
      }
      this.mayCrash(life, `after ${what}`);
      await timeline.sleep(latencyMs());
      if (!life.alive) return never;
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    };
    return {
      ...this.options.ports({ call }),
      storage: this.storage,
      alarm: {
        get: async () => this.alarmSet,
        set: async (at) => {
          this.alarmSet = at;
          this.wrote();
        },
      },
      now: () => this.now,
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const done = () => {
            cancel();
            if (life.alive) resolve();
          };
          const cancel = timeline.after(ms, done);
          signal?.addEventListener("abort", done, { once: true });
        }),
      background: (promise) => {
        promise.catch((error: unknown) => this.options.fault("no throw", `in the background: ${stackOf(error)}`));
      },
    };
  }

  private mayCrash(life: { alive: boolean }, when: string): void {
    if (!life.alive || !this.options.random.chance(this.options.crashChance())) return;
    this.options.timeline.after(0, () => {
      if (life.alive) this.crash(when);
    });
  }

  /** Resolves when everything that was written is durable. */
  private gate(): Promise<void> {
    return this.dirty ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve();
  }

  private wrote(): void {
    if (this.dirty) return;
    this.dirty = true;
    this.cancelCommit = this.options.timeline.after(this.options.random.int(0, 4), () => this.commit());
  }

  private commit(): void {
    this.storage.commit();
    this.dirty = false;
    this.alarmDurable = this.alarmSet;
    this.armAlarm();
    this.options.committed();
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }

  private armAlarm(): void {
    this.cancelAlarm?.();
    this.cancelAlarm = null;
    if (this.alarmDurable === null) return;
    const wait = Math.max(0, this.alarmDurable - this.now) + this.options.random.int(0, 3);
    this.cancelAlarm = this.options.timeline.after(wait, () => this.ring());
  }

  private ring(): void {
    this.alarmDurable = null;
    this.alarmSet = null;
    this.call((shell) => shell.alarm()).then(
      () => {
        this.alarmFailures = 0;
        if (this.alarmSet === null && Number(this.read("SELECT count(*) AS n FROM config_member")[0]?.n) > 0)
          this.options.fault("an alarm sets the next", "none is set");
      },
      () => {
        // At least once: one that was cut off comes again, six times.
        this.alarmFailures += 1;
        const next = this.now + 2_000 * 2 ** this.alarmFailures;
        if (this.alarmFailures > 6 || (this.alarmDurable !== null && this.alarmDurable <= next)) return;
        this.alarmSet = next;
        this.alarmDurable = next;
        this.armAlarm();
      },
    );
  }
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
