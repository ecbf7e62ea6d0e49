/**
 * What Cloudflare answers in an origin's place to a `fetch` (developers.cloudflare.com/support/troubleshooting/http-status-codes/). 520 to 530 say
 * what became of its own way to the origin, which is what any client would meet; a few codes say that a Worker may not ask at all.
 */

/** Whether the status is Cloudflare's, never the origin's word. */
export const isCloudflares = (status: number): boolean => status >= 520 && status <= 530;

const words: Readonly<Record<number, string>> = {
  520: "the origin's answer was empty, broke off or was not HTTP",
  521: "the origin refused the connection",
  522: "the origin did not take the connection in time",
  523: "the origin is unreachable",
  524: "the origin took the connection and did not answer in time",
  525: "the TLS handshake with the origin failed",
  526: "the origin's certificate is expired, for another name, or of an unknown authority",
};

const codes: Readonly<Record<number, string>> = {
  1000: "the name leads to an address of Cloudflare's own",
  1016: "the name does not resolve",
  1033: "the origin's tunnel is not connected",
};

/** What a status from 520 to 530 says of the origin; `body` tells more of 530. */
export function originTrouble(status: number, body: string): string {
  const code = status === 530 ? codeIn(body) : null;
  const said = code === null ? words[status] : codes[code];
  return `${said ?? "no valid answer from the origin"} (${code === null ? status : `${status}, error ${code}`})`;
}

/** A page of Cloudflare's says it in HTML, an answer to a program in one line: "error code: 1016". */
const codeIn = (body: string): number | null => {
  const [, code] = /\berror(?: code)?:?\s{0,8}(1[0-9]{3})\b/i.exec(body) ?? [];
  return code === undefined ? null : Number(code);
};

/** A bare address, too many Workers in a row, a host or an address that Workers may not ask, a Worker of the same zone. */
const refusals: ReadonlySet<number> = new Set([1003, 1019, 1021, 1024, 1042]);

/** The code with which Cloudflare refused to let this Worker ask; null: it did not, the answer is the origin's. */
export function refusalIn(body: string): number | null {
  const [, code] = /^error code: (1[0-9]{3})\s*$/.exec(body) ?? [];
  return code !== undefined && refusals.has(Number(code)) ? Number(code) : null;
}
