import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { whereInstalled } from "./installed.ts";
import { startOctavia } from "./octavia.ts";

const octavia = whereInstalled(["octavia", "mariadb", "keystone"], () => startOctavia());
beforeAll(octavia.start, 180_000);
afterAll(octavia.stop);

describe("Octavia", () => {
  it("has load balancers whose members are as is reported, also after it was away", async (context) => {
    const { balancer, report, call, down, up } = octavia.get(context);
    const web = await balancer({ vip: "192.0.2.7", members: ["192.0.2.101", "192.0.2.102"] });
    const members = async () => {
      const { statuses } = (await call("GET", `/v2/lbaas/loadbalancers/${web.id}/status`)).body;
      const pool = statuses.loadbalancer.listeners[0].pools[0];
      return pool.members.map(({ id, operating_status }: { id: string; operating_status: string }) => [id, operating_status]);
    };
    expect((await call("GET", `/v2/lbaas/loadbalancers/${web.id}`)).body.loadbalancer).toMatchObject({
      vip_address: "192.0.2.7",
      provisioning_status: "ACTIVE",
      operating_status: "ONLINE",
    });
    const [first = "", second = ""] = web.members;
    expect(new Map(await members())).toEqual(
      new Map([
        [first, "ONLINE"],
        [second, "ONLINE"],
      ]),
    );
    await report({ members: [{ id: first, operating_status: "ERROR" }] });
    await down();
    await expect(members()).rejects.toThrow();
    await up();
    expect(new Map(await members()).get(first)).toBe("ERROR");
    await report({ members: [{ id: first, operating_status: "ONLINE" }] });
    expect(new Map(await members()).get(first)).toBe("ONLINE");
    await expect(report({ members: [{ id: first, operating_status: "NONSENSE" }] })).rejects.toThrow(/refused/);
  });
});
