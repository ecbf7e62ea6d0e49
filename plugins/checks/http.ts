/**
 * HTTP: a request is answered with an expected status, and with an expected body if one is asked for. To an address, or with a Host of the
 * operator's choice, over a connection of our own; a Worker asks a name through `fetch`, which reaches what its sockets may not.
 */
import type { CheckPlugin } from "../../domain/check.ts";
import { checkHttp } from "./http-check.ts";
import { defaultPorts, needs } from "./http-hop.ts";
import { httpSpec } from "./http-spec.ts";

const spec = httpSpec(defaultPorts.http);

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
    {
      title: "a health page in JSON, fast, and without a word of trouble",
      spec: {
        url_path: "/health.json",
        json_assertions: [
          { path: "$.status", equals: "ok" },
          { path: "$.queues['mail'][0].length", less_than: 100 },
        ],
        receive_string_absent: "degraded",
        max_response_ms: 500,
      },
    },
    { title: "where the front page leads to", spec: { follow_redirects: true, max_redirects: 3, receive_string: "Welcome" } },
  ],
  secrets: ["secret_headers", "credentials"],
  needs: (spec, target) => needs("http", spec, target),
  run: (spec, target, io) => checkHttp("http", spec, target, io),
};
