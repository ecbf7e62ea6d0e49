/**
 * A Keystone that is only a `fetch`: as strict about what it is asked as the real one (docs.openstack.org/api-ref/identity/v3), with a clock of the
 * test's, and faults on request. Services beside it ask `knows` whether a token is good.
 */
import { z } from "zod";

export type KeystoneDouble = {
  readonly url: string;
  readonly fetch: typeof fetch;
  /** How many tokens were asked for, good ones or not. */
  logins(): number;
  knows(token: string | null): boolean;
  /** From now on no token that was given is any. */
  revokeAll(): void;
  /** What it answers instead, until it is null again. */
  outage: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string } | null;
};

export type KeystoneDoubleOptions = {
  readonly now: () => number;
  readonly tokenSeconds?: number;
  /** How far its clock is ahead of the test's. */
  readonly aheadMs?: number;
  readonly catalogue?: readonly unknown[];
};

export const doubleCredentials = {
  applicationCredential: { application_credential_id: "credential-1", application_credential_secret: "of the credential" },
  password: {
    username: "gslb-user",
    password: "of the user",
    project_name: "gslb",
    user_domain_name: "Users",
    project_domain_name: "Projects",
  },
} as const;

const domain = (name: string) => z.strictObject({ name: z.literal(name) });
const { applicationCredential: own, password: user } = doubleCredentials;
const requests = z.strictObject({
  auth: z.union([
    z.strictObject({
      identity: z.strictObject({
        methods: z.tuple([z.literal("application_credential")]),
        application_credential: z.strictObject({ id: z.string(), secret: z.string() }),
      }),
    }),
    z.strictObject({
      identity: z.strictObject({
        methods: z.tuple([z.literal("password")]),
        password: z.strictObject({
          user: z.strictObject({ name: z.string(), password: z.string(), domain: domain(user.user_domain_name) }),
        }),
      }),
      scope: z.strictObject({ project: z.strictObject({ name: z.literal(user.project_name), domain: domain(user.project_domain_name) }) }),
    }),
  ]),
});

export function keystoneDouble({ now, tokenSeconds = 3600, aheadMs = 0, catalogue = [] }: KeystoneDoubleOptions): KeystoneDouble {
  const expiries = new Map<string, number>();
  let logins = 0;
  const answer = (status: number, body: unknown, headers: Record<string, string> = {}) =>
    new Response(JSON.stringify(body), { status, headers: { "Content-Type": "application/json", ...headers } });
  const error = (code: number, title: string, message: string) => answer(code, { error: { code, title, message } });
  const login = (body: unknown) => {
    logins += 1;
    const read = requests.safeParse(body);
    if (!read.success) return error(400, "Bad Request", z.prettifyError(read.error));
    const { identity } = read.data.auth;
    const isRight =
      "password" in identity
        ? identity.password.user.name === user.username && identity.password.user.password === user.password
        : identity.application_credential.id === own.application_credential_id &&
          identity.application_credential.secret === own.application_credential_secret;
    if (!isRight) return error(401, "Unauthorized", "The request you have made requires authentication.");
    const id = `token-${logins}`;
    const issuedAt = now() + aheadMs;
    expiries.set(id, now() + tokenSeconds * 1_000);
    const time = (at: number) => new Date(at).toISOString().replace("Z", "000Z");
    const token = {
      methods: identity.methods,
      issued_at: time(issuedAt),
      expires_at: time(issuedAt + tokenSeconds * 1_000),
      catalog: catalogue,
    };
    return answer(201, { token }, { "X-Subject-Token": id });
  };
  const double: KeystoneDouble = {
    url: "http://keystone.test:5000/v3",
    outage: null,
    logins: () => logins,
    knows: (token) => (expiries.get(token ?? "") ?? 0) > now(),
    revokeAll: () => expiries.clear(),
    fetch: (async (input: string, init: RequestInit = {}) => {
      const { outage } = double;
      if (outage !== null) return new Response(outage.body ?? "", { status: outage.status, headers: outage.headers ?? {} });
      if (input !== `${double.url}/auth/tokens` || init.method !== "POST")
        return error(404, "Not Found", "The resource could not be found.");
      if (new Headers(init.headers).get("Content-Type") !== "application/json") return error(400, "Bad Request", "not JSON");
      return login(JSON.parse(String(init.body)));
    }) as typeof fetch,
  };
  return double;
}
