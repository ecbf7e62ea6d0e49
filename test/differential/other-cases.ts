/** TLS, TCP, mail, SSH: handshakes, certificates, greetings. */
import { serverName } from "../servers/certificates.ts";
import { type Case, closes, drips, greets, host, type Lab, nothing, resets, script, site, type Talk } from "./case.ts";
import { httpModule, tcpModule, tlsModule } from "./translate.ts";

type Spec = Readonly<Record<string, unknown>>;
type Port = (lab: Lab) => number;
/** "ca", or the certificate that is to be trusted by itself. */
type Trust = "ca" | "self-signed" | null;

const pem = (lab: Lab, trust: Trust): Spec =>
  trust === null ? {} : { ca_cert: trust === "ca" ? lab.nginx.certificates.ca : lab.nginx.certificates.selfSigned };
const file = ({ nginx }: Lab, trust: Trust): string | null =>
  trust === null ? null : trust === "ca" ? nginx.certificates.paths.ca : nginx.certificates.paths["self-signed"].certificate;

const https = (title: string, server: Port | Talk, trust: Trust, spec: Spec, verdict: Case["verdict"]): Case => {
  const port = (lab: Lab, own: number) => (typeof server === "function" ? server(lab) : own);
  return {
    group: "HTTPS",
    title,
    server: typeof server === "function" ? null : server,
    ours: { type: "HTTPS", spec: (lab, own) => ({ ...spec, ...pem(lab, trust), port: port(lab, own) }), port },
    theirs: (lab, own) => ({ module: httpModule(spec, file(lab, trust)), target: `https://${host}:${port(lab, own)}/` }),
    verdict,
  };
};

const tls = (title: string, server: Port | Talk, trust: Trust, spec: Spec, verdict: Case["verdict"]): Case => {
  const port = (lab: Lab, own: number) => (typeof server === "function" ? server(lab) : own);
  return {
    group: "TLS",
    title,
    server: typeof server === "function" ? null : server,
    ours: { type: "TLS", spec: (lab, own) => ({ ...spec, ...pem(lab, trust), port: port(lab, own) }), port },
    theirs: (lab, own) => ({ module: tlsModule(spec, file(lab, trust)), target: `${host}:${port(lab, own)}` }),
    verdict,
  };
};

/** `talk`: blackbox_exporter's own way to ask the same. */
const overTcp =
  (group: string, type: string) =>
  (title: string, server: Port | Talk, spec: Spec, talk: readonly Spec[], verdict: Case["verdict"]): Case => {
    const port = (lab: Lab, own: number) => (typeof server === "function" ? server(lab) : own);
    return {
      group,
      title,
      server: typeof server === "function" ? null : server,
      ours: { type, spec: (lab, own) => ({ ...spec, port: port(lab, own) }), port },
      theirs: (lab, own) => ({ module: tcpModule(talk), target: `${host}:${port(lab, own)}` }),
      verdict,
    };
  };

const tcp = overTcp("TCP", "TCP");
const mail = overTcp("SMTP", "SMTP");
const ssh = overTcp("SSH", "SSH");

const name = { sni: serverName };
const expired = "an expired certificate";
const plain: Port = ({ nginx }) => nginx.http;

const tlsCases: readonly Case[] = [
  https("a good certificate of one's own authority", site("good"), "ca", name, "pass"),
  https("the same by its address, without a name", site("good"), "ca", {}, "pass"),
  https("an RSA key", site("rsa"), "ca", name, "pass"),
  https("an authority that nobody knows", site("good"), null, name, "fail"),
  https("another authority than the one that is trusted", site("otherCa"), "ca", name, "fail"),
  https(expired, site("expired"), "ca", name, "fail"),
  https(`${expired}, and none is verified`, site("expired"), null, { insecure: true }, "pass"),
  https("a certificate that expires in six days", site("soon"), "ca", { ...name }, "pass"),
  https("a certificate for another name", site("wrongName"), "ca", name, "fail"),
  https("a certificate for another name, and that name is asked for", site("wrongName"), "ca", { sni: "other.invalid" }, "pass"),
  https("a certificate for another name, and none is verified", site("wrongName"), null, { insecure: true }, "pass"),
  https("signed by itself", site("selfSigned"), "ca", name, "fail"),
  https("signed by itself, and trusted", site("selfSigned"), "self-signed", name, "pass"),
  https("signed by itself, and none is verified", site("selfSigned"), null, { insecure: true }, "pass"),
  https("TLS 1.2 alone", site("tls12"), "ca", name, "pass"),
  https("TLS 1.3 alone", site("tls13"), "ca", name, "pass"),
  https("TLS 1.0 alone", site("tls10"), "ca", name, "fail"),
  https("TLS 1.0 alone, and no certificate is verified", site("tls10"), null, { insecure: true }, "fail"),
  https("a client's certificate is wanted: 400", site("clientCertificate"), "ca", name, "fail"),
  https(
    "a client's certificate is wanted, and 400 is expected",
    site("clientCertificate"),
    "ca",
    { ...name, expected_codes: [400] },
    "pass",
  ),
  https("the text is there", site("good"), "ca", { ...name, receive_string: "ok" }, "pass"),
  https("the text is not there", site("good"), "ca", { ...name, receive_string: "up" }, "fail"),
  https("a port that speaks plain HTTP", plain, "ca", name, "fail"),
  https("a handshake that is never answered", nothing, "ca", name, "fail"),
  https("closed within the handshake", { talk: (socket) => socket.end(), atOnce: false }, "ca", name, "fail"),
  https("reset within the handshake", resets, "ca", name, "fail"),
  https("a handshake of random bytes", { talk: (socket) => socket.write(Buffer.alloc(300, 0x5a)), atOnce: false }, "ca", name, "fail"),
  https("refused", (lab) => lab.closedPort, "ca", name, "fail"),
  https("no handshake of TCP ends", (lab) => lab.frozenPort, "ca", name, "fail"),
  tls("a good certificate", site("good"), "ca", name, "pass"),
  tls(expired, site("expired"), "ca", name, "fail"),
  tls("signed by itself", site("selfSigned"), "ca", name, "fail"),
  tls("signed by itself, and none is verified", site("selfSigned"), null, { insecure: true }, "pass"),
  tls("a certificate for another name", site("wrongName"), "ca", name, "fail"),
  tls("TLS 1.0 alone", site("tls10"), "ca", name, "fail"),
  tls("a port that speaks plain HTTP", plain, "ca", name, "fail"),
  tls("a handshake that is never answered", nothing, "ca", name, "fail"),
];

const tcpCases: readonly Case[] = [
  tcp("it opens", plain, {}, [], "pass"),
  tcp("refused", (lab) => lab.closedPort, {}, [], "fail"),
  tcp("half open: no handshake ends", (lab) => lab.frozenPort, {}, [], "fail"),
  tcp("closed when it opened, and nothing is expected", closes, {}, [], "pass"),
  tcp("a greeting", greets("+OK ready\r\n"), { receive_string: "+OK" }, [{ expect: "\\+OK" }], "pass"),
  tcp("another greeting", greets("-ERR full\r\n"), { receive_string: "+OK" }, [{ expect: "\\+OK" }], "fail"),
  tcp(
    "a greeting in pieces",
    { ...drips(100, "+O", "K re", "ady\r\n"), atOnce: true },
    { receive_string: "+OK ready" },
    [{ expect: "\\+OK ready" }],
    "pass",
  ),
  tcp("a greeting in the third line", greets("one\r\ntwo\r\n+OK\r\n"), { receive_string: "+OK" }, [{ expect: "\\+OK" }], "pass"),
  tcp("a greeting without the end of its line, and kept open", greets("+OK ready"), { receive_string: "+OK" }, [{ expect: "\\+OK" }], {
    kosmos: "pass",
    blackbox: "fail",
    because: "Kosmos decides as soon as the text was heard; blackbox_exporter waits for the end of the line, which never comes.",
  }),
  tcp("silence, and a greeting is expected", nothing, { receive_string: "+OK" }, [{ expect: "\\+OK" }], "fail"),
  tcp("closed when it opened, and a greeting is expected", closes, { receive_string: "+OK" }, [{ expect: "\\+OK" }], "fail"),
  tcp(
    "redis answers PING",
    (lab) => lab.redisPort,
    { send: "PING\r\n", receive_string: "+PONG" },
    [{ send: "PING\r" }, { expect: "\\+PONG" }],
    "pass",
  ),
  tcp(
    "redis does not know the word",
    (lab) => lab.redisPort,
    { send: "PONG\r\n", receive_string: "+PONG" },
    [{ send: "PONG\r" }, { expect: "^\\+PONG" }],
    "fail",
  ),
  tcp(
    "reset after the question",
    resets,
    { send: "PING\r\n", receive_string: "+PONG" },
    [{ send: "PING\r" }, { expect: "\\+PONG" }],
    "fail",
  ),
];

/** As a Postfix monitor of blackbox_exporter does it. */
const hello = [{ expect: "^220 ", send: "EHLO kosmos.invalid\r" }, { expect: "^250 " }, { send: "QUIT\r" }];
const helloStarttls = [
  { expect: "^220 ", send: "EHLO kosmos.invalid\r" },
  { expect: "^250[- ]STARTTLS" },
  { send: "STARTTLS\r" },
  { expect: "^220 " },
];
const extended = "250-mail.example.com\r\n250-SIZE 1000\r\n250 8BITMIME\r\n";

const mailCases: readonly Case[] = [
  mail("a real server", (lab) => lab.mailPort, {}, hello, "pass"),
  mail("a real server offers STARTTLS", (lab) => lab.mailPort, { starttls: true }, helloStarttls, "pass"),
  mail("a real server without STARTTLS", (lab) => lab.plainMailPort, {}, hello, "pass"),
  mail("STARTTLS is expected and not offered", (lab) => lab.plainMailPort, { starttls: true }, helloStarttls, "fail"),
  mail(
    "STARTTLS is offered and refused",
    script("220 mail\r\n", "250-mail\r\n250-STARTTLS\r\n250 SIZE\r\n", "454 no TLS now\r\n"),
    { starttls: true },
    helloStarttls,
    "fail",
  ),
  mail("greeted with 554", script("554 no service\r\n", extended), {}, hello, "fail"),
  mail("greeted with 421", script("421 try later\r\n"), {}, hello, "fail"),
  mail("greeted in HTTP", script("HTTP/1.1 400 Bad Request\r\n\r\n"), {}, hello, "fail"),
  mail("a greeting in lines", script("220-welcome\r\n220-to the\r\n220 mail\r\n", extended, "221 bye\r\n"), {}, hello, "pass"),
  mail("no greeting", nothing, {}, hello, "fail"),
  mail("closed when it opened", closes, {}, hello, "fail"),
  mail("EHLO is refused for good", script("220 mail\r\n", "550 not you\r\n", "550 not you\r\n"), {}, hello, "fail"),
  mail("EHLO is never answered", script("220 mail\r\n", ""), {}, hello, "fail"),
  mail("EHLO is unknown, HELO is answered", script("220 mail\r\n", "502 unknown\r\n", "250 mail\r\n", "221 bye\r\n"), {}, hello, {
    kosmos: "pass",
    blackbox: "fail",
    because:
      "A server of before 1995 is a mail server as well: Kosmos falls back to HELO (RFC 5321, 3.2), for which blackbox_exporter's scripts have no words.",
  }),
  mail(
    "a STARTTLS that is only mentioned",
    script("220 mail\r\n", "250-mail\r\n250-X-STARTTLS-SOON\r\n250 SIZE\r\n", "220 go\r\n"),
    { starttls: true },
    helloStarttls,
    "fail",
  ),
];

const banner = [{ expect: "^SSH-2.0-" }];
const sshCases: readonly Case[] = [
  ssh("OpenSSH", (lab) => lab.sshPort, {}, banner, "pass"),
  ssh("lines before the banner", greets("welcome\r\nto this machine\r\nSSH-2.0-x\r\n"), {}, banner, "pass"),
  ssh("the old protocol alone", greets("SSH-1.5-x\r\n"), {}, banner, "fail"),
  ssh("both protocols", greets("SSH-1.99-x\r\n"), {}, banner, {
    kosmos: "pass",
    blackbox: "fail",
    because: "1.99 means that protocol 2 is spoken as well (RFC 4253, 5.1); the usual module of blackbox_exporter does not know that.",
  }),
  ssh("no banner", nothing, {}, banner, "fail"),
  ssh("a mail server", (lab) => lab.mailPort, {}, banner, "fail"),
  ssh("a banner that breaks off", { talk: (socket) => socket.end("SSH-2."), atOnce: true }, {}, banner, "fail"),
];

export const otherCases: readonly Case[] = [...tlsCases, ...tcpCases, ...mailCases, ...sshCases];
