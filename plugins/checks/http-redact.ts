/**
 * Takes a monitor's own secrets out of what is told about an answer: there are servers that say back what they were sent, and details are stored
 * and shown to whoever may read.
 */
import { authorizationOf } from "./http-headers.ts";
import type { HttpSpec } from "./http-spec.ts";

/** Shorter ones are in every other text by chance. */
const shortest = 4;
/** As much of the beginning of a longer one is the secret, too: what is told is often cut. */
const enough = 8;

/** Every text that gives one away, the longest first. */
function secretsOf({ secret_headers = {}, credentials }: HttpSpec): string[] {
  const texts = Object.values(secret_headers);
  if (credentials !== undefined) {
    texts.push(authorizationOf(credentials).replace(/^[A-Za-z]+ /, ""));
    if ("password" in credentials) texts.push(credentials.password);
  }
  return texts.filter((text) => text.length >= shortest).sort((a, b) => b.length - a.length);
}

export function redacted(text: string, spec: HttpSpec): string {
  let rest = text;
  for (const secret of secretsOf(spec)) rest = without(rest, secret);
  return rest;
}

function without(text: string, secret: string): string {
  const begins = secret.slice(0, enough);
  let told = "";
  let from = 0;
  for (let at = text.indexOf(begins); at !== -1; at = text.indexOf(begins, from)) {
    let end = at + begins.length;
    while (end - at < secret.length && text[end] === secret[end - at]) end += 1;
    told += `${text.slice(from, at)}***`;
    from = end;
  }
  return told + text.slice(from);
}
