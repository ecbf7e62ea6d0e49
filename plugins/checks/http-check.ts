/**
 * An HTTP or HTTPS check from end to end: request after request as far as redirects are followed, then what is expected of the last answer.
 * Where the vantage point has TLS of its own, every request goes over a connection of our own; a Worker asks names through `fetch`, which reaches
 * what its sockets may not.
 */
import { localNameReason, privateReason } from "../../domain/address.ts";
import {
  type CheckIo,
  type CheckTarget,
  failed,
  noData,
  type Outcome,
  type OutcomeDetails,
  pass,
  VantageRefusal,
} from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { missing } from "../../domain/vantage-point.ts";
import { deadline } from "./deadline.ts";
import type { Answer, Exchange } from "./http-answer.ts";
import { type Body, bodyOf, judgeBody } from "./http-body.ts";
import { exchangeByConnection } from "./http-connection.ts";
import { exchangeByFetch } from "./http-fetch.ts";
import { firstHop, type Hop, needsOf, type Scheme, throughFetch } from "./http-hop.ts";
import { redacted } from "./http-redact.ts";
import { isRedirect, keyOf, redirected, shownUrl } from "./http-redirect.ts";
import { expectedText, expects, type HttpSpec } from "./http-spec.ts";
import { bodyExcerpt } from "./http-words.ts";
import { shown } from "./shown.ts";
import { expiryWarning } from "./tls-fields.ts";

export async function checkHttp(scheme: Scheme, spec: HttpSpec, target: CheckTarget, io: CheckIo): Promise<Outcome> {
  const startedAt = io.now();
  const elapsed = () => io.now() - startedAt;
  const end = deadline(io.signal);
  const start = firstHop(scheme, spec, target);
  const facts = new Facts(spec);
  const been: string[] = [];
  let hop = start;
  /** Where a redirect led is part of what went wrong there. */
  const bad = (detail: string, latencyMs: number | null = elapsed()): Outcome =>
    facts.with(failed(latencyMs, hop === start ? detail : `${shown(detail, 130)} at ${shownUrl(hop)}`));
  try {
    for (;;) {
      const exchange = ask(hop, spec, io);
      try {
        const answered = await exchange.answer(end).catch((error: unknown) => {
          throw error instanceof VantageRefusal && hop !== start
            ? new VantageRefusal(redacted(`redirected to ${shownUrl(hop)}: ${error.message}`, spec))
            : error;
        });
        if (!answered.ok) return bad(answered.error.detail, answered.error.timedOut ? null : elapsed());
        const answer = answered.value;
        facts.note(answer, elapsed(), expiryWarning(answer.certificate, spec.min_days_valid, io.now()));

        const location = answer.header("location");
        // Without a Location there is nowhere to go; whoever expects such an answer gets it.
        const ends = !isRedirect(answer.status) || (location === null && expects(spec, answer.status));
        if (!spec.follow_redirects || ends) {
          const body = bodyOf(answer.body);
          const problem = await judge(answer, body, spec);
          const latencyMs = elapsed();
          if (io.detailed === true) await facts.noteBody(body);
          if (problem !== null) return bad(problem, latencyMs);
          if (spec.max_response_ms !== null && latencyMs > spec.max_response_ms) {
            return bad(`the answer took ${Math.round(latencyMs)} ms, more than ${spec.max_response_ms} ms`, latencyMs);
          }
          return facts.with(pass(latencyMs, String(answer.status)));
        }

        const next = redirected(start, hop, answer.status, location, spec);
        if (!next.ok) return bad(next.error);
        if (been.push(keyOf(hop)) > spec.max_redirects) return bad(`more than ${spec.max_redirects} redirects`);
        if (been.includes(keyOf(next.value))) return bad(`the redirects go in a circle, back to ${shownUrl(next.value)}`);
        const refused = refusal(start, next.value, spec, io);
        if (refused?.outcome === "fail") return bad(refused.detail);
        if (refused !== null) return facts.with(refused);
        hop = next.value;
      } finally {
        exchange.drop();
      }
    }
  } finally {
    end.clear();
  }
}

const ask = (hop: Hop, spec: HttpSpec, io: CheckIo): Exchange =>
  !io.capabilities.has("tls") && throughFetch(hop) ? exchangeByFetch(hop, spec, io) : exchangeByConnection(hop, spec, io);

async function judge({ status }: Answer, body: Body, spec: HttpSpec): Promise<string | null> {
  return expects(spec, status) ? judgeBody(body, spec) : `expected ${expectedText(spec)}, got ${status}`;
}

/** Why a redirect is not followed; null: it is. Nobody is led into a network by what a server on the outside says. */
function refusal(start: Hop, next: Hop, spec: HttpSpec, io: CheckIo): Outcome | null {
  if (next.to.host !== start.to.host && !io.capabilities.has("private")) {
    const reason = privateReason(next.to.host) ?? localNameReason(next.to.host);
    if (reason !== null) return failed(null, `redirected to ${shownUrl(next)}, which is not public (${reason})`);
  }
  const unable = missing(needsOf(next, spec), io.capabilities);
  if (unable.length === 0) return null;
  return noData(`redirected to ${shownUrl(next)}: this vantage point cannot do what that needs: ${unable.join(", ")}`);
}

/** What becomes known on the way, for the outcome to carry. */
class Facts {
  private readonly spec: HttpSpec;
  private warning: string | null = null;
  private more: OutcomeDetails | null = null;

  constructor(spec: HttpSpec) {
    this.spec = spec;
  }

  note(answer: Answer, firstByteMs: number, warning: string | null): void {
    this.warning ??= warning;
    // The endpoint's own connection and certificate are those of the first request.
    const took = this.more?.timings ?? answer.took;
    const certificate = this.more?.certificate ?? answer.certificate;
    this.more = {
      timings: { dns: took.dns, connect: took.connect, tls: took.tls, first_byte: firstByteMs },
      httpStatus: answer.status,
      ...(certificate === null ? {} : { certificate }),
    };
  }

  /** The beginning of the body, as much of it as comes in time. It decides nothing any more. */
  async noteBody(body: Body): Promise<void> {
    while (body.bytes().length < limits.bodyExcerptBytes) if ((await body.readOn()).kind !== "open") break;
    this.more = { ...this.more, bodyExcerpt: redacted(bodyExcerpt(body.bytes()), this.spec) };
  }

  with(outcome: Outcome): Outcome {
    return {
      ...outcome,
      detail: redacted(outcome.detail, this.spec),
      ...(this.warning === null ? {} : { warning: this.warning }),
      ...(this.more === null ? {} : { more: this.more }),
    };
  }
}
