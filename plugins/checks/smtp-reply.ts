/** One reply of a mail server (RFC 5321, 4.2): a code and its lines, bounded. What is malformed is refused. */
import { limits } from "../../domain/limits.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ByteReader } from "./byte-reader.ts";
import { shown } from "./shown.ts";

export type SmtpReply = {
  readonly code: number;
  /** The text of each line. */
  readonly lines: readonly string[];
};

/** Why there is no reply: in time, or none that could be read. */
export type NoReply = { readonly timedOut: boolean; readonly detail: string };

/** `to`: what it answers, for the words: "greeting", "answer to EHLO". */
export async function readSmtpReply(input: ByteReader, to: string): Promise<Result<SmtpReply, NoReply>> {
  const lines: string[] = [];
  let code: string | null = null;
  while (lines.length < limits.checkReplyLines) {
    const line = await input.line(limits.checkReplyLineBytes);
    if (!line.ok) {
      if (line.error === "timeout")
        return fail({ timedOut: true, detail: input.missed(`the ${to} did not ${lines.length === 0 ? "come" : "end"}`) });
      if (line.error === "too long") return refuse(`a line of the ${to} is longer than ${limits.checkReplyLineBytes} bytes`);
      return refuse(`connection ${line.error} before the ${lines.length === 0 ? "" : "end of the "}${to}`);
    }
    const [, itsCode, more, text = ""] = /^([2-5][0-9]{2})(?:([ -])(.*))?$/.exec(line.value) ?? [];
    if (itsCode === undefined || (code !== null && itsCode !== code)) return refuse(`the ${to} is not SMTP: "${shown(line.value, 40)}"`);
    code = itsCode;
    lines.push(text);
    if (more !== "-") return ok({ code: Number(code), lines });
  }
  return refuse(`the ${to} has more than ${limits.checkReplyLines} lines`);
}

const refuse = (detail: string) => fail({ timedOut: false, detail });
