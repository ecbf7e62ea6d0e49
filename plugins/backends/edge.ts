/**
 * The backend that always exists: Kosmos's own answers, served over DNS over HTTPS at `/dns-query`. It needs no credentials,
 * and speaks to no network: the Answers objects are reached through `io.answers`, which is handed to it alone.
 */
import { z } from "zod";
import type { BackendIo, BackendPlugin } from "../../domain/backend.ts";
import { driftSettings } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import { assert } from "../../domain/result.ts";

const settings = z.strictObject(driftSettings);
const nothing = z.strictObject({});

export const edge: BackendPlugin<typeof settings, typeof nothing> = {
  provider: "edge",
  title: "Kosmos's own answers over DNS over HTTPS",
  settings,
  credentials: nothing,
  supports: {
    policies: ["failover", "round_robin", "weighted", "geo"],
    recordTypes: ["A", "AAAA", "CNAME"],
    maxAnswers: limits.maxAnswers,
    minTtl: 1,
    // At 16 objects and 100 values a name that is well below what one call between objects carries.
    batch: 500,
    readBack: true,
  },
  identity: () => "",
  read: async (_zone, fqdns, { io }) => answersOf(io).read(fqdns),
  write: async (_zone, changes, { io }) => answersOf(io).write(changes.map(({ found: _, ...change }) => change)),
  test: async () => ({ details: ["edge is Kosmos itself"] }),
};

function answersOf(io: BackendIo): NonNullable<BackendIo["answers"]> {
  assert(io.answers !== undefined, "the Engine hands the edge backend the Answers objects");
  return io.answers;
}
