/** DNS UPDATE out of a Worker, over its own sockets, to a real BIND and a real Knot: a flavor is tried, a name published, changed, and removed. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startBind } from "../servers/bind.ts";
import { digShort } from "../servers/dig.ts";
import { whereInstalled } from "../servers/installed.ts";
import { startKnot } from "../servers/knot.ts";
import { nsupdate } from "../servers/update-zone.ts";
import { type System, startSystem, until } from "./system.ts";
import { create } from "./world.ts";

const zone = "gslb.test.";

describe("DNS UPDATE from a Worker", () => {
  const servers = {
    bind: whereInstalled(["bind", "dig"], startBind),
    knot: whereInstalled(["knot", "dig"], startKnot),
  } as const;
  let system: System;
  beforeAll(async () => {
    [system] = await Promise.all([startSystem(), servers.bind.start(), servers.knot.start()]);
  });
  afterAll(async () => {
    await system.close();
    await Promise.all([servers.bind.stop(), servers.knot.stop()]);
  });

  it.for([
    ["bind", "sha512"],
    ["knot", "sha256"],
  ] as const)("goes to %s with hmac-%s", async ([name, which], context) => {
    const server = servers[name].get(context);
    const { keys, port } = server;
    const { algorithm, secret } = keys[which];
    const flavor = await system.api("POST", "/v0.1/flavors", {
      name,
      provider: "rfc2136",
      settings: { server: "127.0.0.1", port, key_name: keys[which].name, algorithm },
      credentials: { key_secret: keys.other.secret },
      domain_names: [zone],
    });
    expect(flavor.status).toBe(201);
    const test = async () => (await system.api("POST", `/v0.1/flavors/${name}/test`)).body;
    expect(await test()).toMatchObject({ ok: false, class: "credentials" });
    expect((await system.api("PATCH", `/v0.1/flavors/${name}`, { credentials: { key_secret: secret } })).status).toBe(200);
    expect(await test()).toMatchObject({ ok: true });

    const fqdn = `app.${zone}`;
    const lives = (values: readonly string[]) =>
      until(() => digShort(server, fqdn), {
        what: `${name} to answer ${values.join() || "nothing"}`,
        timeoutMs: 20_000,
        is: (found) => found.join() === values.join(),
      });
    const members = [{ endpoints: ["192.0.2.1"] }, { endpoints: ["192.0.2.2"] }];
    const pool = await create(system, "/v0.1/pools", { name, members });
    const gslb = await create(system, "/v0.1/gslbs", { fqdn, domain_name: zone, flavor: name, pool_ids: [pool.id] });
    await lives(["192.0.2.1", "192.0.2.2"]);
    expect((await digShort(server, `_kosmos.${fqdn}`, "TXT")).join()).toContain(`gslb=${gslb.id}`);
    const [first] = (await system.api("GET", `/v0.1/pools/${pool.id}/pool_members`)).body.pool_members;
    await system.api("PATCH", `/v0.1/pools/${pool.id}/pool_members/${first.id}`, { admin_state_up: false });
    await lives(["192.0.2.2"]);

    // What others made is theirs.
    await nsupdate(server, [`update add theirs.${zone} 60 A 203.0.113.9`]);
    const theirs = await create(system, "/v0.1/gslbs", { fqdn: `theirs.${zone}`, domain_name: zone, flavor: name, pool_ids: [pool.id] });
    const errorOf = async () => (await system.api("GET", `/v0.1/gslbs/${theirs.id}/status`)).body.published?.[0]?.last_error ?? "";
    await until(errorOf, { what: "the name to be told as others'", is: (error) => /adopt/.test(error), timeoutMs: 20_000 });
    expect(await digShort(server, `theirs.${zone}`)).toEqual(["203.0.113.9"]);
    await system.api("PATCH", `/v0.1/gslbs/${theirs.id}`, { adopt: true });
    await until(() => digShort(server, `theirs.${zone}`), { what: "it to be taken over", is: (found) => found.join() === "192.0.2.2" });

    expect((await system.api("DELETE", `/v0.1/gslbs/${gslb.id}`)).status).toBeLessThan(300);
    await lives([]);
    expect(await digShort(server, `_kosmos.${fqdn}`, "TXT")).toEqual([]);
    expect(await digShort(server, `www.${zone}`)).toEqual(["192.0.2.10", "192.0.2.11"]);
  });
});
