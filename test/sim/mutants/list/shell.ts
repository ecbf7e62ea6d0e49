/** Faults in the Engine's shell: what is stored when, and what brings it back to its work (engine.md, rules 17 and 19 and the last section). */
import type { Mutant } from "../mutant.ts";

const file = "durable-objects/engine/shell.ts";

export const shell: readonly Mutant[] = [
  {
    name: "the-outbox-is-emptied-before-it-is-taken",
    rule: "a crash or a failure loses no event",
    file: "durable-objects/engine/write-back.ts",
    find: "await conductor.record(merge(rows.map(({ writeBack }) => writeBack)));\n    store.outboxDone(last.n);",
    replace: "store.outboxDone(last.n);\n    await conductor.record(merge(rows.map(({ writeBack }) => writeBack)));",
  },
  {
    name: "the-alarm-is-not-set-again",
    rule: "the next alarm is set before anything else is tried",
    file,
    find: "await this.ports.alarm.set(this.alarmAt);",
    replace: "",
  },
  {
    name: "nothing-arms-the-alarm",
    rule: "whatever waits for time is waited for by an alarm",
    file,
    find: "this.ports.background(this.ports.alarm.set(at));",
    replace: "",
  },
  {
    name: "a-plan-is-stored-after-its-write",
    rule: "the number is stored before the write",
    file: "durable-objects/engine/store.ts",
    find: `this.put("publication", id, project.publications.get(id));`,
    replace: `if (project.publications.get(id)?.confirmed === project.publications.get(id)?.number) this.put("publication", id, project.publications.get(id));`,
  },
  {
    name: "heard-and-not-stored",
    rule: "what was acknowledged is not lost by a crash",
    file: "durable-objects/engine/store.ts",
    find: `this.put("member", id, project.members.get(id));`,
    replace: `if (project.members.get(id) === undefined) this.put("member", id, undefined);`,
  },
  {
    name: "the-configuration-is-not-stored",
    rule: "an eviction forgets no configuration",
    file: "durable-objects/engine/store.ts",
    find: `this.put("config_pool", id, catalog.pools.get(id));`,
    replace: "void catalog;",
  },
  {
    name: "a-kick-in-a-run-is-lost",
    rule: "work that is asked for during a run follows it",
    file: "durable-objects/engine/pump.ts",
    find: "this.again = true;",
    replace: "",
  },
  {
    name: "a-failure-is-not-tried-again",
    rule: "what is away is retried by the alarm",
    file: "durable-objects/engine/pump.ts",
    find: "this.nextTryAt = this.ports.now() + backoffMs(this.attempts, this.ports.random());",
    replace: "this.nextTryAt = this.ports.now() + 3_600_000;",
  },
  {
    name: "what-the-alarm-finds-is-dropped",
    rule: "what the alarm finds is stored and carried out",
    file,
    find: "this.persist();\n      this.checkpoint(now);\n      if",
    replace: "this.project.drain();\n      this.checkpoint(now);\n      if",
  },
];
