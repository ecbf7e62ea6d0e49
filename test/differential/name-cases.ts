/** HTTP by a name: an agent resolves it and connects; a Worker goes through `fetch`, where a server that is away arrives as an answer of Cloudflare's own. */
import { type Case, closes, drips, type Lab, nothing, resets, says, saysThenResets, type Talk } from "./case.ts";
import { httpModule } from "./translate.ts";

type Spec = Readonly<Record<string, unknown>>;

const name = "localhost";
const ok = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is well";

const named = (title: string, server: string | ((lab: Lab) => number) | Talk, spec: Spec, verdict: Case["verdict"]): Case => {
  const path = typeof server === "string" ? server : "/";
  const port = (lab: Lab, own: number) => (typeof server === "function" ? server(lab) : typeof server === "string" ? lab.nginx.http : own);
  return {
    group: "HTTP by name",
    title,
    server: typeof server === "object" ? server : null,
    ours: { type: "HTTP", spec: (lab, own) => ({ ...spec, url_path: path, port: port(lab, own) }), host: `${name}.`, port },
    theirs: (lab, own) => ({ module: httpModule(spec, null), target: `http://${name}:${port(lab, own)}${path}` }),
    verdict,
  };
};

export const nameCases: readonly Case[] = [
  named("200", "/", {}, "pass"),
  named("503", "/status/503", {}, "fail"),
  named("the text is there", says(ok), { receive_string: "is well" }, "pass"),
  named("the text is not there", says(ok), { receive_string: "is ill" }, "fail"),
  named("what must not be there is there", says(ok), { receive_string_absent: "well" }, "fail"),
  named("302, followed", "/redirect", { follow_redirects: true }, "pass"),
  named("302, not followed, 200 is expected", "/redirect", {}, "fail"),
  named("a loop, followed", "/loop", { follow_redirects: true }, "fail"),
  named("refused", (lab) => lab.closedPort, {}, "fail"),
  named("no handshake of TCP ends", (lab) => lab.frozenPort, {}, "fail"),
  named("never answers", nothing, {}, "fail"),
  named("closed when it opened", closes, {}, "fail"),
  named("reset after the request", resets, {}, "fail"),
  named("reset within the header", saysThenResets("HTTP/1.1 200 OK\r\nContent-"), {}, "fail"),
  named("no word of HTTP", says("220 mail.example.com ESMTP\r\n"), {}, "fail"),
  named(
    "a body that breaks off before the text",
    says("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nall is"),
    { receive_string: "well" },
    "fail",
  ),
  named(
    "the body in pieces, the text too late",
    drips(700, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", "all ", "is ", "well"),
    { receive_string: "is well" },
    "fail",
  ),
];
