/** gRPC's health service, by @grpc/grpc-js and by servers that are none. */
import { serverName } from "../servers/certificates.ts";
import { type Case, host, type Lab, nothing, says, site, type Talk } from "./case.ts";

type Spec = Readonly<Record<string, unknown>>;
type Port = (lab: Lab) => number;

const grpc = (title: string, server: Port | Talk, spec: Spec, verdict: Case["verdict"]): Case => {
  const port = (lab: Lab, own: number) => (typeof server === "function" ? server(lab) : own);
  const isSecure = spec.tls === true;
  const trusts = (lab: Lab): Spec => (isSecure && spec.insecure !== true ? { ca_cert: lab.nginx.certificates.ca } : {});
  return {
    group: "GRPC",
    title,
    server: typeof server === "function" ? null : server,
    ours: { type: "GRPC", spec: (lab, own) => ({ ...spec, ...trusts(lab), port: port(lab, own) }), port },
    theirs: (lab, own) => ({
      module: {
        prober: "grpc",
        timeout: "1500ms",
        grpc: {
          service: spec.service ?? "",
          preferred_ip_protocol: "ip4",
          tls: isSecure,
          tls_config: isSecure
            ? {
                insecure_skip_verify: spec.insecure === true,
                ca_file: lab.nginx.certificates.paths.ca,
                ...(spec.sni === undefined ? {} : { server_name: spec.sni }),
              }
            : {},
        },
      },
      target: `${host}:${port(lab, own)}`,
    }),
    verdict,
  };
};

const plain: Port = ({ grpcPort }) => grpcPort;
const secure: Port = ({ secureGrpcPort }) => secureGrpcPort;

export const grpcCases: readonly Case[] = [
  grpc("the server serves", plain, { tls: false }, "pass"),
  grpc("a service serves", plain, { tls: false, service: "shop" }, "pass"),
  grpc("a service does not serve", plain, { tls: false, service: "mail" }, "fail"),
  grpc("a service that nobody knows", plain, { tls: false, service: "none" }, "fail"),
  grpc("over TLS", secure, { tls: true, sni: serverName }, "pass"),
  grpc("over TLS, for another name", secure, { tls: true, sni: "other.invalid" }, "fail"),
  grpc("over TLS, and no certificate is verified", secure, { tls: true, insecure: true }, "pass"),
  grpc("over TLS, to a server without", plain, { tls: true, sni: serverName }, "fail"),
  grpc("without TLS, to a server with it", secure, { tls: false }, "fail"),
  grpc("a web server without HTTP/2, over TLS", site("good"), { tls: true, sni: serverName }, "fail"),
  grpc("a web server without HTTP/2", (lab) => lab.nginx.http, { tls: false }, "fail"),
  grpc("an answer of HTTP/1.1", says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), { tls: false }, "fail"),
  grpc("never answers", nothing, { tls: false }, "fail"),
  grpc("refused", (lab) => lab.closedPort, { tls: false }, "fail"),
];
