import { describe, expect, it } from "vitest";
import { doubleCredentials, type KeystoneDoubleOptions, keystoneDouble } from "../../test/keystone-double.ts";
import { keystoneCredentials, keystoneSession } from "./keystone.ts";

const { applicationCredential, password } = doubleCredentials;
const endpoint = (kind: string, region_id: string, url: string) => ({ id: "1", interface: kind, region: region_id, region_id, url });
const catalogue = [
  { id: "1", type: "identity", name: "keystone", endpoints: [] },
  {
    id: "2",
    type: "dns",
    name: "designate",
    endpoints: [
      endpoint("internal", "One", "http://dns.internal/"),
      endpoint("public", "One", "http://dns.one.test/"),
      endpoint("public", "Two", "http://dns.two.test"),
    ],
  },
];
const service = "http://dns.one.test/v2/zones";

/** A cloud: Keystone, and a service that asks it whether a token is good. */
function cloud({
  credentials = applicationCredential as object,
  ...options
}: Partial<KeystoneDoubleOptions> & { credentials?: object } = {}) {
  let now = 1_000_000;
  const keystone = keystoneDouble({ now: () => now, catalogue, ...options });
  const seen: string[] = [];
  const fetch = (async (url: string, init: RequestInit) => {
    if (url.startsWith(keystone.url)) return keystone.fetch(url, init);
    const token = new Headers(init.headers).get("X-Auth-Token");
    seen.push(token ?? "none");
    return keystone.knows(token) ? new Response("[]") : new Response('{"error":{"code":401}}', { status: 401 });
  }) as typeof globalThis.fetch;
  const io = { fetch, signal: new AbortController().signal, now: () => now, kept: new Map<string, unknown>() };
  const session = () => keystoneSession({ authUrl: `${keystone.url}/`, credentials: keystoneCredentials.parse(credentials) }, io);
  const wait = (ms: number) => {
    now += ms;
  };
  return { keystone, io, seen, session, wait, get: async () => (await session().request({ method: "GET", url: service })).status };
}

describe("a token of Keystone's", () => {
  it.each([
    ["an application credential", applicationCredential],
    ["a password", password],
  ])("is got with %s, and kept from one call to the next", async (_, credentials) => {
    const { keystone, get, seen } = cloud({ credentials });
    expect([await get(), await get(), await get()]).toEqual([200, 200, 200]);
    expect(keystone.logins()).toBe(1);
    expect(new Set(seen).size).toBe(1);
  });

  it("is renewed before it runs out, whatever Keystone's clock says", async () => {
    for (const aheadMs of [0, -86_400_000, 86_400_000]) {
      const { keystone, get, wait } = cloud({ aheadMs });
      await get();
      wait(3_500_000);
      await get();
      expect(keystone.logins()).toBe(1);
      wait(50_000);
      expect(await get()).toBe(200);
      expect(keystone.logins()).toBe(2);
    }
  });

  it("of a short life is used for most of it", async () => {
    const { keystone, get, wait } = cloud({ tokenSeconds: 5 });
    await get();
    wait(4_000);
    await get();
    expect(keystone.logins()).toBe(1);
    wait(900);
    expect(await get()).toBe(200);
    expect(keystone.logins()).toBe(2);
  });

  it("that was revoked is renewed once for all who ask at the same time", async () => {
    const { keystone, session, get, seen } = cloud();
    await get();
    keystone.revokeAll();
    const shared = session();
    const answers = await Promise.all(Array.from({ length: 5 }, () => shared.request({ method: "GET", url: service })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(keystone.logins()).toBe(2);
    expect(seen).toHaveLength(11);
  });

  it("that no service takes is not asked for for ever", async () => {
    const { keystone, get } = cloud({ tokenSeconds: 0 });
    await expect(get()).rejects.toMatchObject({
      failure: { class: "credentials", detail: expect.stringContaining("does not take a fresh token") },
    });
    expect(keystone.logins()).toBe(2);
  });
});

describe("what Keystone refuses", () => {
  it.each([[{ ...applicationCredential, application_credential_secret: "wrong secret" }], [{ ...password, password: "wrong secret" }]])(
    "are credentials that it does not know, and the message does not have them: %#",
    async (credentials) => {
      const { get } = cloud({ credentials });
      const detail = "Keystone: 401: The request you have made requires authentication.";
      await expect(get()).rejects.toMatchObject({ failure: { class: "credentials", detail } });
      await expect(get()).rejects.toThrow(/^(?!.*wrong secret)/);
    },
  );

  it.each([
    [503, { "Retry-After": "20" }, { class: "retry", afterMs: 20_000 }],
    [429, { "Retry-After": "7" }, { class: "retry", afterMs: 7_000 }],
    [500, {}, { class: "retry" }],
    [403, {}, { class: "credentials" }],
    [404, {}, { class: "not-found" }],
    [300, {}, { class: "retry" }],
    [201, {}, { class: "retry", detail: "Keystone: its answer has no token" }],
  ])("with %i is told as what it is", async (status, headers, expected) => {
    const { keystone, get } = cloud();
    keystone.outage = { status, headers: headers as Record<string, string> };
    await expect(get()).rejects.toMatchObject({ failure: expected });
    keystone.outage = null;
    expect(await get()).toBe(200);
  });

  it("is not noticed while there is a good token", async () => {
    const { keystone, get } = cloud();
    await get();
    keystone.outage = { status: 503 };
    expect(await get()).toBe(200);
  });
});

describe("the catalogue", () => {
  it("has a service's root by type, interface and region, and is asked for with the token", async () => {
    const { keystone, session } = cloud();
    expect(await session().endpoint({ type: "dns" })).toBe("http://dns.one.test");
    expect(await session().endpoint({ type: "dns", region: "Two" })).toBe("http://dns.two.test");
    expect(await session().endpoint({ type: "dns", interface: "internal" })).toBe("http://dns.internal");
    expect(keystone.logins()).toBe(1);
  });

  it("without the service, the region or the interface is not found", async () => {
    const { session } = cloud();
    const absent = (wanted: { type: string; region?: string }) => expect(session().endpoint(wanted)).rejects;
    await absent({ type: "network" }).toMatchObject({
      failure: { class: "not-found", detail: "Keystone: its catalogue has no public endpoint of type network" },
    });
    await absent({ type: "dns", region: "Three" }).toThrow("no public endpoint of type dns in region Three");
    await absent({ type: "identity" }).toThrow("type identity");
  });
});

describe("credentials as people write them", () => {
  it("take the domain Default where none is said, and are one of two kinds whole", () => {
    const { user_domain_name: _, project_domain_name: __, ...short } = password;
    expect(keystoneCredentials.parse(short)).toMatchObject({ user_domain_name: "Default", project_domain_name: "Default" });
    for (const wrong of [{}, { ...short, ...applicationCredential }, { username: "a" }, { ...applicationCredential, project_name: "a" }])
      expect(keystoneCredentials.safeParse(wrong).success).toBe(false);
  });
});
