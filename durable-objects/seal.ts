/**
 * Secrets at rest: AES-256-GCM (NIST SP 800-38D) with the deployment's key, bound to where the secret belongs, so that a ciphertext that was
 * moved elsewhere does not open. A sealed text names its key, so that two keys can be there while one is being replaced.
 */
import { fail, ok, type Result } from "../domain/result.ts";
import { isEncryptionKey } from "../domain/settings.ts";

export type SealingKeys = {
  /** Base64, 32 bytes: what new secrets are sealed with. */
  readonly KOSMOS_ENCRYPTION_KEY?: string;
  /** What older ones were sealed with. */
  readonly KOSMOS_ENCRYPTION_KEY_PREVIOUS?: string;
};

type Key = { readonly id: string; readonly key: CryptoKey };

const ivBytes = 12;

/** `v1.<key>.<iv and ciphertext>`. `place` says where it belongs: "default/monitor/credentials". */
export async function seal(text: string, place: string, keys: SealingKeys): Promise<Result<string, string>> {
  const current = await importKey("KOSMOS_ENCRYPTION_KEY", keys.KOSMOS_ENCRYPTION_KEY);
  if (!current.ok) return current;
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const algorithm = { name: "AES-GCM", iv, additionalData: encode(place) };
  const ciphertext = new Uint8Array(await crypto.subtle.encrypt(algorithm, current.value.key, encode(text)));
  const bytes = new Uint8Array(iv.length + ciphertext.length);
  bytes.set(iv);
  bytes.set(ciphertext, iv.length);
  return ok(`v1.${current.value.id}.${toBase64(bytes)}`);
}

export async function open(sealed: string, place: string, keys: SealingKeys): Promise<Result<string, string>> {
  const [version, id, body] = sealed.split(".");
  if (version !== "v1" || id === undefined || body === undefined) return fail("a stored secret cannot be read");
  const problems: string[] = [];
  for (const name of ["KOSMOS_ENCRYPTION_KEY", "KOSMOS_ENCRYPTION_KEY_PREVIOUS"] as const) {
    const key = await importKey(name, keys[name]);
    if (!key.ok) {
      if (name === "KOSMOS_ENCRYPTION_KEY") problems.push(key.error);
      continue;
    }
    if (key.value.id !== id) continue;
    try {
      const bytes = fromBase64(body);
      const algorithm = { name: "AES-GCM", iv: bytes.subarray(0, ivBytes), additionalData: encode(place) };
      return ok(new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key.value.key, bytes.subarray(ivBytes))));
    } catch {
      return fail("a stored secret does not open: it was damaged, or moved");
    }
  }
  return fail(problems[0] ?? "a stored secret was sealed with a key that is not there any more");
}

/** Where a flavor's credentials belong. */
export const flavorPlace = (name: string): string => `deployment/flavor/${name}`;

/** Where a cloud's credentials belong. */
export const cloudPlace = (name: string): string => `deployment/cloud/${name}`;

/** A monitor's secrets by their field, each sealed for its project and field: what is stored as `sealed`. */
export async function sealSecrets(
  secrets: Readonly<Record<string, unknown>>,
  project: string,
  keys: SealingKeys,
): Promise<Result<Record<string, string>, string>> {
  const sealed: Record<string, string> = {};
  for (const [field, value] of Object.entries(secrets)) {
    const text = await seal(JSON.stringify(value), secretPlace(project, field), keys);
    if (!text.ok) return text;
    sealed[field] = text.value;
  }
  return ok(sealed);
}

/** A monitor's fields with the secrets of `sealed` in their places, as its plugin knows them. Fails with the reason when one does not open. */
export async function openSpec(
  spec: Readonly<Record<string, unknown>>,
  project: string,
  keys: SealingKeys,
): Promise<Result<Readonly<Record<string, unknown>>, string>> {
  if (!Object.hasOwn(spec, "sealed")) return ok(spec);
  const { sealed, ...plainFields } = spec;
  const opened: Record<string, unknown> = plainFields;
  if (sealed === null || sealed === undefined) return ok(opened);
  if (typeof sealed !== "object") return fail("the stored secrets cannot be read");
  for (const [field, text] of Object.entries(sealed)) {
    const plain = typeof text === "string" ? await open(text, secretPlace(project, field), keys) : fail("a stored secret cannot be read");
    if (!plain.ok) return fail(`${field}: ${plain.error}`);
    try {
      opened[field] = JSON.parse(plain.value);
    } catch {
      return fail(`${field}: a stored secret cannot be read`);
    }
  }
  return ok(opened);
}

const secretPlace = (project: string, field: string): string => `${project}/monitor/${field}`;

const known = new Map<string, Promise<Result<Key, string>>>();

function importKey(name: string, setting: string | undefined): Promise<Result<Key, string>> {
  if (setting === undefined || setting === "") return Promise.resolve(fail(`${name} is not set in this deployment`));
  let imported = known.get(setting);
  if (imported === undefined) {
    imported = importBytes(name, setting);
    known.set(setting, imported);
  }
  return imported;
}

async function importBytes(name: string, setting: string): Promise<Result<Key, string>> {
  if (!isEncryptionKey(setting)) return fail(`${name} must be 32 bytes in base64`);
  const bytes = fromBase64(setting);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const id = [...digest.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return ok({ id, key: await crypto.subtle.importKey("raw", bytes, "AES-GCM", false, ["encrypt", "decrypt"]) });
}

const encode = (text: string) => new TextEncoder().encode(text);
const toBase64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
const fromBase64 = (text: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
