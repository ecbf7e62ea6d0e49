/** The suite itself: backends that are wrong in one thing each, and the case that finds it. What it finds in none of them would be no case. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackendPlugin, Change, LiveRecords, WriteOutcome } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { whereInstalled } from "../servers/installed.ts";
import { type Case, type CaseId, cases } from "./cases.ts";
import { Lab, otherGslbId, set } from "./lab.ts";
import { runCase } from "./run.ts";
import type { Subject } from "./subject.ts";
import { memory } from "./subjects/memory.ts";
import { powerdns } from "./subjects/powerdns.ts";

type Wrong = { readonly what: string; readonly found: CaseId; readonly make: (plugin: BackendPlugin) => Partial<BackendPlugin> };

const ok = { ok: true, value: null } as const;
/** Changes are other than they should be before they are written. */
const writing =
  (change: (change: Change) => Change): Wrong["make"] =>
  (plugin) => ({ write: (zone, changes, backend) => plugin.write(zone, changes.map(change), backend) });
const plansOf = (how: (change: Change & { kind: "publish" }) => Change) =>
  writing((change) => (change.kind === "publish" ? how(change) : change));
const answersOf = (how: (answers: Extract<Change, { kind: "publish" }>["plan"]["answers"]) => typeof answers) =>
  plansOf((change) => {
    const answers = how(change.plan.answers);
    return { ...change, plan: { ...change.plan, answers, withdrawn: answers.length === 0 } };
  });
const reading =
  (how: (records: readonly LiveRecords[]) => readonly LiveRecords[]): Wrong["make"] =>
  (plugin) => ({ read: async (zone, fqdns, backend) => how((await plugin.read?.(zone, fqdns, backend)) ?? []) });
const outcomes =
  (how: (outcome: WriteOutcome, changes: readonly Change[]) => WriteOutcome): Wrong["make"] =>
  (plugin) => ({
    write: async (zone, changes, backend) =>
      how(await plugin.write(zone, changes, backend).catch(() => ({ class: "retry" as const, detail: "thrown" })), changes),
  });
const allTaken = (_: WriteOutcome, changes: readonly Change[]): WriteOutcome => changes.map(() => ok);

/** What it wrote last is what it reads, whatever is there. */
const remembering: Wrong["make"] = (plugin) => {
  const written = new Map<string, LiveRecords>();
  return {
    write: (zone, changes, backend) => {
      for (const change of changes) written.delete(nameOf(change));
      return plugin.write(zone, changes, backend);
    },
    read: async (zone, fqdns, backend) => {
      const found = (await plugin.read?.(zone, fqdns, backend)) ?? [];
      return found.map((one) => {
        const known = written.get(one.fqdn) ?? one;
        if (known.answers.length > 0) written.set(one.fqdn, known);
        return known;
      });
    },
  };
};

/** Each PATCH has another element for each name that it replaces something at. */
const patching =
  (more: (name: string) => object): Wrong["make"] =>
  (plugin) => ({
    write: (zone, changes, backend) => {
      const fetch: typeof backend.io.fetch = (input, init) => {
        const { rrsets = [] } = JSON.parse(String(init?.body ?? "{}")) as { rrsets?: { name: string }[] };
        const names = new Set(rrsets.map(({ name }) => name.replace("_kosmos.", "")));
        return backend.io.fetch(input, { ...init, body: JSON.stringify({ rrsets: [...rrsets, ...[...names].map(more)] }) });
      };
      return plugin.write(zone, changes, { ...backend, io: { ...backend.io, fetch } });
    },
  });

const withoutNetwork: readonly Wrong[] = [
  { what: "says that it took what it did not", found: "create", make: () => ({ write: async (_, changes) => changes.map(() => ok) }) },
  {
    what: "serves two addresses at the most",
    found: "converge",
    make: answersOf((all) => all.map((one) => ({ ...one, values: one.values.slice(0, 1) }))),
  },
  {
    what: "keeps records of a name that is removed",
    found: "remove",
    make: (plugin) => ({
      write: (zone, changes, backend) =>
        plugin
          .write(
            zone,
            changes.filter(({ kind }) => kind === "publish"),
            backend,
          )
          .then((outcome) => ("class" in outcome ? outcome : changes.map(() => ok))),
    }),
  },
  { what: "has a TTL of its own", found: "ttl", make: answersOf((all) => all.map((one) => ({ ...one, ttl: 300 }))) },
  { what: "knows IPv4 alone", found: "a-and-aaaa", make: answersOf((all) => all.filter(({ type }) => type !== "AAAA")) },
  {
    what: "cannot be empty",
    found: "withdrawn",
    make: plansOf((change) =>
      change.plan.withdrawn ? { ...change, plan: { ...change.plan, withdrawn: false, answers: [set("A", "192.0.2.250")] } } : change,
    ),
  },
  { what: "reads no mark", found: "create", make: reading((all) => all.map(({ gslbId: _, ...rest }) => rest)) },
  {
    what: "calls everybody's records Kosmos's",
    found: "foreign",
    make: reading((all) => all.map((one) => ({ gslbId: "11111111-1111-4111-8111-111111111111", ...one }))),
  },
  {
    what: "calls the mark of any GSLB this one's",
    found: "foreign-mark",
    make: reading((all) => all.map((one) => (one.gslbId === undefined ? one : { ...one, gslbId: "11111111-1111-4111-8111-111111111111" }))),
  },
  { what: "reads the names in another order", found: "batch", make: reading((all) => all.toReversed()) },
  {
    what: "reads what was never there",
    found: "unpublished",
    make: reading((all) =>
      all.map((one) => ({ ...one, answers: one.answers.length > 0 ? one.answers : [{ type: "A", values: ["192.0.2.250"], ttl: 1 }] })),
    ),
  },
  { what: "sees no change by hand", found: "drift", make: remembering },
  { what: "says that it took what it refused", found: "partial", make: outcomes(allTaken) },
  {
    what: "refuses all for the sake of one, and blames each",
    found: "partial",
    make: outcomes((outcome, changes) =>
      "class" in outcome || outcome.every((one) => one.ok)
        ? outcome
        : changes.map((_, index) => outcome[(index + 1) % outcome.length] ?? ok),
    ),
  },
];

const failing = (from: string, to: "refused" | "retry") =>
  outcomes((outcome) => ("class" in outcome && outcome.class === from ? { class: to, detail: "other words" } : outcome));

const overNetwork: readonly Wrong[] = [
  {
    what: "does not hear of its deadline",
    found: "silence",
    make: (plugin) => ({
      write: (zone, changes, backend) =>
        plugin.write(zone, changes, { ...backend, io: { ...backend.io, signal: new AbortController().signal } }),
    }),
  },
  { what: "takes a lost answer for a success", found: "lost-answer", make: outcomes(allTaken) },
  { what: "takes 429 for a success", found: "busy", make: outcomes(allTaken) },
  { what: "does not heed Retry-After", found: "busy", make: failing("retry", "retry") },
  { what: "gives up for good where it is broken", found: "broken", make: failing("retry", "refused") },
  { what: "takes wrong credentials for a refusal", found: "credentials", make: failing("credentials", "refused") },
  {
    what: "tells its key",
    found: "broken",
    make: (plugin) => ({
      write: async (zone, changes, backend) => {
        const outcome = await plugin.write(zone, changes, backend);
        return "class" in outcome ? { class: "retry", detail: JSON.stringify(backend.credentials) } : outcome;
      },
    }),
  },
  { what: "takes a missing zone for an outage", found: "zone-missing", make: failing("not-found", "retry") },
  {
    what: "clears all types at the name",
    found: "other-types",
    make: patching((name) => ({ name, type: "TXT", ttl: 0, changetype: "DELETE", records: [] })),
  },
  {
    what: "clears what is below the name",
    found: "other-names",
    make: patching((name) => ({ name: `theirs.${name}`, type: "A", ttl: 0, changetype: "DELETE", records: [] })),
  },
  {
    what: "writes what is there already",
    found: "idempotent",
    make: (plugin) => ({
      write: (zone, changes, backend) =>
        plugin.write(
          zone,
          changes.map(({ found: _, ...change }) => change),
          backend,
        ),
    }),
  },
  {
    what: "changes the zone in its test",
    found: "test",
    make: (plugin) => ({
      test: async (zones, backend) => {
        const [zone = ""] = zones;
        await plugin.write(zone, [{ kind: "unpublish", fqdn: `ns1.${zone}`, zone, gslbId: otherGslbId, epoch: 0, number: 1 }], backend);
        return (await plugin.test?.(zones, backend)) ?? { details: [] };
      },
    }),
  },
];

describe("the conformance suite", () => {
  it.each(withoutNetwork)("finds a backend that $what", async (wrong) => {
    const subject = await memory.start();
    await expect(tried(subject, wrong, 1)).rejects.toThrow();
  });

  const server = whereInstalled(powerdns.needs, powerdns.start);
  beforeAll(server.start);
  afterAll(server.stop);
  for (const [index, wrong] of overNetwork.entries()) {
    it(`finds a backend that ${wrong.what}`, async (context) => {
      await expect(tried(server.get(context), wrong, index + 1)).rejects.toThrow();
    });
  }

  it("finds nothing in these cases in one that is right", async (context) => {
    const right = server.get(context);
    for (const [index, { found }] of overNetwork.entries()) await tried(right, { what: "", found, make: () => ({}) }, 100 + index);
    for (const { found } of withoutNetwork) await tried(await memory.start(), { what: "", found, make: () => ({}) }, 1);
  });
});

/** The case at names that no other try has been at. */
async function tried(right: Subject, { found, make }: Wrong, nth: number): Promise<void> {
  const subject: Subject = { ...right, plugin: { ...right.plugin, ...make(right.plugin) } };
  const one = (cases as readonly Case[]).find(({ id }) => id === found);
  if (one === undefined) throw new Error(`there is no case ${found}`);
  await runCase(one, subject, new Lab(subject, 10_000 * nth));
}
