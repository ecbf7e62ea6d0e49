/** HTTP: statuses, redirects, bodies, framing, slowness, and answers that are none. */
import { gzipSync } from "node:zlib";
import { account } from "../servers/nginx.ts";
import {
  type Case,
  closes,
  drips,
  host,
  type Lab,
  nothing,
  resets,
  says,
  saysAndStays,
  saysThenResets,
  type Talk,
  timeoutMs,
} from "./case.ts";
import { httpModule } from "./translate.ts";

type Spec = Readonly<Record<string, unknown>>;
type More = { readonly module?: Spec; readonly host?: string; readonly scheme?: string };

/** `server`: a page of nginx, a port of the lab, or what a server of the case's own says. */
const http =
  (group: string) =>
  (title: string, server: string | ((lab: Lab) => number) | Talk, spec: Spec, verdict: Case["verdict"], more: More = {}): Case => {
    const at = more.host ?? host;
    const path = typeof server === "string" ? server : ((spec.url_path as string | undefined) ?? "/");
    const port = (lab: Lab, own: number) =>
      typeof server === "function" ? server(lab) : typeof server === "string" ? lab.nginx.http : own;
    return {
      group,
      title,
      server: typeof server === "object" ? server : null,
      ours: { type: "HTTP", spec: (lab, own) => ({ ...spec, url_path: path, port: port(lab, own) }), host: at, port },
      theirs: (lab, own) => ({ module: httpModule(spec, null, more.module), target: `http://${at}:${port(lab, own)}${path}` }),
      verdict,
    };
  };

const ok = (body: string, ...headers: string[]): string =>
  ["HTTP/1.1 200 OK", "Content-Type: text/plain", `Content-Length: ${body.length}`, ...headers, "", body].join("\r\n");
const head = (...lines: string[]): string => `${lines.join("\r\n")}\r\n\r\n`;
const chunked = head("HTTP/1.1 200 OK", "Transfer-Encoding: chunked");
const zipped = (body: Buffer): readonly (string | Buffer)[] => [
  head("HTTP/1.1 200 OK", "Content-Encoding: gzip", `Content-Length: ${body.length}`, "Connection: close"),
  body,
];
/** blackbox_exporter decodes only what it is told to. */
const decode = { module: { compression: "gzip", headers: { "Accept-Encoding": "gzip" } } };

const bodyIsNotRead =
  "Without a condition on the body, status line and headers decide ([api.md](api.md#monitor)): Kosmos does not read the rest. blackbox_exporter always reads the whole body.";

const statuses = http("HTTP: statuses");
const redirects = http("HTTP: redirects");
const bodies = http("HTTP: bodies");
const framing = http("HTTP: framing");
const broken = http("HTTP: answers that are none");
const slowness = http("HTTP: slowness");

export const httpCases: readonly Case[] = [
  statuses("200", "/", {}, "pass"),
  statuses("503", "/status/503", {}, "fail"),
  statuses("404, and 404 is expected", "/status/404", { expected_codes: [404] }, "pass"),
  statuses("204, and 200 is expected", "/status/204", {}, "fail"),
  statuses("204, and 200-299 is expected", "/status/204", { expected_codes: ["200-299"] }, "pass"),
  statuses("418, and 200-299 is expected", "/status/418", { expected_codes: ["200-299"] }, "fail"),
  statuses("200 to HEAD", "/", { http_method: "HEAD" }, "pass"),
  statuses("401 without credentials", "/private", {}, "fail"),
  statuses("the page behind a password", "/private", { credentials: account, receive_string: "secret page" }, "pass"),
  statuses("401 with a wrong password", "/private", { credentials: { ...account, password: "guessed" } }, "fail"),
  statuses("400 of a TLS port that is spoken to in plain text", (lab) => lab.nginx.https.good, {}, "fail"),
  statuses("100 Continue, then 200", says(`HTTP/1.1 100 Continue\r\n\r\n${ok("ok")}`), {}, "pass"),
  statuses("103 Early Hints, then 503", says(head("HTTP/1.1 103 Early Hints"), head("HTTP/1.1 503 No", "Content-Length: 0")), {}, "fail"),

  redirects("302, not followed, 200 is expected", "/redirect", {}, "fail"),
  redirects("302, not followed, 302 is expected", "/redirect", { expected_codes: [302] }, "pass"),
  redirects("302 to a good page, followed", "/redirect", { follow_redirects: true, receive_string: "status=ok" }, "pass"),
  redirects("307, then 302, followed", "/redirect/relative", { follow_redirects: true }, "pass"),
  redirects("a loop, followed", "/loop", { follow_redirects: true }, "fail"),
  redirects("five hops, five allowed", "/hops/5", { follow_redirects: true }, "pass"),
  redirects(
    "six hops, five allowed",
    "/hops/6",
    { follow_redirects: true },
    {
      kosmos: "fail",
      blackbox: "pass",
      because: "`max_redirects` is 5 unless it is set; blackbox_exporter follows ten and cannot be told otherwise.",
    },
  ),
  redirects(
    "302 to ftp://",
    says(head("HTTP/1.1 302 Found", "Location: ftp://127.0.0.1/", "Content-Length: 0")),
    { follow_redirects: true },
    "fail",
  ),
  redirects("302 without a Location, followed", says(head("HTTP/1.1 302 Found", "Content-Length: 0")), { follow_redirects: true }, "fail"),
  redirects(
    "302 to a Location that is no URL",
    says(head("HTTP/1.1 302 Found", "Location: http://[", "Content-Length: 0")),
    { follow_redirects: true },
    "fail",
  ),
  redirects(
    "302 to a port that is closed",
    says(head("HTTP/1.1 302 Found", "Location: http://127.0.0.1:1/", "Content-Length: 0")),
    { follow_redirects: true },
    "fail",
  ),
  redirects("304 is no redirect", "/status/304", { follow_redirects: true, expected_codes: [304] }, "pass"),

  bodies("the text is there", "/healthz", { receive_string: "status=ok" }, "pass"),
  bodies("the text is not there", "/healthz", { receive_string: "status=up" }, "fail"),
  bodies("the text in other letters", "/healthz", { receive_string: "STATUS=OK" }, "fail"),
  bodies("a text of special characters is taken literally", says(ok("a.c (1+1) [x] ^$")), { receive_string: "(1+1) [x] ^$" }, "pass"),
  bodies("a dot is a dot", says(ok("abc")), { receive_string: "a.c" }, "fail"),
  bodies("what must not be there is there", "/healthz", { receive_string_absent: "status=ok" }, "fail"),
  bodies("what must not be there is not there", "/healthz", { receive_string_absent: "error" }, "pass"),
  bodies("the right text, the wrong status", "/status/500", { receive_string: "Internal Server Error" }, "fail"),
  bodies("an empty body, and a text is expected", says(ok("")), { receive_string: "ok" }, "fail"),
  bodies(
    "the text behind the first 64 KiB",
    says(ok(`${"x".repeat(70_000)}here`)),
    { receive_string: "here" },
    {
      kosmos: "fail",
      blackbox: "pass",
      because: "Kosmos looks at the first 64 KiB of the decoded body ([api.md](api.md#monitor)); blackbox_exporter at all of it.",
    },
  ),
  bodies("10 MB, the text in front", "/big", { receive_string: "0123456789" }, "pass"),
  bodies("gzip, the text within", "/gzip", { receive_string: "and zipped" }, "pass", decode),
  bodies("gzip that nobody asked for", says(...zipped(gzipSync("all is well"))), { receive_string: "is well" }, "pass", decode),
  bodies("gzip in name only", says(...zipped(Buffer.from("all is well"))), { receive_string: "is well" }, "fail", decode),
  bodies(
    "gzip that breaks off before the text",
    says(...zipped(gzipSync(`${"x".repeat(3_000)}all is well`).subarray(0, 25))),
    { receive_string: "is well" },
    "fail",
    decode,
  ),
  bodies(
    "POST with a body, which comes back",
    saysAndStays(ok("taken")),
    { http_method: "POST", payload: { content_type: "text/plain", content: "take this" }, receive_string: "taken" },
    "pass",
  ),

  framing("chunks", says(chunked, "4\r\nall \r\n7\r\nis well\r\n0\r\n\r\n"), { receive_string: "all is well" }, "pass"),
  framing(
    "chunks with extensions and trailers",
    says(chunked, '4;a=b\r\nall \r\n7;c="d"\r\nis well\r\n0\r\nX-Sum: 1\r\n\r\n'),
    { receive_string: "all is well" },
    "pass",
  ),
  framing(
    "a chunk size that is no number, before the text",
    says(chunked, "zz\r\nall is well\r\n0\r\n\r\n"),
    { receive_string: "all is well" },
    "fail",
  ),
  framing(
    "a chunk size that is no number, no text expected",
    says(chunked, "zz\r\nall is well\r\n0\r\n\r\n"),
    {},
    {
      kosmos: "pass",
      blackbox: "fail",
      because: bodyIsNotRead,
    },
  ),
  framing("chunks that break off before the text", says(chunked, "4\r\nall \r\n7\r\nis"), { receive_string: "all is well" }, "fail"),
  framing(
    "a chunk longer than its size, before the text",
    says(chunked, "4\r\nall is well\r\n0\r\n\r\n"),
    { receive_string: "all is well" },
    "fail",
  ),
  framing(
    "Content-Length longer than the body",
    says(head("HTTP/1.1 200 OK", "Content-Length: 100"), "all is"),
    { receive_string: "all is well" },
    "fail",
  ),
  framing(
    "Content-Length longer than the body, no text expected",
    says(head("HTTP/1.1 200 OK", "Content-Length: 100"), "all is well"),
    {},
    {
      kosmos: "pass",
      blackbox: "fail",
      because: bodyIsNotRead,
    },
  ),
  framing(
    "Content-Length shorter than what is sent",
    says(head("HTTP/1.1 200 OK", "Content-Length: 6"), "all is well"),
    { receive_string: "all is" },
    "pass",
  ),
  framing(
    "the text behind the Content-Length",
    says(head("HTTP/1.1 200 OK", "Content-Length: 6"), "all is well"),
    { receive_string: "well" },
    "fail",
  ),
  framing(
    "two Content-Lengths that differ",
    says(head("HTTP/1.1 200 OK", "Content-Length: 3", "Content-Length: 11"), "all is well"),
    { receive_string: "all is well" },
    "fail",
  ),
  framing(
    "a Content-Length that is no number",
    says(head("HTTP/1.1 200 OK", "Content-Length: many"), "all is well"),
    { receive_string: "all is well" },
    "fail",
  ),
  framing(
    "no length, the end of the connection is the end",
    says(head("HTTP/1.1 200 OK"), "all is well"),
    { receive_string: "all is well" },
    "pass",
  ),
  framing("HTTP/1.0", says(head("HTTP/1.0 200 OK"), "all is well"), { receive_string: "all is well" }, "pass"),
  framing("a status line without a reason", says(head("HTTP/1.1 200", "Content-Length: 0")), {}, "pass"),
  framing(
    "200 header fields",
    says(head("HTTP/1.1 200 OK", ...Array.from({ length: 200 }, (_, n) => `X-${n}: ${n}`), "Content-Length: 0")),
    {},
    "pass",
  ),
  framing(
    "a header of 64 KiB",
    says(head("HTTP/1.1 200 OK", `X-Long: ${"x".repeat(65_536)}`, "Content-Length: 0")),
    {},
    {
      kosmos: "fail",
      blackbox: "pass",
      because:
        "Kosmos reads a header of 32 KiB at the most, as servers and clients usually do at 8 to 64; blackbox_exporter's library of 10 MB.",
    },
  ),
  framing("headers without end", { talk: flood, atOnce: false }, {}, "fail"),
  framing("header lines that end in a line feed alone", says("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), { receive_string: "ok" }, "pass"),

  broken("refused", (lab) => lab.closedPort, {}, "fail"),
  broken("an address that no way leads to", (lab) => lab.nginx.http, {}, "fail", { host: "255.255.255.255" }),
  broken("no handshake of TCP ends", (lab) => lab.frozenPort, {}, "fail"),
  broken("closed when it opened", closes, {}, "fail"),
  broken("closed after the request", "/close", {}, "fail"),
  broken("reset after the request", resets, {}, "fail"),
  broken("reset within the header", saysThenResets("HTTP/1.1 200 OK\r\nContent-"), {}, "fail"),
  broken("no word of HTTP", says("220 mail.example.com ESMTP\r\n"), {}, "fail"),
  broken("an SSH server", (lab) => lab.sshPort, {}, "fail"),
  broken("a status of two digits", says(head("HTTP/1.1 20 OK", "Content-Length: 0")), {}, "fail"),
  broken("a status that is no number", says(head("HTTP/1.1 OK", "Content-Length: 0")), {}, "fail"),
  broken("a body without a header", says("all is well\n"), { receive_string: "all is well" }, "fail"),
  broken("a header field without a colon", says(head("HTTP/1.1 200 OK", "no colon here", "Content-Length: 0")), {}, "fail"),
  broken("bytes of zero", says(Buffer.alloc(256)), {}, "fail"),
  broken("an answer of TLS", says(Buffer.from([21, 3, 1, 0, 2, 2, 70])), {}, "fail"),

  slowness("never answers", nothing, {}, "fail"),
  slowness("answers after 0.5 s", "/slow/0.5", {}, "pass"),
  slowness(`answers after 2 s, ${timeoutMs / 1_000} s are allowed`, "/slow/2", {}, "fail"),
  slowness(
    "the header in pieces, in time",
    drips(100, "HTTP/1.1 2", "00 OK\r\nConte", "nt-Length: 2\r\n", "\r\nok"),
    { receive_string: "ok" },
    "pass",
  ),
  slowness("the header in pieces, too late", drips(700, "HTTP/1.1 2", "00 OK\r\nConte", "nt-Length: 2\r\n", "\r\nok"), {}, "fail"),
  slowness(
    "the body in pieces, the text in time",
    drips(100, head("HTTP/1.1 200 OK", "Content-Length: 11"), "all ", "is ", "well"),
    { receive_string: "all is well" },
    "pass",
  ),
  slowness(
    "the body in pieces, the text too late",
    drips(700, head("HTTP/1.1 200 OK", "Content-Length: 11"), "all ", "is ", "well"),
    { receive_string: "all is well" },
    "fail",
  ),
  slowness("the body never ends, no text expected", "/drip", {}, { kosmos: "pass", blackbox: "fail", because: bodyIsNotRead }),
  slowness(
    "the text comes, the body never ends",
    saysAndStays(head("HTTP/1.1 200 OK", "Content-Length: 100"), "all is well"),
    { receive_string: "all is well" },
    {
      kosmos: "pass",
      blackbox: "fail",
      because: "Kosmos decides as soon as the text was read; blackbox_exporter wants the whole body first.",
    },
  ),
];

/** Header lines until the other side has enough. */
function flood(socket: Parameters<Talk["talk"]>[0]): void {
  const line = Buffer.from(`X-Flood: ${"x".repeat(8_000)}\r\n`.repeat(8));
  socket.write("HTTP/1.1 200 OK\r\n");
  const more = () => {
    while (socket.writable && socket.write(line));
    if (socket.writable) socket.once("drain", more);
  };
  more();
}
