/**
 * HTTP: a request is answered with an expected status, and with an expected text if there is one. To an address, or with a Host of the
 * operator's choice, over a connection of our own; to a name through `fetch`, which reaches what a Worker's sockets may not.
 */
import type { CheckPlugin, CheckTarget } from "../../domain/check.ts";
import { checkByConnection } from "./http-connection.ts";
import { checkByFetch } from "./http-fetch.ts";
import { authority, hostToSend, isName, sameHost } from "./http-host.ts";
import { type HttpSpec, httpSpec } from "./http-spec.ts";
import { portNeed, privateNeed } from "./needs.ts";

const defaultPort = 80;
const spec = httpSpec(defaultPort);

const throughFetch = (spec: HttpSpec, target: CheckTarget): boolean =>
  isName(target.host) && sameHost(hostToSend(spec, target, defaultPort), authority(spec, target, defaultPort));

export const http: CheckPlugin<typeof spec> = {
  type: "HTTP",
  title: "An HTTP request is answered as expected",
  spec,
  examples: [
    { title: "the front page answers 200", spec: {} },
    {
      title: "a health page under a name of its own",
      spec: { url_path: "/health?full=1", headers: { Host: "www.example.com" }, expected_codes: [200, "202-204"], receive_string: "ok" },
    },
    {
      title: "a POST with a body",
      spec: { http_method: "POST", payload: { content_type: "application/json", content: '{"ping":true}' }, expected_codes: ["200-299"] },
    },
  ],
  needs: (spec, target) => [
    target !== null && throughFetch(spec, target) ? "http" : "tcp",
    ...privateNeed(target),
    ...portNeed(target?.port ?? spec.port),
  ],

  run: (spec, target, io) =>
    throughFetch(spec, target)
      ? checkByFetch(`http://${authority(spec, target, defaultPort)}`, spec, io)
      : checkByConnection(spec, target, hostToSend(spec, target, defaultPort), io),
};
