/** TCP: a connection that opens is a pass. Nothing is sent and nothing is read. */
import { z } from "zod";
import { type CheckPlugin, pass } from "../../domain/check.ts";
import { port } from "../../domain/schema.ts";
import { withConnection } from "./connection.ts";
import { portNeed, privateNeed } from "./needs.ts";

const spec = z.strictObject({ port });

export const tcp: CheckPlugin<typeof spec> = {
  type: "TCP",
  title: "A TCP connection opens",
  spec,
  examples: [{ title: "a database accepts connections", spec: { port: 5432 } }],
  needs: (spec, target) => ["tcp", ...privateNeed(target), ...portNeed(target?.port ?? spec.port)],

  run(spec, target, io) {
    const startedAt = io.now();
    return withConnection(target, spec.port, io, async () => pass(io.now() - startedAt, "connected"));
  },
};
