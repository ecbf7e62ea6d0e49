/** CALCULATED: other monitors of the same endpoint, counted. Nobody is sent to look: the Engine judges it from what they say. */
import { z } from "zod";
import { type CheckPlugin, noData } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { flag, id, int } from "../../domain/schema.ts";

const spec = z
  .strictObject({
    monitor_ids: z
      .array(id, { error: "must be a list of ids of monitors" })
      .min(1, { error: "must have at least one monitor" })
      .max(limits.monitorsPerAttachment, { error: `must have at most ${limits.monitorsPerAttachment} monitors` })
      .refine((ids) => new Set(ids).size === ids.length, { error: "must not repeat a monitor" }),
    /** So many of them must be up. */
    at_least: int(1, limits.monitorsPerAttachment).default(1),
    /** True: fewer than so many must be up. */
    invert: flag.default(false),
  })
  .refine(({ monitor_ids, at_least }) => at_least <= monitor_ids.length, {
    path: ["at_least"],
    error: "must be at most the number of monitor_ids",
  });

const [first, second] = ["4b1c6a3e-5d0f-4f6b-9a51-0c8b6d2f7a10", "c2f6de0b-8a57-4a1e-b9a4-93e1d5b7c811"] as const;

export const calculated: CheckPlugin<typeof spec> = {
  type: "CALCULATED",
  title: "So many other monitors are up",
  spec,
  examples: [
    { title: "one of two ways in is enough", spec: { monitor_ids: [first, second] } },
    { title: "a page for maintenance is not there", spec: { monitor_ids: [first], invert: true } },
  ],
  needs: () => ["kosmos"],
  run: async () => noData("it is calculated from what other monitors say: there is nothing to be asked"),
};
