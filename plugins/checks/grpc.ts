/**
 * GRPC: the standard health service says SERVING (grpc.health.v1.Health/Check). It needs HTTP/2 of our own, since `fetch` shows no trailers, and with TLS
 * a vantage point that can offer HTTP/2 in the handshake, which a Worker cannot.
 */
import { z } from "zod";
import { type CheckPlugin, failed, pass } from "../../domain/check.ts";
import { limits } from "../../domain/limits.ts";
import { fail, type Result } from "../../domain/result.ts";
import { flag, port, text } from "../../domain/schema.ts";
import { withConnection } from "./connection.ts";
import { healthCheckPath, requestMessage, servingStatus, wrongStatus } from "./grpc-health.ts";
import { firstHop, type Hop, tlsOptionsOf } from "./http-hop.ts";
import { httpSpec } from "./http-spec.ts";
import { requestOverHttp2 } from "./http2.ts";
import type { Http2Answer } from "./http2-exchange.ts";
import { portNeed, privateNeed } from "./needs.ts";
import { shown } from "./shown.ts";
import { expiryWarning, tlsFields } from "./tls-fields.ts";

const { sni, ca_cert, insecure, min_days_valid } = tlsFields;
const spec = z
  .strictObject({
    port,
    /** Empty: the server as a whole. */
    service: text(limits.nameLength).default(""),
    tls: flag.default(true),
    sni,
    ca_cert,
    insecure,
    min_days_valid,
  })
  .superRefine((spec, context) => {
    if (spec.tls) return;
    const given = (["sni", "ca_cert", "insecure", "min_days_valid"] as const).filter((field) => Boolean(spec[field]));
    for (const field of given) context.addIssue({ code: "custom", path: [field], message: "needs tls" });
  });

/** What it is to HTTP: where a request goes, and as whom. */
const http = httpSpec(443);

export const grpc: CheckPlugin<typeof spec> = {
  type: "GRPC",
  title: "A gRPC server's health service says that it serves",
  spec,
  examples: [
    { title: "a server serves, over TLS", spec: { port: 443 } },
    { title: "one of its services serves, in plain text", spec: { port: 50051, service: "shop.v1.Orders", tls: false } },
  ],
  needs: (spec, target) => [spec.tls ? "tls" : "tcp", ...portNeed(target?.port ?? spec.port), ...privateNeed(target)],

  run(spec, target, io) {
    const startedAt = io.now();
    const bad = (detail: string) => failed(io.now() - startedAt, detail);
    const { port, sni, ca_cert, insecure } = spec;
    const request = http.parse({ port, http_method: "POST", url_path: healthCheckPath, sni, ca_cert, insecure });
    const hop = firstHop(spec.tls ? "https" : "http", request, target);
    return withConnection(
      target,
      spec.port,
      io,
      async (socket, end) => {
        if (spec.tls && socket.peer?.().protocol !== "h2") return bad("the server does not offer HTTP/2 in its TLS handshake");
        const body = requestMessage(spec.service);
        const answer = await requestOverHttp2(socket, end, { headers: requestHeaders(hop, io.userAgent), body });
        if (!answer.ok) return bad(answer.error);
        const status = statusOf(answer.value, spec.service);
        if (!status.ok) return bad(status.error);
        if (status.value !== "SERVING") return bad(`expected SERVING, got ${status.value}`);
        const certificate = socket.peer?.().certificate ?? null;
        return {
          ...pass(io.now() - startedAt, "SERVING"),
          warning: expiryWarning(certificate, spec.min_days_valid, io.now()),
          ...(certificate === null ? {} : { more: { certificate } }),
        };
      },
      spec.tls ? { ...tlsOptionsOf(hop, request), alpn: ["h2"] } : undefined,
    );
  },
};

const requestHeaders = ({ method, scheme, path, host }: Hop, userAgent: string) =>
  [
    [":method", method],
    [":scheme", scheme],
    [":path", path],
    [":authority", host],
    ["te", "trailers"],
    ["content-type", "application/grpc"],
    ["user-agent", userAgent],
  ] as const;

/** The health service's word, or what the answer is instead of one. An answer of trailers alone has its grpc-status in the headers. */
function statusOf({ status, headers, body, trailers }: Http2Answer, service: string): Result<string, string> {
  if (status !== 200) return fail(`expected HTTP status 200, got ${status}`);
  const type = headers.find(([name]) => name === "content-type")?.[1] ?? "";
  if (!type.toLowerCase().startsWith("application/grpc"))
    return fail(`the answer is not gRPC: ${type === "" ? "no content type" : shown(type)}`);
  const wrong = wrongStatus([...trailers, ...headers], service);
  return wrong === null ? servingStatus(body) : fail(wrong);
}
