import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KeystoneIo, keystoneCredentials, keystoneSession } from "../../plugins/openstack/keystone.ts";
import { whereInstalled } from "../servers/installed.ts";
import { type Keystone, startKeystone } from "../servers/keystone.ts";
import { until } from "../system/until.ts";

const keystone = whereInstalled(["keystone"], startKeystone);
beforeAll(keystone.start, 180_000);
afterAll(keystone.stop);

const withPassword = ({ user }: Keystone) => ({ username: user.username, password: user.password, project_name: user.project });
const withCredential = ({ applicationCredential: { id, secret } }: Keystone) => ({
  application_credential_id: id,
  application_credential_secret: secret,
});

/** A client, and the tokens that it went out with. */
function client({ url }: Keystone, credentials: object) {
  const tokens: string[] = [];
  const io: KeystoneIo = {
    fetch: ((input: string, init: RequestInit) => {
      const token = new Headers(init.headers).get("X-Auth-Token");
      if (token !== null) tokens.push(token);
      return fetch(input, init);
    }) as typeof fetch,
    signal: AbortSignal.timeout(50_000),
    now: () => Date.now(),
    kept: new Map(),
  };
  const session = () => keystoneSession({ authUrl: url, credentials: keystoneCredentials.parse(credentials) }, io);
  // Keystone is the service too: what it lets a token see is a project.
  const projects = async () => {
    const answer = await session().request({ method: "GET", url: `${url}/auth/projects` });
    return answer.status === 200 ? (JSON.parse(answer.text).projects as { id: string }[]).map(({ id }) => id) : answer.status;
  };
  return { tokens, session, projects, last: () => tokens.at(-1) ?? "" };
}

describe("the real Keystone", () => {
  it.for([
    ["an application credential", withCredential],
    ["a password", withPassword],
  ] as const)("gives a token for %s, that is used until it is revoked, and then renewed", async ([, credentials], context) => {
    const running = keystone.get(context);
    const { projects, tokens, last } = client(running, credentials(running));
    expect(await projects()).toEqual([running.user.projectId]);
    expect(await projects()).toEqual([running.user.projectId]);
    expect(new Set(tokens).size).toBe(1);
    await running.revoke(last());
    expect(await projects()).toEqual([running.user.projectId]);
    expect(new Set(tokens).size).toBe(2);
  });

  it("does not know a wrong secret or a wrong password", async (context) => {
    const running = keystone.get(context);
    const wrong = [
      { ...withCredential(running), application_credential_secret: "wrong" },
      { ...withPassword(running), password: "wrong" },
      { ...withPassword(running), project_name: "other" },
      { ...withPassword(running), user_domain_name: "Nowhere" },
    ];
    for (const credentials of wrong)
      await expect(client(running, credentials).projects()).rejects.toMatchObject({ failure: { class: "credentials" } });
  });

  it("has the services in its catalogue, by region", async (context) => {
    const running = keystone.get(context);
    await running.catalogue({ type: "dns", name: "designate", url: "http://127.0.0.1:9001/" });
    await running.catalogue({ type: "dns", name: "designate", url: "http://127.0.0.1:9002", region: "RegionTwo" });
    const { session } = client(running, withCredential(running));
    expect(await session().endpoint({ type: "dns", region: "RegionOne" })).toBe("http://127.0.0.1:9001");
    expect(await session().endpoint({ type: "dns", region: "RegionTwo" })).toBe("http://127.0.0.1:9002");
    await expect(session().endpoint({ type: "network" })).rejects.toMatchObject({ failure: { class: "not-found" } });
  });

  it("may be away, and gives tokens of seconds: each is renewed in time", { timeout: 120_000 }, async (context) => {
    const running = keystone.get(context);
    await running.down();
    const { projects, tokens } = client(running, withCredential(running));
    await expect(projects()).rejects.toMatchObject({ failure: { class: "retry" } });
    await running.up({ tokenSeconds: 2 });
    const answers = await until(
      async () => {
        const answer = await projects();
        expect(answer).toEqual([running.user.projectId]);
        return new Set(tokens).size;
      },
      { what: "a third token", is: (count) => count >= 3 },
    );
    expect(answers).toBe(3);
    await running.down();
    await running.up();
  });
});
