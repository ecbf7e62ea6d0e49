/**
 * HTTPS, with the certificate verified against the name that is connected to. A Worker cannot choose the name of a TLS handshake: to an
 * address, or with another Host than that name, nothing can be said about the endpoint from here, so the outcome is `no_data`. Fetching
 * the Host by name instead would check wherever that name leads to, which may be Kosmos's own answer.
 */
import { type CheckPlugin, type CheckTarget, noData } from "../../domain/check.ts";
import { checkByFetch } from "./http-fetch.ts";
import { authority, hostToSend, isName, sameHost } from "./http-host.ts";
import { type HttpSpec, httpSpec } from "./http-spec.ts";
import { portNeed, privateNeed } from "./needs.ts";

const defaultPort = 443;
const spec = httpSpec(defaultPort);

const byName = (spec: HttpSpec, target: CheckTarget): boolean =>
  isName(target.host) && sameHost(hostToSend(spec, target, defaultPort), authority(spec, target, defaultPort));

export const https: CheckPlugin<typeof spec> = {
  type: "HTTPS",
  title: "An HTTPS request is answered as expected, with a valid certificate",
  spec,
  examples: [
    { title: "the front page answers 200", spec: {} },
    { title: "a health page redirects or answers", spec: { url_path: "/health", expected_codes: ["200-399"] } },
  ],
  needs: (spec, target) => [
    target === null || byName(spec, target) ? "https_name" : "tls",
    ...privateNeed(target),
    ...portNeed(target?.port ?? spec.port),
  ],

  async run(spec, target, io) {
    if (byName(spec, target)) return checkByFetch(`https://${authority(spec, target, defaultPort)}`, spec, io);
    return noData(
      isName(target.host)
        ? "HTTPS with a Host that is not the name connected to cannot be checked from a Worker"
        : "HTTPS to an address cannot be checked from a Worker",
    );
  },
};
