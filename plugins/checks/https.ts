/**
 * HTTPS, with the certificate verified against the name of the handshake. A Worker cannot choose that name, nor see the certificate: an address,
 * another Host than the name that is connected to, `insecure`, `ca_cert` and `min_days_valid` need a vantage point with TLS of its own, an agent.
 * Fetching the Host by name instead would check wherever that name leads to, which may be Kosmos's own answer.
 */
import type { CheckPlugin } from "../../domain/check.ts";
import { checkHttp } from "./http-check.ts";
import { defaultPorts, needs } from "./http-hop.ts";
import { httpSpec } from "./http-spec.ts";

const spec = httpSpec(defaultPorts.https);

export const https: CheckPlugin<typeof spec> = {
  type: "HTTPS",
  title: "An HTTPS request is answered as expected, with a valid certificate",
  spec,
  examples: [
    { title: "the front page answers 200", spec: {} },
    { title: "a health page redirects or answers", spec: { url_path: "/health", expected_codes: ["200-399"] } },
    { title: "a certificate that lasts, from an agent", spec: { sni: "www.example.com", min_days_valid: 14 } },
  ],
  secrets: ["secret_headers", "credentials"],
  needs: (spec, target) => needs("https", spec, target),
  run: (spec, target, io) => checkHttp("https", spec, target, io),
};
