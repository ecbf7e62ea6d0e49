/** A mail server on a free port of 127.0.0.1, by npm's smtp-server: takes nobody's mail, and offers STARTTLS or not. */
import { readFile } from "node:fs/promises";
import { SMTPServer } from "smtp-server";
import type { Certificates } from "./certificates.ts";
import { freePort } from "./daemon.ts";

export type Smtp = { readonly port: number; stop(): Promise<void> };

/** `starttls`: the certificates to offer it with; null: not offered. */
export async function startSmtp(starttls: Certificates | null): Promise<Smtp> {
  const port = await freePort();
  const tls = starttls === null ? {} : await keyPair(starttls);
  const server = new SMTPServer({
    name: "mail.gslb.test",
    authOptional: true,
    disabledCommands: starttls === null ? ["STARTTLS", "AUTH"] : ["AUTH"],
    disableReverseLookup: true,
    closeTimeout: 100,
    logger: false,
    onRcptTo: (_address, _session, callback) => callback(new Error("no mail is taken here")),
    ...tls,
  });
  // A check that leaves in the midst of a handshake is none of the test's business.
  server.on("error", () => undefined);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve();
    });
  });
  return { port, stop: () => new Promise((resolve) => server.close(() => resolve())) };
}

const keyPair = async ({ paths }: Certificates) => ({
  key: await readFile(paths.good.key, "utf8"),
  cert: await readFile(paths.good.certificate, "utf8"),
});
