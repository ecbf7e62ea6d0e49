/** Kosmos's own answers as a subject: the Answers objects, in this process. How they are asked over DNS is tested over the whole Worker. */
import { answersIo } from "../../../durable-objects/answers/answers-io.ts";
import { edge as plugin } from "../../../plugins/backends/edge.ts";
import { answersDouble } from "../../answers-double.ts";
import type { SubjectKind } from "../subject.ts";
import { noApexRule, noNetwork, noZone } from "./memory.ts";

const noHand = "Nobody but Kosmos can write there: what is live has always its mark.";

export const edge: SubjectKind = {
  name: "edge",
  provider: "edge",
  against: "Kosmos's Answers objects",
  needs: [],
  cannot: {
    ...noNetwork,
    ...noZone,
    ...noApexRule,
    drift: noHand,
    foreign: noHand,
    "not-ours": noHand,
    poison: "It takes all that Kosmos can express.",
    partial: "It takes all that Kosmos can express.",
  },
  start: async () => ({
    plugin,
    settings: {},
    credentials: {},
    io: { fetch, connect: () => raise("edge needs no network"), answers: answersIo(answersDouble()) },
    zone: "gslb.test.",
    missingZone: "missing.test.",
    remembers: true,
    dump: async () => [],
    byHand: () => raise(noHand),
    stop: async () => undefined,
  }),
};

function raise(message: string): never {
  throw new Error(message);
}
