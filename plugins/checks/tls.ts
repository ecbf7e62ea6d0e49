/**
 * TLS: a handshake that completes, with a certificate that can be trusted, is a pass. An agent can be asked for any name, authority or none, and
 * looks at the certificate's end. A Worker can only connect to a name and have it verified against that name, and is not told what went wrong.
 */
import { z } from "zod";
import { type CheckPlugin, type CheckSocket, type CheckTarget, pass } from "../../domain/check.ts";
import { port } from "../../domain/schema.ts";
import { withConnection } from "./connection.ts";
import { nameOf } from "./http-hop.ts";
import { isName } from "./http-host.ts";
import { portNeed, privateNeed } from "./needs.ts";
import { expiryWarning, tlsFields } from "./tls-fields.ts";

const spec = z.strictObject({ port: port.default(443), ...tlsFields });
type Spec = z.output<typeof spec>;

/** The name that the certificate must have: the monitor's, else the member's Host, else what is served there, else what is connected to. */
function nameFor(spec: Spec, target: CheckTarget): string | null {
  if (spec.sni !== null) return spec.sni;
  if (target.hostHeader !== null && nameOf(target.hostHeader) !== null) return nameOf(target.hostHeader);
  const name = [target.endpoint, target.host].find(isName);
  return name === undefined ? null : nameOf(name);
}

/** Whether a connection to the name, verified against it, is all that is asked. */
const isPlain = (spec: Spec, target: CheckTarget | null): boolean =>
  !spec.insecure &&
  spec.ca_cert === null &&
  spec.min_days_valid === 0 &&
  (target === null || (isName(target.host) && nameFor(spec, target) === nameOf(target.host)));

export const tls: CheckPlugin<typeof spec> = {
  type: "TLS",
  title: "A TLS handshake completes, with a valid certificate",
  spec,
  examples: [
    { title: "the certificate of a name is valid", spec: {} },
    { title: "a mail server's certificate is good for another two weeks", spec: { port: 465, min_days_valid: 14 } },
    { title: "an address serves the certificate of a name", spec: { port: 8443, sni: "www.example.com" } },
    { title: "any certificate will do", spec: { insecure: true } },
  ],
  needs: (spec, target) => [isPlain(spec, target) ? "tls_name" : "tls", ...privateNeed(target), ...portNeed(target?.port ?? spec.port)],

  run(spec, target, io) {
    const startedAt = io.now();
    const options = { serverName: nameFor(spec, target), insecure: spec.insecure, caCert: spec.ca_cert, alpn: [] };
    const use = async (socket: CheckSocket) => {
      const certificate = socket.peer?.().certificate ?? null;
      return {
        ...pass(
          io.now() - startedAt,
          spec.insecure ? "TLS handshake completed, the certificate was not verified" : "TLS handshake completed",
        ),
        warning: expiryWarning(certificate, spec.min_days_valid, io.now()),
        ...(certificate === null ? {} : { more: { certificate } }),
      };
    };
    return withConnection(target, spec.port, io, use, options);
  },
};
