/**
 * What the Engine relies on, of the backends that fence by themselves and need no server: a backend enters with a way to make it, and with two
 * faults, a write of which one part fails, and a write that takes effect and yet is reported as lost. Every backend, these too, passes the suite of
 * `test/backends/`.
 */
import { beforeEach, describe, expect, it } from "vitest";
import type { BackendIo, BackendPlugin, Change, WriteOutcome } from "../../domain/backend.ts";
import { differs } from "../../domain/drift.ts";
import { nameOf } from "../../domain/fence.ts";
import type { AnswerSet, Plan } from "../../domain/plan.ts";
import { answersIo } from "../../durable-objects/answers/answers-io.ts";
import type { AnswersRpc } from "../../durable-objects/rpc.ts";
import { answersIndex } from "../../durable-objects/stubs.ts";
import { answersDouble } from "../../test/answers-double.ts";
import { subjects as conformanceSubjects } from "../../test/backends/subjects/index.ts";
import { backendPlugins } from "./index.ts";
import { memoryBackend } from "./memory.ts";

type Fault = "none" | "lost-after-effect" | { readonly failing: string };
type Subject = {
  readonly plugin: BackendPlugin;
  readonly io: BackendIo;
  /** How the next writes go. */
  fault: Fault;
  /** Whether the two names can fail apart. */
  apart(a: string, b: string): boolean;
};

const world = {
  now: () => 0,
  sleep: async () => undefined,
  connect: () => raise("this backend needs no network"),
  kept: new Map(),
  fetch: (() => Promise.reject(new Error("this backend needs no network"))) as typeof fetch,
  signal: new AbortController().signal,
};

const backendOf = ({ plugin, io }: Subject) => ({ settings: plugin.settings.parse({}), credentials: plugin.credentials.parse({}), io });

/** What came of each change, also where one answer was given for all. */
const each = (outcome: WriteOutcome, changes: readonly Change[]) =>
  "class" in outcome ? changes.map(() => ({ ok: false as const, error: outcome })) : outcome;

const subjects: Readonly<Record<string, () => Subject>> = {
  edge: () => {
    const double = answersDouble();
    const subject: Subject = {
      plugin: registered("edge"),
      io: { ...world, answers: answersIo((name) => faulty(double(name), answersIndex(name), () => subject.fault)) },
      fault: "none",
      apart: (a, b) => answersIndex(a) !== answersIndex(b),
    };
    return subject;
  },
  memory: () => {
    const memory = memoryBackend();
    const subject: Subject = {
      plugin: {
        ...memory,
        write: async (at, changes, { io }) => {
          const { fault } = subject;
          const failing = (change: Change) => typeof fault === "object" && nameOf(change) === fault.failing;
          const whole = changes.filter((change) => !failing(change));
          const outcome = await memory.write(at, whole, { settings: {}, credentials: {}, io });
          if (fault === "lost-after-effect") throw new Error("timed out");
          const rest = [...each(outcome, whole)];
          return changes.map((change) =>
            failing(change) ? { ok: false, error: { class: "retry", detail: "fault" } } : (rest.shift() ?? raise("a result is missing")),
          );
        },
      },
      io: world,
      fault: "none",
      apart: () => true,
    };
    return subject;
  },
};

/** An Answers object whose writes fail as the fault says. */
function faulty(answers: AnswersRpc, index: number, fault: () => Fault): AnswersRpc {
  return {
    ...answers,
    write: async (changes) => {
      const now = fault();
      if (typeof now === "object" && answersIndex(now.failing) === index) throw new Error("overloaded");
      const results = await answers.write(changes);
      if (now === "lost-after-effect") throw new Error("timed out");
      return results;
    },
  };
}

const gslbId = "11111111-1111-4111-8111-111111111111";
const poolId = "22222222-2222-4222-8222-222222222222";
const zone = "example.com.";
const www = "www.example.com.";

const set = (type: AnswerSet["type"], ...values: string[]): AnswerSet => ({
  type,
  values,
  ttl: 30,
  pool_id: poolId,
  weight: null,
  pool_weight: null,
  locations: [],
  geofence: false,
  region: null,
});

function publish(fqdn: string, number: number, answers: readonly AnswerSet[], more: Partial<Plan> = {}): Change {
  const plan = {
    gslb_id: gslbId,
    fqdn,
    zone,
    flavor: "any",
    epoch: 0,
    number,
    decided_at: 0,
    ttl: 30,
    policy: "failover" as const,
    pools: [],
  };
  return { kind: "publish", plan: { ...plan, withdrawn: answers.length === 0, answers: [...answers], ...more } };
}

const unpublish = (fqdn: string, number: number): Change => ({ kind: "unpublish", fqdn, zone, gslbId, epoch: 0, number });

describe.each(Object.keys(subjects))("the backend %s", (name) => {
  let subject: Subject;
  beforeEach(() => {
    subject = (subjects[name] ?? raise(`no subject ${name}`))();
  });

  const write = async (...changes: Change[]) => {
    const { plugin } = subject;
    const outcome = await plugin
      .write(zone, changes, backendOf(subject))
      // A throw is the same as `retry` for all: that is the caller's part of the contract.
      .catch(() => ({ class: "retry" as const, detail: "thrown" }));
    const results = each(outcome, changes);
    expect(results).toHaveLength(changes.length);
    return results.map((result) => (result.ok ? "ok" : result.error.class));
  };
  const read = async (...fqdns: string[]) => {
    const { plugin } = subject;
    const live = await (plugin.read ?? raise("cannot read"))(zone, fqdns, backendOf(subject));
    expect(live.map((records) => records.fqdn)).toEqual(fqdns);
    return live;
  };
  const live = async (fqdn: string) => (await read(fqdn))[0] ?? raise("nothing read");

  it("takes no settings or credentials that it does not know", () => {
    expect(subject.plugin.settings.safeParse({ surprise: 1 }).success).toBe(false);
    expect(subject.plugin.credentials.safeParse({ surprise: 1 }).success).toBe(false);
  });

  it("has nothing at a name that was never published", async () => {
    expect(await live(www)).toEqual({ fqdn: www, epoch: null, number: null, answers: [] });
  });

  it("creates, changes and removes a name", async () => {
    expect(await write(publish(www, 1, [set("A", "192.0.2.1")]))).toEqual(["ok"]);
    expect(await live(www)).toEqual({ fqdn: www, gslbId, epoch: 0, number: 1, answers: [{ type: "A", values: ["192.0.2.1"], ttl: 30 }] });
    expect(await write(publish(www, 2, [set("A", "192.0.2.2", "192.0.2.3")]))).toEqual(["ok"]);
    expect((await live(www)).answers).toEqual([{ type: "A", values: ["192.0.2.2", "192.0.2.3"], ttl: 30 }]);
    expect(await write(unpublish(www, 3))).toEqual(["ok"]);
    expect((await live(www)).answers).toEqual([]);
  });

  it("takes the same write twice and ends in the same state", async () => {
    const change = publish(www, 1, [set("A", "192.0.2.1")]);
    await write(change);
    const before = await live(www);
    expect(await write(change)).toEqual(["ok"]);
    expect(await live(www)).toEqual(before);
    expect(await write(unpublish(www, 2), unpublish(www, 2))).toEqual(["ok", "ok"]);
  });

  it("removes a name that it does not have, without complaint", async () => {
    expect(await write(unpublish(www, 1))).toEqual(["ok"]);
  });

  it("drops an older plan and tells the number that it holds", async () => {
    await write(publish(www, 7, [set("A", "192.0.2.7")], { epoch: 2 }));
    const { plugin } = subject;
    const older = [publish(www, 6, [set("A", "192.0.2.6")], { epoch: 2 }), publish(www, 99, [set("A", "192.0.2.9")], { epoch: 1 })];
    const outcome = await plugin.write(zone, older, backendOf(subject));
    for (const result of each(outcome, older))
      expect(result).toMatchObject({ ok: false, error: { class: "superseded", epoch: 2, number: 7 } });
    expect((await live(www)).answers).toEqual([{ type: "A", values: ["192.0.2.7"], ttl: 30 }]);
  });

  it("drops a removal that is older than what it holds", async () => {
    await write(publish(www, 5, [set("A", "192.0.2.5")]));
    expect(await write(unpublish(www, 4))).toEqual(["superseded"]);
    expect((await live(www)).answers).toHaveLength(1);
  });

  it("keeps older plans out after a removal, and takes a newer one", async () => {
    await write(publish(www, 1, [set("A", "192.0.2.1")]), unpublish(www, 2));
    expect(await write(publish(www, 1, [set("A", "192.0.2.1")]))).toEqual(["superseded"]);
    expect((await live(www)).answers).toEqual([]);
    expect(await write(publish(www, 3, [set("A", "192.0.2.3")]))).toEqual(["ok"]);
    expect((await live(www)).answers).toEqual([{ type: "A", values: ["192.0.2.3"], ttl: 30 }]);
  });

  it("refuses the same number with other content", async () => {
    await write(publish(www, 1, [set("A", "192.0.2.1")]));
    expect(await write(publish(www, 1, [set("A", "192.0.2.2")]))).toEqual(["superseded"]);
  });

  it("takes five hundred names in one write, and reads them back in one", async () => {
    expect(subject.plugin.supports.batch).toBeGreaterThanOrEqual(500);
    const names = Array.from({ length: 500 }, (_, index) => `host-${index}.example.com.`);
    const address = (index: number) => `192.0.${index >> 8}.${index & 255}`;
    expect(await write(...names.map((fqdn, index) => publish(fqdn, 1, [set("A", address(index))])))).toEqual(names.map(() => "ok"));
    const records = await read(...names);
    records.forEach((record, index) => {
      expect(record.answers).toEqual([{ type: "A", values: [address(index)], ttl: 30 }]);
    });
  });

  it("reads back what it took, whatever the plan: nothing of it is drift", async () => {
    const weighted = [1, 5].map((weight, index) => ({ ...set("A", `192.0.2.${index}`), weight, pool_weight: 3 }));
    const plans = [[set("A", "192.0.2.2", "192.0.2.1"), set("AAAA", "2001:db8::1")], [set("CNAME", "origin.example.net.")], weighted, []];
    for (const [index, answers] of plans.entries()) {
      const change = publish(www, index + 1, answers);
      expect(await write(change)).toEqual(["ok"]);
      if (change.kind === "publish") expect(differs(change.plan, (await live(www)).answers)).toBe(false);
    }
    expect(await write(unpublish(www, 9))).toEqual(["ok"]);
    expect(differs("removed", (await live(www)).answers)).toBe(false);
  });

  it("shows what somebody else put there, and whose it is", async () => {
    const change = publish(www, 1, [set("A", "192.0.2.1")]);
    await write(change, publish(www, 2, [set("A", "203.0.113.9")], { gslb_id: poolId }));
    const found = await live(www);
    if (change.kind === "publish") expect(differs(change.plan, found.answers)).toBe(true);
    expect(found).toMatchObject({ gslbId: poolId, number: 2 });
  });

  it("names the same content by its weights too", async () => {
    const one = { ...set("A", "192.0.2.1"), weight: 1, pool_weight: 1 };
    expect(await write(publish(www, 1, [one]), publish(www, 1, [{ ...one, weight: 2 }]))).toEqual(["ok", "superseded"]);
  });

  it("reports a part that failed alone, and makes it good on a retry", async () => {
    const names = Array.from({ length: 40 }, (_, index) => `host-${index}.example.com.`);
    const culprit = "host-0.example.com.";
    const changes = names.map((fqdn) => publish(fqdn, 1, [set("A", "192.0.2.1")]));
    subject.fault = { failing: culprit };
    const results = await write(...changes);
    expect(results).toEqual(names.map((fqdn) => (fqdn === culprit || !subject.apart(fqdn, culprit) ? "retry" : "ok")));
    expect(results).toContain("ok");
    expect((await live(culprit)).answers).toEqual([]);
    subject.fault = "none";
    expect(await write(...changes)).toEqual(names.map(() => "ok"));
    expect((await live(culprit)).answers).toHaveLength(1);
  });

  it("survives a write that took effect and was reported lost", async () => {
    subject.fault = "lost-after-effect";
    expect(await write(publish(www, 1, [set("A", "192.0.2.1")]))).toEqual(["retry"]);
    subject.fault = "none";
    expect((await live(www)).number).toBe(1);
    expect(await write(publish(www, 1, [set("A", "192.0.2.1")]))).toEqual(["ok"]);
    subject.fault = "lost-after-effect";
    expect(await write(unpublish(www, 2))).toEqual(["retry"]);
    subject.fault = "none";
    expect(await write(unpublish(www, 2))).toEqual(["ok"]);
    expect((await live(www)).answers).toEqual([]);
  });

  it("serves A and AAAA together, and a CNAME", async () => {
    await write(publish(www, 1, [set("A", "192.0.2.1"), set("AAAA", "2001:db8::1")]));
    expect((await live(www)).answers.map(({ type, values }) => [type, ...values])).toEqual([
      ["A", "192.0.2.1"],
      ["AAAA", "2001:db8::1"],
    ]);
    await write(publish(www, 2, [set("CNAME", "origin.example.net.")]));
    expect((await live(www)).answers).toEqual([{ type: "CNAME", values: ["origin.example.net."], ttl: 30 }]);
  });

  it("serves the plan's TTL", async () => {
    await write(publish(www, 1, [{ ...set("A", "192.0.2.1"), ttl: 86_400 }], { ttl: 86_400 }));
    expect((await live(www)).answers[0]?.ttl).toBe(86_400);
  });

  it("keeps a withdrawn name with its number and without answers", async () => {
    await write(publish(www, 1, [set("A", "192.0.2.1")]));
    expect(await write(publish(www, 2, []))).toEqual(["ok"]);
    expect(await live(www)).toEqual({ fqdn: www, gslbId, epoch: 0, number: 2, answers: [] });
  });

  it("does not change when the caller changes what it handed in", async () => {
    const values = ["192.0.2.1"];
    await write(publish(www, 1, [{ ...set("A"), values }]));
    values.push("192.0.2.2");
    expect((await live(www)).answers[0]?.values).toEqual(["192.0.2.1"]);
  });
});

describe("the reference", () => {
  const names = Array.from({ length: 500 }, (_, index) => `host-${index}.example.com.`);
  const changes = names.map((fqdn) => publish(fqdn, 1, [set("A", "192.0.2.1")]));
  const poison = "host-321.example.com.";

  it("refuses one name of five hundred alone, or all of them for its sake", async () => {
    const refuses = (fqdn: string) => fqdn === poison;
    const single = await memoryBackend(new Map(), { refuses }).write(zone, changes, { settings: {}, credentials: {}, io: world });
    const refused = each(single, changes).flatMap((result, index) => (result.ok ? [] : [names[index]]));
    expect("class" in single).toBe(false);
    expect(refused).toEqual([poison]);
    const kept = new Map<string, Change>();
    expect(
      await memoryBackend(kept, { refuses, atOnce: true }).write(zone, changes, { settings: {}, credentials: {}, io: world }),
    ).toMatchObject({ class: "refused" });
    expect(kept.size).toBe(0);
  });
});

describe("the registry", () => {
  it("knows every plugin by its own name, and each passes this suite or the one of test/backends", () => {
    const tried = [...Object.keys(subjects), ...conformanceSubjects.map((subject) => subject.provider)];
    for (const [provider, plugin] of Object.entries(backendPlugins)) {
      expect(plugin.provider).toBe(provider);
      expect(tried).toContain(provider);
    }
  });

  it("does not offer the memory backend", () => {
    expect(backendPlugins).not.toHaveProperty("memory");
  });
});

function registered(provider: string): BackendPlugin {
  return backendPlugins[provider] ?? raise(`${provider} is not registered`);
}

function raise(message: string): never {
  throw new Error(message);
}
