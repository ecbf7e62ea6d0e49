import { expect, test } from "vitest";
import { pointers, startApi } from "./api.fixture.ts";

/** A rule that spans fields, beside fields that are wrong by themselves. */
test.each([
  [
    "/v0.1/gslbs",
    { fqdn: "www.other.org.", domain_name: "example.com.", ttl: "30", on_all_down: "fallback_pool", tags: ["a", "a", "NO"], colour: 1 },
    ["/colour", "/fallback_pool_id", "/fqdn", "/tags", "/tags/2", "/ttl"],
  ],
  ["/v0.1/gslbs", { fqdn: 7, domain_name: "example.com.", pool_ids: ["x", "x"] }, ["/fqdn", "/pool_ids", "/pool_ids/0", "/pool_ids/1"]],
  [
    "/v0.1/pools",
    {
      name: "",
      members: [
        { endpoints: ["x y"], weight: -1 },
        { endpoints: ["192.0.2.1", "192.0.2.1"], weight: "1", monitor_port: 80 },
        { type: "FTP", endpoints: ["a", "b"], monitor_address: "192.0.2.1" },
      ],
    },
    [
      "/members/0/endpoints/0",
      "/members/0/weight",
      "/members/1/endpoints/1",
      "/members/1/monitor_port",
      "/members/1/weight",
      "/members/2/monitor_address",
      "/members/2/type",
      "/name",
    ],
  ],
  [
    "/v0.1/monitors",
    { type: "HTTP", name: 7, delay: 3, timeout: 4, confirm_delay: 5, url_path: "x" },
    ["/confirm_delay", "/name", "/timeout", "/url_path"],
  ],
  ["/v0.1/monitors", { type: "HTTP", delay: "3", timeout: 30 }, ["/delay"]],
  ["/v0.1/pools", { name: "p", members: [[], null, 7, "x"] }, ["/members/0", "/members/1", "/members/2", "/members/3"]],
  ["/v0.1/overrides", { selector: [], state: null }, ["/selector", "/state"]],
  [
    "/v0.1/overrides",
    { selector: {}, state: "x", starts_at: "2036-01-02T00:00:00Z", expires_at: "2036-01-01T00:00:00Z" },
    ["/expires_at", "/selector", "/state"],
  ],
])("%s %j: one kind of mistake hides no other, and none is made up", async (path, body, at) => {
  const answer = await startApi().call("POST", path, body);
  expect([answer.status, pointers(answer).toSorted()]).toEqual([400, at]);
});

test.each([
  ["/v0.1/monitors", { type: "TCP", port: 80, url_path: "/" }, "is not a field of a monitor of type TCP"],
  ["/v0.1/agents", { name: "rack", colour: 1 }, "is not a field of an agent"],
  ["/v0.1/pools", { name: "web", colour: 1 }, "is not a field of a pool"],
])("POST %s %j says of what it is no field", async (path, body, detail) => {
  const answer = await startApi().call("POST", path, body);
  expect([answer.status, answer.body.errors[0].detail]).toEqual([400, detail]);
});
