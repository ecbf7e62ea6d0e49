import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Change } from "../../domain/backend.ts";
import { designate as plugin } from "../../plugins/backends/designate.ts";
import { startDesignate } from "../servers/designate.ts";
import { dig } from "../servers/dig.ts";
import { whereInstalled } from "../servers/installed.ts";
import { until } from "../system/until.ts";
import { nodeIo } from "./node-io.ts";

/** What the suite does not ask of every backend: name servers that do not listen, and an operator's bounds. Nobody is asked who he is. */
const zone = "gslb.test.";
const gslb_id = "11111111-1111-4111-8111-111111111111";
const designate = whereInstalled(["designate", "mariadb", "pdns", "dig"], async () => {
  const running = await startDesignate({ minTtl: 30, quota: { recordsetRecords: 2 } });
  await running.call("POST", "/v2/zones", { name: zone, email: "hostmaster@gslb.test", ttl: 60 });
  return running;
});
beforeAll(designate.start, 180_000);
afterAll(designate.stop);

const publish = (fqdn: string, values: readonly string[], ttl = 30): Change => ({
  kind: "publish",
  plan: {
    ...{ gslb_id, fqdn, zone, flavor: "any", epoch: 0, number: 1, decided_at: 0, ttl, policy: "failover", pools: [], withdrawn: false },
    answers: [
      {
        ...{ type: "A", values: [...values], ttl, pool_id: gslb_id, weight: null, pool_weight: null, locations: [], geofence: false },
        region: null,
      },
    ],
  },
});

function backendOf(endpoint: string) {
  // Whom it does not ask is the administrator, whom bounds do not bind; a header makes us a member.
  const asMember = ((input: string, init: RequestInit) =>
    fetch(input, { ...init, headers: { ...(init.headers as Record<string, string>), "X-Roles": "member" } })) as typeof fetch;
  const io = {
    ...nodeIo,
    fetch: asMember,
    now: () => Date.now(),
    sleep: async () => undefined,
    kept: new Map(),
    signal: AbortSignal.timeout(170_000),
  };
  const backend = { settings: plugin.settings.parse({ endpoint }), credentials: plugin.credentials.parse({}), io };
  return {
    write: async (...changes: Change[]) => {
      const outcome = await plugin.write(zone, changes, backend);
      return "class" in outcome ? [] : outcome.map((result) => (result.ok ? "ok" : `${result.error.class}: ${result.error.detail}`));
    },
    stateOf: async (fqdn: string) => (await plugin.read?.(zone, [fqdn], backend))?.[0]?.state ?? "live",
  };
}

describe("the real Designate", () => {
  it("refuses a TTL below its operator's, and what is over a quota, in its words, and takes the rest", async (context) => {
    const { url } = designate.get(context);
    const { write } = backendOf(url);
    const addresses = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
    expect(
      await write(publish(`short.${zone}`, ["192.0.2.1"], 5), publish(`long.${zone}`, addresses), publish(`good.${zone}`, ["192.0.2.1"])),
    ).toEqual([
      expect.stringMatching(/^refused: Designate: 400: invalid_ttl: /),
      "retry: Designate: 413: over_quota: Quota exceeded for recordset_records.",
      "ok",
    ]);
  });

  it("has a name pending while its name server hears nothing, in error after a while, and live when it hears again", {
    timeout: 180_000,
  }, async (context) => {
    const { url, deafen, listen, dnsPort } = designate.get(context);
    const { write, stateOf } = backendOf(url);
    const name = `deaf.${zone}`;
    await until(() => stateOf(`good.${zone}`), { what: "the zone to be live", is: (state) => state === "live" });
    deafen();
    try {
      expect(await write(publish(name, ["192.0.2.7"]))).toEqual(["ok"]);
      expect(await stateOf(name)).toBe("pending");
      await until(() => stateOf(name), { what: "an error", is: (state) => typeof state === "object", timeoutMs: 120_000, intervalMs: 500 });
    } finally {
      listen();
    }
    // What failed may be written again, though nothing is new.
    expect(await write(publish(name, ["192.0.2.7"]))).toEqual(["ok"]);
    await until(() => stateOf(name), { what: "it to be live", is: (state) => state === "live", timeoutMs: 40_000, intervalMs: 200 });
    expect((await dig({ port: dnsPort }, name)).records).toMatchObject([{ data: "192.0.2.7", ttl: 30 }]);
  });
});
