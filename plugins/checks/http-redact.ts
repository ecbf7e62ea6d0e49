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

/** Every text that gives one away. */
function spellingsIn({ secret_headers = {}, credentials }: HttpSpec): string[] {
  const texts = Object.values(secret_headers);
  if (credentials !== undefined) {
    texts.push(authorizationOf(credentials).replace(/^[A-Za-z]+ /, ""));
    if ("password" in credentials) texts.push(credentials.password);
  }
  return [...new Set(texts.filter((text) => text.length >= shortest).flatMap(spellingsOf))];
}

/** As it is, as JSON has it, percent-encoded, and each long enough piece of it for itself: the key behind "Token", a cookie's value. */
function spellingsOf(secret: string): string[] {
  const quoted = JSON.stringify(secret).slice(1, -1);
  const ascii = quoted.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const wellFormed = secret.toWellFormed();
  const pieces = secret.split(/[\s;,]+/).flatMap((piece) => [piece, piece.replace(/^[^=]*=/, "")]);
  return [secret, quoted, ascii, encodeURI(wellFormed), encodeURIComponent(wellFormed), ...pieces.filter(({ length }) => length >= enough)];
}

export function redacted(text: string, spec: HttpSpec): string {
  const spellings = spellingsIn(spec);
  let told = "";
  let from = 0;
  for (let at = 0; at < text.length; ) {
    const length = Math.max(0, ...spellings.map((spelling) => matched(text, at, spelling)));
    if (length > 0) {
      told += `${text.slice(from, at)}***`;
      from = at + length;
    }
    at += Math.max(1, length);
  }
  return told + text.slice(from);
}

/** How much of the spelling stands there, if it is enough of it. */
function matched(text: string, at: number, spelling: string): number {
  let length = 0;
  while (length < spelling.length && text[at + length] === spelling[length]) length += 1;
  return length >= Math.min(enough, spelling.length) ? length : 0;
}
