/**
 * UDP: a datagram is sent. With `receive_string` an answer must have that text. Without it any answer is a pass, and so is silence, since most
 * protocols over UDP say nothing to what they do not understand: only the other side's word that nobody listens there (ICMP port unreachable) is
 * a fail. So a machine that is gone is not noticed without `receive_string`. Only an agent has UDP.
 */
import { z } from "zod";
import { type CheckDatagrams, type CheckPlugin, ConnectFailure, failed, type Outcome, pass, VantageRefusal } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { port } from "../../domain/schema.ts";
import { type Deadline, deadline } from "./deadline.ts";
import { heard } from "./heard.ts";
import { privateNeed } from "./needs.ts";
import { receiveText, sendText } from "./text-fields.ts";

const spec = z.strictObject({ port, send: sendText, receive_string: receiveText.nullable().default(null) });

export const udp: CheckPlugin<typeof spec> = {
  type: "UDP",
  title: "A datagram is answered, or at least not refused",
  spec,
  examples: [
    {
      title: "a service says that it is there",
      spec: { port: 7_777, send: "PING\r\n", receive_string: "PONG" },
    },
    { title: "something takes log lines", spec: { port: 514, send: "<14>kosmos: check" } },
  ],
  needs: (_spec, target) => ["udp", ...privateNeed(target)],

  async run(spec, target, io) {
    if (io.datagrams === undefined) throw new VantageRefusal("this vantage point has no UDP");
    const startedAt = io.now();
    const sinceStart = () => io.now() - startedAt;
    const end = deadline(io.signal);
    const opening = io.datagrams({ hostname: target.host.replace(/\.$/, ""), port: target.port ?? spec.port });
    try {
      const socket = await end.race(opening);
      if (socket === "timeout") return failed(null, end.missed("the address was not found"));
      if ((await end.race(socket.send(new TextEncoder().encode(spec.send)))) === "timeout")
        return failed(null, end.missed("nothing could be sent"));
      return await listen(spec.receive_string, socket, end, sinceStart);
    } catch (error) {
      if (error instanceof ConnectFailure) return failed(sinceStart(), error.message);
      throw error;
    } finally {
      end.clear();
      opening.then((socket) => socket.close()).catch(() => undefined);
    }
  },
};

async function listen(wanted: string | null, socket: CheckDatagrams, end: Deadline, sinceStart: () => number): Promise<Outcome> {
  let answers = 0;
  for (let left: number = limits.checkBodyBytes; left > 0; answers += 1) {
    const datagram = await end.race(socket.receive());
    if (datagram === "timeout") {
      if (wanted === null) return pass(sinceStart(), "sent, and not refused");
      return failed(null, end.missed(answers === 0 ? "no answer" : "no answer with the expected text"));
    }
    if (wanted === null) return pass(sinceStart(), "answered");
    // Each datagram for itself: a text does not go on in the next one.
    const said = heard(Math.min(left, datagram.length));
    said.add(datagram);
    if (said.has(wanted)) return pass(sinceStart(), "the answer has the expected text");
    left -= Math.max(1, datagram.length);
  }
  return failed(sinceStart(), `the first ${limits.checkBodyBytes} bytes of the answers do not contain the expected text`);
}
