/**
 * TCP: a connection opens; if there is something to send it is sent; if something is expected of the answer, the first 64 KiB decide, or what
 * was said until the connection ended. `receive_string` decides as soon as it was heard. `receive_string_absent` alone can only be sure at the
 * end, so with it a connection that is kept open is listened to until the timeout.
 */
import { z } from "zod";
import { type CheckPlugin, failed, type Outcome, pass } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { port } from "../../domain/schema.ts";
import { type ByteReader, byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { heard } from "./heard.ts";
import { portNeed, privateNeed } from "./needs.ts";
import { receiveText, sendText } from "./text-fields.ts";

const spec = z.strictObject({
  port,
  send: sendText.nullable().default(null),
  receive_string: receiveText.nullable().default(null),
  receive_string_absent: receiveText.nullable().default(null),
});
type Spec = z.output<typeof spec>;

export const tcp: CheckPlugin<typeof spec> = {
  type: "TCP",
  title: "A TCP connection opens, and the other side says what it should",
  spec,
  examples: [
    { title: "a database accepts connections", spec: { port: 5432 } },
    { title: "a cache answers a question", spec: { port: 6379, send: "PING\r\n", receive_string: "+PONG", receive_string_absent: "-ERR" } },
    { title: "a server does not greet with an error", spec: { port: 3306, receive_string_absent: "Too many connections" } },
  ],
  needs: (spec, target) => ["tcp", ...privateNeed(target), ...portNeed(target?.port ?? spec.port)],

  run(spec, target, io) {
    const startedAt = io.now();
    const sinceStart = () => io.now() - startedAt;
    return withConnection(target, spec.port, io, async (socket, end) => {
      const expectsAnswer = spec.receive_string !== null || spec.receive_string_absent !== null;
      if (spec.send === null && !expectsAnswer) return pass(sinceStart(), "connected");
      const sent = spec.send === null ? Promise.resolve() : socket.writable.getWriter().write(new TextEncoder().encode(spec.send));
      if (expectsAnswer) {
        // Not awaited: an endpoint may answer before it has read everything, and one that breaks off is seen by the reader.
        sent.catch(() => undefined);
        return answer(spec, byteReader(socket.readable, end), sinceStart);
      }
      const written = await end.race(
        sent.then(
          () => true,
          () => false,
        ),
      );
      if (written === "timeout") return failed(null, end.missed("the text could not be sent"));
      return written ? pass(sinceStart(), "connected, and sent") : failed(sinceStart(), "connection closed before the text was sent");
    });
  },
};

async function answer(spec: Spec, input: ByteReader, sinceStart: () => number): Promise<Outcome> {
  const { receive_string: wanted, receive_string_absent: unwanted } = spec;
  const said = heard(limits.checkBodyBytes);
  let heardAfter = sinceStart();
  const bad = (detail: string) => failed(heardAfter, detail);
  while (said.room > 0) {
    const part = await input.some(said.room);
    if (!part.ok) {
      const stop = part.error;
      if (stop !== "timeout") heardAfter = sinceStart();
      if (said.length === 0) return stop === "timeout" ? failed(null, input.noAnswer()) : bad(`connection ${stop} before an answer`);
      if (stop === "reset") return bad(input.say(stop, "answer"));
      if (wanted === null) return pass(heardAfter, "the answer does not have the unwanted text");
      return stop === "timeout"
        ? failed(null, input.missed("the expected text did not come"))
        : bad(`the answer of ${said.length} bytes does not contain the expected text`);
    }
    said.add(part.value);
    heardAfter = sinceStart();
    if (unwanted !== null && said.has(unwanted)) return bad("the answer contains the text that it must not");
    if (wanted !== null && said.has(wanted)) return pass(heardAfter, "the answer has the expected text");
  }
  if (wanted === null) return pass(heardAfter, "the answer does not have the unwanted text");
  return bad(`the first ${said.length} bytes of the answer do not contain the expected text`);
}
