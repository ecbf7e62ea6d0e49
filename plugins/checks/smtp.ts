/**
 * SMTP: the greeting is 220, and EHLO, or HELO where the server does not know EHLO, is answered 250. With `starttls` the server must also offer
 * STARTTLS and agree to it; the handshake itself is not made (a TLS monitor of an implicit port such as 465 does that). No mail is ever sent.
 */
import { z } from "zod";
import { type CheckPlugin, failed, pass } from "../../domain/check.ts";
import { flag, port } from "../../domain/schema.ts";
import { byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { portNeed, privateNeed } from "./needs.ts";
import { shown } from "./shown.ts";
import { type NoReply, readSmtpReply, type SmtpReply } from "./smtp-reply.ts";

const spec = z.strictObject({ port: port.default(587), starttls: flag.default(false) });

/** RFC 2606: a name that is nobody's. Servers judge it where mail is handed in, not here. */
const ownName = "kosmos.invalid";

/** What decided, and whether the connection is still one for commands, so that it can be left with QUIT. */
type Talk = { readonly ok: boolean; readonly detail: string; readonly timedOut?: boolean; readonly quit: boolean };

export const smtp: CheckPlugin<typeof spec> = {
  type: "SMTP",
  title: "A mail server greets and takes EHLO",
  spec,
  examples: [
    { title: "a submission server greets", spec: {} },
    { title: "a submission server offers STARTTLS", spec: { starttls: true } },
    { title: "a mail exchanger greets", spec: { port: 25 } },
  ],
  needs: (spec, target) => ["tcp", ...privateNeed(target), ...portNeed(target?.port ?? spec.port)],

  run(spec, target, io) {
    const startedAt = io.now();
    return withConnection(target, spec.port, io, async (socket, end) => {
      const writer = socket.writable.getWriter();
      const input = byteReader(socket.readable, end);
      /** One that breaks off is seen by the reader. */
      const send = (line: string) => void writer.write(new TextEncoder().encode(`${line}\r\n`)).catch(() => undefined);
      const ask = (line: string) => {
        send(line);
        return readSmtpReply(input, `answer to ${line.split(" ")[0]}`);
      };
      const talk = await converse(spec.starttls, () => readSmtpReply(input, "greeting"), ask);
      const latencyMs = talk.timedOut === true ? null : io.now() - startedAt;
      // Decided already; a server that does not say goodbye is none the worse for it.
      if (talk.quit) await ask("QUIT");
      return talk.ok ? pass(latencyMs ?? 0, talk.detail) : failed(latencyMs, talk.detail);
    });
  },
};

type Reply = Awaited<ReturnType<typeof readSmtpReply>>;

async function converse(starttls: boolean, greeting: () => Promise<Reply>, ask: (line: string) => Promise<Reply>): Promise<Talk> {
  const greeted = await greeting();
  if (!greeted.ok) return broken(greeted.error);
  if (greeted.value.code !== 220) return wrong("the greeting 220", greeted.value);
  let hello = await ask(`EHLO ${ownName}`);
  const extended = hello.ok && hello.value.code === 250;
  // RFC 5321, 3.2: a server that does not know EHLO says so with 5xx.
  if (hello.ok && hello.value.code >= 500) hello = await ask(`HELO ${ownName}`);
  if (!hello.ok) return broken(hello.error);
  if (hello.value.code !== 250) return wrong("250 to EHLO or HELO", hello.value);
  if (!starttls) return { ok: true, detail: `220, and 250 to ${extended ? "EHLO" : "HELO"}`, quit: true };
  const offered = extended && hello.value.lines.slice(1).some((line) => /^STARTTLS(\s|$)/i.test(line));
  if (!offered) return { ok: false, detail: "STARTTLS is not offered", quit: true };
  const agreed = await ask("STARTTLS");
  if (!agreed.ok) return broken(agreed.error);
  // From here on the server waits for a handshake, not for QUIT.
  return agreed.value.code === 220
    ? { ok: true, detail: "STARTTLS is offered and answered 220", quit: false }
    : wrong("220 to STARTTLS", agreed.value);
}

const broken = ({ detail, timedOut }: NoReply): Talk => ({ ok: false, detail, timedOut, quit: false });

const wrong = (expected: string, { code, lines }: SmtpReply): Talk => ({
  ok: false,
  detail: `expected ${expected}, got ${code}${lines[0] ? `: "${shown(lines[0])}"` : ""}`,
  // RFC 5321, 3.8: after 421 the server closes.
  quit: code !== 421,
});
