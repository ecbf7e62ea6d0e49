/**
 * SSH: the server says that it speaks protocol 2 (RFC 4253, 4.2: "SSH-2.0-…", or "SSH-1.99-…" where it also speaks the old one). Lines before
 * that are allowed. We say our own name, as both sides must, and leave before any key is exchanged.
 */
import { z } from "zod";
import { type CheckPlugin, failed, pass } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { port } from "../../domain/schema.ts";
import { version } from "../../domain/version.ts";
import { byteReader } from "./byte-reader.ts";
import { withConnection } from "./connection.ts";
import { portNeed, privateNeed } from "./needs.ts";
import { shown } from "./shown.ts";

const spec = z.strictObject({ port: port.default(22) });

/** Neither blanks nor minus signs may be in it. */
const ownIdentification = `SSH-2.0-Kosmos_${version.replace(/[^!-,.-~]/g, "_")}\r\n`;

export const ssh: CheckPlugin<typeof spec> = {
  type: "SSH",
  title: "An SSH server says its name",
  spec,
  examples: [{ title: "a bastion host takes SSH", spec: {} }],
  needs: (spec, target) => ["tcp", ...privateNeed(target), ...portNeed(target?.port ?? spec.port)],

  run(spec, target, io) {
    const startedAt = io.now();
    const bad = (detail: string) => failed(io.now() - startedAt, detail);
    return withConnection(target, spec.port, io, async (socket, end) => {
      // Not awaited: one that breaks off is seen by the reader.
      socket.writable
        .getWriter()
        .write(new TextEncoder().encode(ownIdentification))
        .catch(() => undefined);
      const input = byteReader(socket.readable, end);
      let left: number = limits.checkHeadBytes;
      for (let lines = 0; lines < limits.checkBannerLines && left > 0; lines += 1) {
        const line = await input.line(left);
        if (!line.ok) {
          if (line.error === "timeout") return failed(null, lines === 0 ? input.noAnswer() : input.missed("no identification"));
          if (line.error === "too long") break;
          return bad(`connection ${line.error} before the identification`);
        }
        left -= line.value.length + 1;
        if (!line.value.startsWith("SSH-")) continue;
        if (/^SSH-(2\.0|1\.99)-[!-~]/.test(line.value)) return pass(io.now() - startedAt, shown(line.value, limits.checkDetailLength));
        return bad(`expected SSH 2, got "${shown(line.value)}"`);
      }
      return bad("the answer is not SSH: no identification in its beginning");
    });
  },
};
