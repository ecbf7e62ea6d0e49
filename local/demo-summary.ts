/** The history in lines for people: what moved, why, and who voted how. */
import { styleText } from "node:util";
import { z } from "zod";
import type { HistoryEvent } from "../domain/history.ts";

/** What is shown of a vote; the evidence of other events has none. */
const evidence = z.object({
  votes: z.array(z.object({ region: z.string(), verdict: z.string(), detail: z.string().nullable().optional() })),
});

export function historyLines(events: readonly (HistoryEvent & { readonly name: string })[]): readonly string[] {
  return events.flatMap((event) => {
    const moved = event.from !== null || event.to !== null ? `${event.from ?? "–"} → ${event.to ?? "–"}` : event.kind;
    const line = `${styleText("dim", event.at.slice(11, 19))}  ${event.name.padEnd(18)} ${moved.padEnd(18)} ${event.reason}`;
    const votes = event.kind === "member_status" && event.to === "DOWN" ? evidence.safeParse(event.evidence) : null;
    if (votes?.success !== true) return [line];
    const cast = votes.data.votes.map((vote) => `${vote.region} ${vote.verdict}${vote.verdict === "down" ? ` (${vote.detail})` : ""}`);
    return [line, styleText("dim", `${" ".repeat(10)}votes: ${cast.join(", ")}`)];
  });
}
