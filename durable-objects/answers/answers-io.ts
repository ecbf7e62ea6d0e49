/**
 * The way from the `edge` backend to the Answers objects: each object is called once for all of its names, and a call that throws is
 * `retry` for its own changes alone. A zone is held before a name in it is published and released after it was unpublished, so that
 * no published name is ever outside every zone; both steps may be repeated.
 */
import type { BackendIo, Change, WriteFailure } from "../../domain/backend.ts";
import { nameOf, numberOf, zoneOf } from "../../domain/fence.ts";
import { fail, type Result } from "../../domain/result.ts";
import type { AnswersRpc, ZoneReference } from "../rpc.ts";
import { answersIndex } from "../stubs.ts";

type Outcome = Result<null, WriteFailure>;
/** What is still to be done, and the place of its result. */
type Pending = { readonly change: Change; readonly at: number };

export function answersIo(answers: (name: string) => AnswersRpc): NonNullable<BackendIo["answers"]> {
  return {
    async write(changes) {
      const results: Outcome[] = changes.map(() => fail({ class: "retry", detail: "not attempted" }));
      let pending: Pending[] = changes.map((change, at) => ({ change, at }));

      /** Calls `call` once for each group; the changes of a group whose call failed are `retry` and go no further. */
      const step = async (group: (change: Change) => string, call: (items: readonly Pending[]) => Promise<void>) => {
        const failed = new Set<Pending>();
        await Promise.all(
          [...groupBy(pending, ({ change }) => group(change))].map(async ([, items]) => {
            try {
              await call(items);
            } catch (error) {
              for (const item of items) {
                failed.add(item);
                results[item.at] = fail({ class: "retry", detail: `the Answers object did not answer: ${text(error)}` });
              }
            }
          }),
        );
        pending = pending.filter((item) => !failed.has(item));
      };

      await step(zoneOf, async (items) => {
        const zone = zoneOf(first(items).change);
        const published = items.filter(({ change }) => change.kind === "publish");
        if (published.length > 0) await answers(zone).holdZone(zone, published.map(reference));
      });
      await step(
        (change) => String(answersIndex(nameOf(change))),
        async (items) => {
          const outcomes = await answers(nameOf(first(items).change)).write(items.map(({ change }) => change));
          items.forEach((item, index) => {
            const outcome = outcomes[index];
            if (outcome === undefined) throw new Error(`${outcomes.length} results for ${items.length} changes`);
            results[item.at] = outcome;
          });
        },
      );
      // Also where the removal was superseded: the plan that stands there may have put the name into another zone. If it is in this one,
      // that plan's own number, which is then the one released, holds it.
      await step(zoneOf, async (items) => {
        const zone = zoneOf(first(items).change);
        const removed = items.filter(({ change }) => change.kind === "unpublish");
        const released = removed.map((item) => ({ ...reference(item), ...supersededBy(results[item.at]) }));
        if (released.length > 0) await answers(zone).releaseZone(zone, released);
      });
      return results;
    },

    async read(fqdns) {
      const groups = groupBy(fqdns, (fqdn) => String(answersIndex(fqdn)));
      const read = await Promise.all([...groups].map(([, names]) => answers(first(names)).read(names)));
      const live = new Map(read.flat().map((records) => [records.fqdn, records]));
      return fqdns.map((fqdn) => live.get(fqdn) ?? { fqdn, epoch: null, number: null, answers: [] });
    },
  };
}

function reference({ change }: Pending): ZoneReference {
  const { epoch, number } = numberOf(change);
  return { fqdn: nameOf(change), epoch, number };
}

function supersededBy(outcome: Outcome | undefined): { epoch: number; number: number } | undefined {
  if (outcome === undefined || outcome.ok || outcome.error.class !== "superseded") return undefined;
  const { epoch, number } = outcome.error;
  return { epoch, number };
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, readonly T[]> {
  return Map.groupBy(items, key);
}

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error("a group has at least one element");
  return item;
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));
