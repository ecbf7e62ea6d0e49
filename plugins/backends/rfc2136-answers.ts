/** What a name server's response codes mean for a call (RFC 2136, 3; RFC 8945, 5.2), in words that people can act on. BIND and Knot differ. */
import type { WholeFailure } from "../../domain/backend.ts";
import type { Reply, Session } from "./dns-session.ts";
import { encodeUpdate, type Update } from "./dns-update.ts";

/** What is asked about, for people's words. */
export type Asking = { readonly zone: string; readonly key: string; readonly now: () => number };

/**
 * What came of an update.
 * - `changed`: a prerequisite did not hold, so nothing was done.
 * - `denied`: the key may not do this: none of it, or not to this name.
 * - `refused`: it cannot be taken as it is.
 * - `failed`: the server could not, for its own reasons or for something in it.
 * - `whole`: whatever had been in it, the same would have come of it.
 */
export type Verdict =
  | { readonly kind: "done" }
  | { readonly kind: "changed" | "denied" | "refused" | "failed"; readonly detail: string }
  | { readonly kind: "whole"; readonly failure: WholeFailure };

export const silence: Verdict = { kind: "whole", failure: { class: "retry", detail: "the server did not answer" } };

/** Sends one update and waits for what came of it. */
export async function update(session: Session, message: Update, asking: Asking): Promise<Verdict> {
  const [answer] = await session.ask([encodeUpdate(0, message)]);
  if (answer === undefined) return silence;
  return answer.ok ? verdictOf(answer.value, asking) : { kind: "whole", failure: answer.error };
}

const changedWords: Readonly<Record<string, string>> = {
  NXDOMAIN: "a name that was there is gone",
  YXDOMAIN: "a name that was free is taken",
  NXRRSET: "records are not as they were read",
  YXRRSET: "records have come that were not there",
};

export function verdictOf(reply: Reply, asked: Asking): Verdict {
  const { rcode } = reply;
  const { zone, key } = asked;
  const whole = (failure: WholeFailure): Verdict => ({ kind: "whole", failure });
  const changed = changedWords[rcode];
  if (changed !== undefined) return { kind: "changed", detail: `the zone changed meanwhile: ${changed} (${rcode})` };
  if (rcode === "NOERROR") return { kind: "done" };
  // Knot says so too where the key is known and its acl does not let it.
  if (reply.tsigError?.name === "BADKEY") {
    return { kind: "denied", detail: `the server does not know the key ${key}, or does not let it update ${zone} (${rcode}, BADKEY)` };
  }
  if (reply.tsigError !== null) return whole(signatureFailure(reply.tsigError, asked));
  switch (rcode) {
    case "REFUSED":
      return { kind: "denied", detail: `the server does not let the key ${key} update it (REFUSED: allow-update, update-policy)` };
    case "NOTAUTH":
      return whole({ class: "not-found", detail: `the server is not a primary of ${zone} (NOTAUTH)` });
    case "NOTIMP":
      return whole({ class: "not-found", detail: "the server takes no updates (NOTIMP)" });
    case "FORMERR":
      return { kind: "refused", detail: "the server cannot read the update (FORMERR)" };
    case "NOTZONE":
      return { kind: "refused", detail: `the name is not in ${zone} (NOTZONE)` };
    default:
      return { kind: "failed", detail: `the server failed (${rcode})` };
  }
}

/** Why a question about a zone was not answered; null: it was. */
export function queryFailure({ rcode, tsigError }: Reply, asked: Asking): WholeFailure | null {
  if (rcode === "NOERROR" || rcode === "NXDOMAIN") return null;
  if (tsigError !== null) return signatureFailure(tsigError, asked);
  if (rcode === "REFUSED") return { class: "not-found", detail: `the server does not serve ${asked.zone}, or not to us (REFUSED)` };
  if (rcode === "NOTAUTH") return { class: "not-found", detail: `the server does not serve ${asked.zone} (NOTAUTH)` };
  return { class: "retry", detail: `the server failed (${rcode})` };
}

function signatureFailure({ name, serverTime }: NonNullable<Reply["tsigError"]>, { key, now }: Asking): WholeFailure {
  if (name === "BADKEY") return { class: "credentials", detail: `the server does not know the key ${key} (BADKEY)` };
  if (name === "BADSIG") return { class: "credentials", detail: `the server has another secret for the key ${key} (BADSIG)` };
  if (name !== "BADTIME") return { class: "credentials", detail: `the server does not take the signature (${name})` };
  const seconds = serverTime === null ? null : serverTime - Math.floor(now() / 1_000);
  const by = seconds === null ? "" : `: the server's is ${Math.abs(seconds)} s ${seconds < 0 ? "behind" : "ahead"}`;
  // The key is right, and clocks get set.
  return { class: "retry", detail: `the clocks differ too much${by} (BADTIME)` };
}
