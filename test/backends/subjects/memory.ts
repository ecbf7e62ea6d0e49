/** The reference as a subject of the suite: the suite is tried on it. It has no network, and no zone but what is in its Map. */
import type { Change, LiveRecords, LiveSet } from "../../../domain/backend.ts";
import { nameOf, recordsOf } from "../../../domain/fence.ts";
import { memoryBackend } from "../../../plugins/backends/memory.ts";
import type { Subject, SubjectKind, ZoneRecord } from "../subject.ts";

const zone = "gslb.test.";
const inProcess = "It is in this process: there is no network to fail.";
const noZones = "It knows names, not zones with records of others.";

/** What a backend without a network cannot be asked. */
export const noNetwork = {
  "lost-answer": inProcess,
  silence: inProcess,
  reset: inProcess,
  busy: inProcess,
  broken: inProcess,
  garbage: inProcess,
  credentials: "It has none.",
  test: "There is nothing to reach.",
  away: inProcess,
} as const;
export const noZone = { "zone-missing": noZones, "other-types": noZones, "other-names": noZones } as const;
export const noApexRule = { "apex-cname": "It takes a CNAME anywhere: Kosmos makes none for the apex." } as const;

export const memory: SubjectKind = {
  name: "memory",
  provider: null,
  against: "the reference in this process",
  needs: [],
  cannot: { ...noNetwork, ...noZone, ...noApexRule },
  start: async (): Promise<Subject> => {
    const names = new Map<string, Change>();
    const edited = new Map<string, LiveSet[]>();
    const poisoned = new Set<string>();
    const reference = memoryBackend(names, { refuses: (fqdn) => poisoned.has(fqdn) });
    const settings = reference.settings.parse({});
    const heldAt = (fqdn: string): LiveRecords => {
      const held = recordsOf(fqdn, names.get(fqdn) ?? null);
      return { ...held, answers: edited.get(fqdn) ?? held.answers };
    };
    return {
      plugin: {
        ...reference,
        read: async (_zone, fqdns) => fqdns.map(heldAt),
        write: async (at, changes, { io }) => {
          const outcome = await reference.write(at, changes, { settings, credentials: settings, io });
          if (!("class" in outcome))
            for (const [index, change] of changes.entries()) if (outcome[index]?.ok === true) edited.delete(nameOf(change));
          return outcome;
        },
      },
      settings,
      credentials: settings,
      io: { fetch, connect: () => raise(inProcess) },
      zone,
      missingZone: "missing.test.",
      remembers: true,
      dump: async () => [...new Set([...names.keys(), ...edited.keys()])].flatMap((name) => recordsAt(heldAt(name))),
      byHand: async (fqdn, type, ttl, values) => {
        const rest = heldAt(fqdn).answers.filter((one) => one.type !== type);
        if (type !== "A" && type !== "AAAA" && type !== "CNAME") throw new Error(noZones);
        edited.set(fqdn, values.length === 0 ? rest : [...rest, { type, ttl, values }]);
      },
      poison: async (fqdn) => void poisoned.add(fqdn),
      stop: async () => undefined,
    };
  },
};

const recordsAt = ({ fqdn, answers }: LiveRecords): ZoneRecord[] =>
  answers.flatMap(({ type, ttl, values }) => values.map((data) => ({ name: fqdn, type, ttl, data })));

function raise(message: string): never {
  throw new Error(message);
}
