/** What only name servers have: keys, clocks, wildcards, delegations, policies by name, a write between look and write. On BIND and on Knot. */
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { BackendFailure, type Change, type LiveRecords } from "../../domain/backend.ts";
import { rfc2136 } from "../../plugins/backends/rfc2136.ts";
import { forbidden, startBind } from "../servers/bind.ts";
import { digShort } from "../servers/dig.ts";
import { whereInstalled } from "../servers/installed.ts";
import { startKnot } from "../servers/knot.ts";
import { nsupdate, type TsigKey, type UpdateServer } from "../servers/update-zone.ts";
import { gslbId, set } from "./lab.ts";
import { nodeIo } from "./node-io.ts";

const zone = "gslb.test.";
const publish = (fqdn: string, number: number, type: "A" | "CNAME", value: string, found?: LiveRecords): Change => ({
  kind: "publish",
  plan: {
    gslb_id: gslbId,
    fqdn,
    zone,
    flavor: "any",
    epoch: 0,
    number,
    decided_at: 0,
    ttl: 60,
    withdrawn: false,
    policy: "failover",
    answers: [set(type, value)],
    pools: [],
  },
  ...(found === undefined ? {} : { found }),
});

function backendOf({ port }: UpdateServer, key: TsigKey, { secret = key.secret, aheadMs = 0 } = {}) {
  return {
    settings: rfc2136.settings.parse({ server: "127.0.0.1", port, key_name: key.name, algorithm: key.algorithm }),
    credentials: rfc2136.credentials.parse({ key_secret: secret }),
    io: {
      ...nodeIo,
      now: () => Date.now() + aheadMs,
      sleep: async () => undefined,
      kept: new Map<string, unknown>(),
      signal: AbortSignal.timeout(20_000),
    },
  };
}
type At = ReturnType<typeof backendOf>;
const read = async (at: At, fqdns: readonly string[]) => (await rfc2136.read?.(zone, fqdns, at)) ?? [];
const words = async (at: At, changes: readonly Change[]) => {
  const outcome = await rfc2136.write(zone, changes, at).catch((error: unknown) => {
    if (error instanceof BackendFailure) return error.failure;
    throw error;
  });
  const all = "class" in outcome ? changes.map(() => ({ ok: false as const, error: outcome })) : outcome;
  return all.map((result) => (result.ok ? "ok" : `${result.error.class}: ${result.error.detail}`));
};
const tested = (at: At): Promise<string> =>
  (rfc2136.test?.([zone], at) ?? Promise.reject()).then(
    ({ details }) => details.join(),
    (error: unknown) => (error instanceof BackendFailure ? `${error.failure.class}: ${error.failure.detail}` : String(error)),
  );

const kinds = { bind: whereInstalled(["bind", "dig"], startBind), knot: whereInstalled(["knot", "dig"], startKnot) } as const;
describe.each(["bind", "knot"] as const)("DNS UPDATE to %s", (kind) => {
  const running = kinds[kind];
  beforeAll(running.start);
  afterAll(running.stop);
  const started = (context: TestContext) => {
    const server = running.get(context);
    return { server, at: backendOf(server, server.keys.sha256) };
  };

  it("is signed with either algorithm, and a key that is unknown, wrong or may not is told apart", async (context) => {
    const { server } = started(context);
    const { sha256, sha512, other } = server.keys;
    for (const key of [sha256, sha512]) expect(await tested(backendOf(server, key))).toMatch(/^gslb\.test\. takes updates/);
    expect(await tested(backendOf(server, sha512, { secret: other.secret }))).toMatch(/^credentials: .*BADSIG/);
    expect(await tested(backendOf(server, { ...sha256, name: "nobody" }))).toMatch(/^credentials: .*BADKEY/);
    expect(await tested(backendOf(server, other))).toMatch(kind === "bind" ? /^credentials: .*REFUSED/ : /^credentials: .*BADKEY/);
    const [came] = await words(backendOf(server, other), [publish(`denied.${zone}`, 1, "A", "192.0.2.1")]);
    expect(came).toMatch(kind === "bind" ? /^credentials: .*REFUSED/ : /^credentials: .*BADKEY/);
  });

  it.for([-1_000, 1_000])("by a clock %i s off is told by how much", async (seconds, context) => {
    const { server } = started(context);
    const said = await tested(backendOf(server, server.keys.sha256, { aheadMs: seconds * 1_000 }));
    expect(said).toMatch(seconds < 0 ? /^retry: .*(999|1000|1001) s ahead \(BADTIME\)/ : /^retry: .*(999|1000|1001) s behind \(BADTIME\)/);
  });

  it("on what was read before somebody else wrote is not taken, and the names beside it are", async (context) => {
    const { server, at } = started(context);
    const names = ["one", "two", "three"].map((label) => `${label}.${zone}`);
    const first = await read(at, names);
    expect(
      await words(
        at,
        names.map((name, index) => publish(name, 1, "A", "192.0.2.1", first[index])),
      ),
    ).toEqual(["ok", "ok", "ok"]);
    const found = await read(at, names);
    expect(await words(at, [publish(names[1] ?? "", 2, "A", "192.0.2.2", found[1])])).toEqual(["ok"]);
    const came = await words(
      at,
      names.map((name, index) => publish(name, 3, "A", "192.0.2.3", found[index])),
    );
    expect(came).toEqual(["ok", expect.stringMatching(/^retry: two\..*changed meanwhile/), "ok"]);
    expect(await digShort(server, names[1] ?? "")).toEqual(["192.0.2.2"]);
    const fresh = await read(at, names);
    expect(fresh[1]?.number).toBe(2);
    // Nobody's record that came between the look at a free name and the write.
    const free = `free.${zone}`;
    const [nothing] = await read(at, [free]);
    await nsupdate(server, [`update add ${free} 60 A 203.0.113.1`]);
    expect((await words(at, [publish(free, 1, "A", "192.0.2.1", nothing)]))[0]).toMatch(/^retry/);
    expect(await digShort(server, free)).toEqual(["203.0.113.1"]);
    const [theirs] = await read(at, [free]);
    expect(await words(at, [publish(free, 1, "A", "192.0.2.1", theirs)])).toEqual(["ok"]);
  });

  it("has names below a wildcard for free, and gives them back to it", async (context) => {
    const { server, at } = started(context);
    const name = `a.wild.${zone}`;
    expect(await digShort(server, name)).toEqual(["192.0.2.99"]);
    const [found] = await read(at, [name]);
    expect(found).toEqual({ fqdn: name, epoch: null, number: null, answers: [] });
    expect(await words(at, [publish(name, 1, "A", "192.0.2.1", found)])).toEqual(["ok"]);
    expect(await digShort(server, name)).toEqual(["192.0.2.1"]);
    const [mine] = await read(at, [name]);
    expect(mine?.answers).toEqual([{ type: "A", values: ["192.0.2.1"], ttl: 60 }]);
    const removal = {
      kind: "unpublish" as const,
      fqdn: name,
      zone,
      gslbId,
      epoch: 0,
      number: 2,
      ...(mine === undefined ? {} : { found: mine }),
    };
    expect(await words(at, [removal])).toEqual(["ok"]);
    expect(await digShort(server, name)).toEqual(["192.0.2.99"]);
  });

  it("says of a name below a delegation that the server does not answer for it", async (context) => {
    const { at } = started(context);
    expect(await read(at, [`www.sub.${zone}`])).toMatchObject([{ state: { error: expect.stringMatching(/delegation/) } }]);
  });

  it("refuses a CNAME beside others' records, and leaves the addresses that are there", async (context) => {
    const { server, at } = started(context);
    const name = `mixed.${zone}`;
    expect(await words(at, [publish(name, 1, "A", "192.0.2.1")])).toEqual(["ok"]);
    await nsupdate(server, [`update add ${name} 60 MX 10 mail.example.net.`]);
    expect((await words(at, [publish(name, 2, "CNAME", "origin.example.net.")]))[0]).toMatch(/^refused: .*MX.*stands alone/);
    expect(await digShort(server, name)).toEqual(["192.0.2.1"]);
  });

  it("is there again with its zone after it was away", async (context) => {
    const { server, at } = started(context);
    const name = `stays.${zone}`;
    expect(await words(at, [publish(name, 4, "A", "192.0.2.4")])).toEqual(["ok"]);
    await server.away();
    expect((await words(at, [publish(name, 5, "A", "192.0.2.5")]))[0]).toMatch(/^retry: 127\.0\.0\.1:\d+: .*refused/);
    await server.back();
    expect(await read(at, [name])).toMatchObject([{ number: 4, answers: [{ values: ["192.0.2.4"] }] }]);
  });

  // Our Knot has no rules by name.
  if (kind === "bind") {
    it("with a policy by names refuses the one, not the others beside it", async (context) => {
      const { at } = started(context);
      const names = [`left.${zone}`, forbidden, `right.${zone}`];
      const came = await words(
        at,
        names.map((name) => publish(name, 1, "A", "192.0.2.1")),
      );
      expect(came).toEqual(["ok", expect.stringMatching(/^refused: forbidden\..*REFUSED/), "ok"]);
      expect((await words(at, [publish(forbidden, 1, "A", "192.0.2.1")]))[0]).toMatch(/^refused/);
    });
  }
});
