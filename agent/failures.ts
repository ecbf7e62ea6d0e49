/**
 * What Node and OpenSSL say of a connection that did not open, in words fit to be shown; and which of it is this machine's own trouble, so that
 * no endpoint is blamed for it.
 */
import { constants, type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import { type AddressFamily, addressFamily } from "../domain/address.ts";
import { ConnectFailure, VantageRefusal } from "../domain/check.ts";

/** Errors of connect(2) and getaddrinfo(3) that tell of the other side, or of the way there. */
const ofTheOther: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ECONNABORTED: "connection aborted",
  EPIPE: "connection reset",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "no route to host",
  EHOSTDOWN: "host is down",
};

/** docs.openssl.org/master/man1/openssl-verification-options/, as Node names them. */
const certificates: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "the certificate has expired",
  CERT_NOT_YET_VALID: "the certificate is not yet valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "the certificate is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "the certificate is from an unknown authority (self-signed certificate in the chain)",
  UNABLE_TO_GET_ISSUER_CERT: "the certificate is from an unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "the certificate is from an unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "the certificate is from an unknown authority",
  CERT_UNTRUSTED: "the certificate is from an unknown authority",
  CERT_SIGNATURE_FAILURE: "the certificate's signature is wrong",
  CERT_REVOKED: "the certificate is revoked",
  INVALID_CA: "the certificate's authority may not sign certificates",
  INVALID_PURPOSE: "the certificate is not one for servers",
  PATH_LENGTH_EXCEEDED: "the certificate's chain is too long",
  CERT_CHAIN_TOO_LONG: "the certificate's chain is too long",
  HOSTNAME_MISMATCH: "the certificate is for another name",
};

/** OpenSSL's words for what went wrong in a handshake, by the end of Node's code. */
const handshakes: readonly [RegExp, string][] = [
  [
    /UNSUPPORTED_PROTOCOL|ALERT_PROTOCOL_VERSION|VERSION_TOO_LOW|NO_PROTOCOLS_AVAILABLE/,
    "the other side's TLS is too old: nothing from 1.2 on",
  ],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL|BAD_RECORD_TYPE/, "the other side does not speak TLS"],
  [/NO_APPLICATION_PROTOCOL/, "the other side speaks none of the protocols that were offered (ALPN)"],
  [/UNRECOGNIZED_NAME/, "the other side does not know the name (SNI)"],
  [/CERTIFICATE_REQUIRED|ALERT_BAD_CERTIFICATE|ALERT_UNKNOWN_CA/, "the other side wants a certificate of ours"],
];

/** Of a connection to an address; `inHandshake`: TCP had opened. */
export function connectFailure(error: NodeJS.ErrnoException, address: string, inHandshake = false): ConnectFailure | VantageRefusal {
  const code = error.code ?? "";
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID") return new ConnectFailure(wrongName(error));
  const certificate = certificates[code];
  if (certificate !== undefined) return new ConnectFailure(certificate);
  if (code.startsWith("ERR_SSL_")) return new ConnectFailure(handshakeWords(code));
  if (inHandshake && (code === "ECONNRESET" || code === "EPIPE")) return new ConnectFailure("the other side ended the handshake");
  const words = ofTheOther[code];
  if (words !== undefined) return new ConnectFailure(words);
  if (code === "ENETUNREACH") return unreachable(address);
  // What is no system call's is OpenSSL's or Node's word on the certificate: UNSPECIFIED stands for all that Node has no name for.
  if (inHandshake && code !== "" && !Object.hasOwn(constants.errno, code)) {
    return new ConnectFailure(`the TLS handshake failed: ${error.message.slice(0, 120) || code}`);
  }
  // EMFILE, ENOBUFS, EACCES, EPERM, EADDRNOTAVAIL, …: nothing that the endpoint has done.
  return new VantageRefusal(`this agent could not open a connection: ${code === "" ? error.message : code}`);
}

const families: Readonly<Record<AddressFamily, string>> = { 4: "IPv4", 6: "IPv6" };

/** Without any address of the family the trouble is ours, with one it is on the way. */
export function unreachable(address: string): ConnectFailure | VantageRefusal {
  const family = addressFamily(address);
  if (family === null || outerFamilies().includes(family)) return new ConnectFailure("no route to the network");
  return new VantageRefusal(`this agent has no ${families[family]}`);
}

/** The families in which this machine has any address, loopback among them. */
export const ownFamilies = (): AddressFamily[] => familiesOf(() => true);

/** The same besides loopback and link-local ones: those in which it can reach others. */
const outerFamilies = (): AddressFamily[] => familiesOf(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address));

function familiesOf(counts: (address: NetworkInterfaceInfo) => boolean): AddressFamily[] {
  const addresses = Object.values(networkInterfaces()).flatMap((ofOne) => ofOne ?? []);
  return ([4, 6] as const).filter((family) => addresses.some((each) => each.family === families[family] && counts(each)));
}

/** Node's message ends with what the certificate has: "… Host: a. is not in the cert's altnames: DNS:b". */
function wrongName(error: Error & { readonly reason?: string }): string {
  const names = /altnames: (.*)$|cert's CN: (.*)$|cert's list: (.*)$/s
    .exec(error.reason ?? error.message)
    ?.slice(1)
    .find(Boolean)
    ?.trim();
  return names ? `the certificate is for another name: ${names.slice(0, 100)}` : "the certificate is for another name";
}

function handshakeWords(code: string): string {
  const known = handshakes.find(([pattern]) => pattern.test(code))?.[1];
  if (known !== undefined) return known;
  const words = code
    .replace(/^ERR_SSL_/, "")
    .replaceAll("_", " ")
    .toLowerCase();
  return `the other side ended the handshake: ${words}`;
}
