/** What settings of a deployment may be, where a word of their own is enough to say it. */

import { canonicalName } from "./name.ts";

/** 32 bytes in base64. */
export const isEncryptionKey = (setting: string): boolean => /^[A-Za-z0-9+/]{43}=$/.test(setting);

/** PowerDNS shows it in a path: what needs no escape there, long enough that nobody guesses it. */
export const isPdnsSecret = (setting: string): boolean => /^[A-Za-z0-9_-]{32,256}$/.test(setting);

/** What is wrong with a setting that `npm start` would otherwise start with, and that then does not do what was meant; null where nothing is. Never shows a key. */
export function settingProblem(name: string, value: string | undefined): string | null {
  if (value === undefined || value === "") return null;
  switch (name) {
    case "KOSMOS_ENCRYPTION_KEY":
    case "KOSMOS_ENCRYPTION_KEY_PREVIOUS":
      return isEncryptionKey(value) ? null : `${name} must be 32 bytes in base64, as openssl rand -base64 32 makes them`;
    case "KOSMOS_PDNS_SECRET":
      return isPdnsSecret(value) ? null : `${name} must be 32 to 256 letters, digits, - or _, as openssl rand -hex 32 makes them`;
    case "KOSMOS_PDNS_NS": {
      const wrong = value.split(",").find((part) => canonicalName(part.trim()) === null);
      return wrong === undefined ? null : `${name} must be names separated by commas, and ${JSON.stringify(wrong)} is none`;
    }
    case "KOSMOS_RESOLVER_URL":
      return URL.canParse(value) && /^https?:/.test(value) ? null : `${name} must be a URL such as https://cloudflare-dns.com/dns-query`;
    case "KOSMOS_ALLOW_PRIVATE":
      return ["0", "1", "agents"].includes(value) ? null : `${name} must be empty, 0, 1 or agents, not ${JSON.stringify(value)}`;
    default:
      return null;
  }
}
