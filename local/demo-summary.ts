/** The history in lines for people: what moved, why, and who voted how. */
import { styleText } from "node:util";
import { z } from "zod";
import type { HistoryEvent } from "../domain/history.ts";

/** What is shown of a vote; not every event has been voted on. */
const evidence = z.object({
  votes: z.array(z.object({ region: z.string(), verdict: z.string() })),
});

export function historyLines(events: readonly (HistoryEvent & { readonly name: string })[]): readonly string[] {
  return events.flatMap((event) => {
    const moved = event.kind === "member_status" ? `${event.from} → ${event.to}` : event.kind;
    const line = `${styleText("dim", event.at.slice(11, 19))}  ${event.name.padEnd(18)} ${moved.padEnd(17)} ${event.reason}`;
    const votes = event.kind === "member_status" ? votesLine(event) : null;
    return votes === null ? [line] : [line, styleText("dim", `${" ".repeat(10)}votes: ${votes}`)];
  });
}

/** "down enam, weur, eeur; up wnam, apac". */
function votesLine(event: HistoryEvent): string | null {
  const parsed = evidence.safeParse(event.evidence);
  if (!parsed.success) return null;
  const regions = (verdict: string) => parsed.data.votes.filter((vote) => vote.verdict === verdict).map(({ region }) => region);
  const sides = ["down", "up"].map((verdict) => ({ verdict, of: regions(verdict) })).filter(({ of }) => of.length > 0);
  return sides.map(({ verdict, of }) => `${verdict} ${of.join(", ")}`).join("; ");
}
