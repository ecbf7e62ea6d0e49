/**
 * Keystone v3 as a client: one token for everything that is asked of a cloud, renewed before it runs out and once where a service no longer knows
 * it, and the catalogue that came with it (docs.openstack.org/api-ref/identity/v3). It says what failed as backends do; who asks makes his own
 * words of that. Neither token nor secret is ever in a message.
 */
import { z } from "zod";
import { BackendFailure, type BackendIo } from "../../domain/backend.ts";
import { limits } from "../../domain/limits.ts";
import { text } from "../../domain/schema.ts";
import { failureOf, type HttpAnswer, type HttpRequest, isOk, jsonOf, request } from "../backends/http.ts";

const filled = (maximum: number) => text(maximum).min(1, { error: "must not be empty" });

/** An application credential belongs to one project, so it names none. */
export const applicationCredential = z.strictObject({
  application_credential_id: filled(limits.nameLength),
  application_credential_secret: filled(limits.bearerTokenLength),
});
export type ApplicationCredential = z.output<typeof applicationCredential>;
const passwordOfUser = z.strictObject({
  username: filled(limits.nameLength),
  password: filled(limits.bearerTokenLength),
  project_name: filled(limits.nameLength),
  user_domain_name: filled(limits.nameLength).default("Default"),
  project_domain_name: filled(limits.nameLength).default("Default"),
});
const either =
  "must be {application_credential_id, application_credential_secret} or {username, password, project_name, user_domain_name, project_domain_name}";
export const keystoneCredentials = z.union([applicationCredential, passwordOfUser], { error: either });
export type KeystoneCredentials = z.output<typeof keystoneCredentials>;

/** Keystone's root as clients write it. */
export const authUrl = z
  .url({ protocol: /^https?$/, error: "must be an http or https URL that ends in /v3" })
  .regex(/\/v3\/?$/, { error: "must end in /v3" });

export type KeystoneIo = Pick<BackendIo, "fetch" | "signal" | "now" | "kept">;
export type KeystoneAccount = { readonly authUrl: string; readonly credentials: KeystoneCredentials };

/** Which of a service's endpoints; without a region the first. `type` as in the service types authority: "dns", "network", "load-balancer". */
export type ServiceWanted = {
  readonly type: string;
  readonly interface?: "public" | "internal" | "admin";
  readonly region?: string;
};

export type KeystoneSession = {
  /** One request with a token. The answer may be any but 401: then `BackendFailure` (credentials) is thrown, after a fresh token was tried. */
  request(wanted: HttpRequest): Promise<HttpAnswer>;
  /** A service's root out of the catalogue, without a slash at its end. Throws `BackendFailure` (not-found) where it has none. */
  endpoint(wanted: ServiceWanted): Promise<string>;
  /** Asks for a token, if there is none, and says until when it is good: Unix ms. */
  login(): Promise<{ readonly expiresAt: number }>;
};

const catalogue = z.array(
  z.object({
    type: z.string(),
    endpoints: z.array(
      z.object({
        interface: z.string(),
        url: z.string(),
        region_id: z.string().nullish(),
        region: z.string().nullish(),
      }),
    ),
  }),
);
const tokenBody = z.object({
  token: z.object({
    expires_at: z.iso.datetime({ offset: true }),
    issued_at: z.iso.datetime({ offset: true }),
    catalog: catalogue.default([]),
  }),
});
type Token = { readonly id: string; readonly expiresAt: number; readonly renewAt: number; readonly catalogue: z.output<typeof catalogue> };

/** How long before its end a token is renewed; of a short life a tenth. */
const renewEarlyMs = 60_000;

/** What asks at the same time shares one renewal; the token outlives the session in `io.kept`. */
export function keystoneSession(account: KeystoneAccount, io: KeystoneIo): KeystoneSession {
  const root = account.authUrl.replace(/\/+$/, "");
  const key = `keystone ${root}`;
  let renewal: Promise<Token> | null = null;
  const kept = () => io.kept.get(key) as Token | undefined;
  const renew = (): Promise<Token> => {
    renewal ??= authenticate(root, account.credentials, io)
      .then((token) => {
        io.kept.set(key, token);
        return token;
      })
      .finally(() => {
        renewal = null;
      });
    return renewal;
  };
  const current = async (): Promise<Token> => {
    const token = kept();
    return token === undefined || io.now() >= token.renewAt ? renew() : token;
  };
  const refused = (token: Token): Promise<Token> => {
    // Somebody else may have been told the same, and have a new one already.
    if (kept()?.id === token.id) io.kept.delete(key);
    return current();
  };
  const ask = (token: Token, wanted: HttpRequest) => request(io, { ...wanted, headers: { ...wanted.headers, "X-Auth-Token": token.id } });

  return {
    request: async (wanted) => {
      const token = await current();
      const first = await ask(token, wanted);
      if (first.status !== 401) return first;
      const second = await ask(await refused(token), wanted);
      if (second.status !== 401) return second;
      const { host } = new URL(wanted.url);
      throw new BackendFailure({
        class: "credentials",
        detail: `${host} does not take a fresh token: ${failureOf(second, io.now()).detail}`,
      });
    },
    endpoint: async (wanted) => endpointIn((await current()).catalogue, wanted),
    login: async () => ({ expiresAt: (await current()).expiresAt }),
  };
}

async function authenticate(root: string, credentials: KeystoneCredentials, io: KeystoneIo): Promise<Token> {
  const askedAt = io.now();
  const answer = await request(io, { method: "POST", url: `${root}/auth/tokens`, json: { auth: authOf(credentials) } });
  if (!isOk(answer)) throw failed(failureOf(answer, io.now(), saidBy(answer)));
  const id = answer.headers.get("X-Subject-Token");
  const body = tokenBody.safeParse(jsonOf(answer));
  if (id === null || !body.success) throw failed({ class: "retry", detail: "its answer has no token" });
  const { expires_at, issued_at, catalog } = body.data.token;
  // By its own two clocks: ours may be another.
  const lifeMs = Math.max(0, Date.parse(expires_at) - Date.parse(issued_at));
  const expiresAt = askedAt + lifeMs;
  return { id, expiresAt, renewAt: expiresAt - Math.min(renewEarlyMs, lifeMs / 10), catalogue: catalog };
}

function authOf(credentials: KeystoneCredentials) {
  if ("application_credential_id" in credentials) {
    const { application_credential_id: id, application_credential_secret: secret } = credentials;
    return { identity: { methods: ["application_credential"], application_credential: { id, secret } } };
  }
  const { username, password, project_name, user_domain_name, project_domain_name } = credentials;
  return {
    identity: { methods: ["password"], password: { user: { name: username, password, domain: { name: user_domain_name } } } },
    scope: { project: { name: project_name, domain: { name: project_domain_name } } },
  };
}

function endpointIn(services: Token["catalogue"], { type, interface: kind = "public", region }: ServiceWanted): string {
  const endpoints = services.filter((service) => service.type === type).flatMap((service) => service.endpoints);
  const found = endpoints.find((endpoint) => endpoint.interface === kind && (region === undefined || regionOf(endpoint) === region));
  if (found !== undefined) return found.url.replace(/\/+$/, "");
  const wanted = `no ${kind} endpoint of type ${type}${region === undefined ? "" : ` in region ${region}`}`;
  throw failed({ class: "not-found", detail: `its catalogue has ${wanted}` });
}

const regionOf = ({ region_id, region }: { region_id?: string | null | undefined; region?: string | null | undefined }) =>
  region_id ?? region;

const saidBy = (answer: HttpAnswer): string | undefined => {
  const body = z.object({ error: z.object({ message: z.string() }) }).safeParse(jsonOf(answer));
  return body.success ? body.data.error.message : undefined;
};

const failed = (failure: BackendFailure["failure"]) => new BackendFailure({ ...failure, detail: `Keystone: ${failure.detail}` });
