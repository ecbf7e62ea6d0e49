/** HEARTBEAT: the endpoint reports to Kosmos, and is missed when it does not. Nobody is sent to look: the Engine judges it. */
import { z } from "zod";
import { type CheckPlugin, noData } from "../../domain/check.ts";
import { int } from "../../domain/schema.ts";

const spec = z.strictObject({
  /** Seconds from one heartbeat to the next; a week at the most. */
  period: int(1, 604_800).default(60),
  /** Seconds that one may be late. */
  grace: int(1, 86_400).default(30),
});

export const heartbeat: CheckPlugin<typeof spec> = {
  type: "HEARTBEAT",
  title: "The endpoint reports in time",
  spec,
  examples: [
    { title: "a worker that reports each minute", spec: {} },
    { title: "a job that runs once a day", spec: { period: 86_400, grace: 3_600 } },
  ],
  needs: () => ["kosmos"],
  run: async () => noData("a heartbeat is sent by the endpoint: there is nothing to be asked"),
};
