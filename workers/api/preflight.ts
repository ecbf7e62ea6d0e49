/**
 * What an override would do before it is stored: the Engine shows it on every GSLB. Refuses, unless it is forced, what would leave a GSLB with
 * too little; it stores nothing.
 */
import type { Override, OverrideWrite } from "../../domain/override.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { Impact, Matched } from "../../durable-objects/rpc.ts";
import { type ApiContext, look } from "./context.ts";
import { invalidBody } from "./fields.ts";
import { matchedBy, type Sources } from "./override-facts.ts";

export type PlannedOverride = { readonly draft: Override; readonly matched: readonly Matched[]; readonly impact: readonly Impact[] };

/** What the Engine is shown before there is an id. */
const noId = "00000000-0000-4000-8000-000000000000";

/** `detail` is a sentence; `users` names all of them. */
const gslbsTold = 3;

/** `refused`: the verdicts that need `force`. What begins later is only shown: the Engine looks again when it begins. */
export async function planOverride(
  c: ApiContext,
  input: OverrideWrite,
  sources: Sources,
  refused: readonly Impact["verdict"][],
): Promise<Result<PlannedOverride, Problem>> {
  const now = Date.now();
  if (input.expires_at !== null && Date.parse(input.expires_at) <= now) {
    return fail(invalidBody([{ pointer: "/expires_at", detail: "must be in the future" }]));
  }
  const matched = await matchedBy(input.selector, sources);
  if (!matched.ok) return matched;
  const draft: Override = {
    ...input,
    id: noId,
    project_id: c.var.project,
    by: c.var.caller.name,
    created_at: new Date(now).toISOString(),
    ended: null,
  };
  const isOnlyShown = input.force || (input.starts_at !== null && Date.parse(input.starts_at) > now);
  const seen = await look(c, (engine) => engine.preflight(draft));
  if (!seen.ok && !isOnlyShown) return seen;
  const impact = seen.ok ? seen.value.impact : [];
  const hurt = isOnlyShown ? [] : impact.filter(({ verdict }) => refused.includes(verdict));
  return hurt.length === 0 ? ok({ draft, matched: matched.value, impact }) : fail(wouldEmpty(hurt));
}

function wouldEmpty(hurt: readonly Impact[]): Problem {
  const left = hurt.slice(0, gslbsTold).map(({ fqdn, healthy_left, capacity_left_percent, verdict }) => {
    const members = `${healthy_left} healthy member${healthy_left === 1 ? "" : "s"} and ${capacity_left_percent} % of the capacity`;
    return `${fqdn} would be left with ${members} (${verdict})`;
  });
  const more = hurt.length > gslbsTold ? `, and ${hurt.length - gslbsTold} more GSLBs with too little` : "";
  return {
    type: "would-empty",
    detail: `${left.join("; ")}${more}; "force": true does it all the same`,
    users: hurt.map(({ gslb_id, fqdn }) => ({ type: "gslb", id: gslb_id, name: fqdn })),
  };
}
