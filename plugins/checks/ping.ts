/** PING: one ICMP echo comes back. Only an agent can send one; ICMP is another name for the type. */
import { z } from "zod";
import { type CheckPlugin, ConnectFailure, failed, pass, VantageRefusal } from "../../domain/check.ts";
import { deadline } from "./deadline.ts";
import { privateNeed } from "./needs.ts";

const spec = z.strictObject({});

export const ping: CheckPlugin<typeof spec> = {
  type: "PING",
  title: "An ICMP echo is answered",
  spec,
  examples: [{ title: "a machine is there", spec: {} }],
  needs: (_spec, target) => ["ping", ...privateNeed(target)],

  async run(_spec, target, io) {
    if (io.ping === undefined) throw new VantageRefusal("this vantage point has no ICMP");
    const startedAt = io.now();
    const end = deadline(io.signal);
    try {
      const roundTripMs = await end.race(io.ping(target.host.replace(/\.$/, ""), io.signal));
      if (roundTripMs === "timeout") return failed(null, end.missed("no answer"));
      return pass(roundTripMs, "answered");
    } catch (error) {
      if (error instanceof ConnectFailure) return failed(io.now() - startedAt, error.message);
      // Whatever `ping` says when it is called off, the deadline is what was missed.
      if (io.signal.aborted) return failed(null, end.missed("no answer"));
      throw error;
    } finally {
      end.clear();
    }
  },
};
