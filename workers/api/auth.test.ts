import { describe, expect, test } from "vitest";
import { gslbBody, startApi, token } from "./api.fixture.ts";

const open = ["/", "/healthz", "/readyz", "/problems/not-found"];

describe("who may ask", () => {
  test.each(open)("%s needs no token", async (path) => {
    const { call } = startApi();
    expect((await call("GET", path, undefined, { "X-Auth-Token": null })).status).toBe(200);
  });

  test.each([
    ["no token", {}],
    ["a wrong token", { "X-Auth-Token": "wrong" }],
    ["an empty token", { "X-Auth-Token": "" }],
    ["a part of the token", { "X-Auth-Token": token.slice(0, -1) }],
    ["another scheme", { Authorization: `Basic ${token}` }],
    ["a wrong bearer", { Authorization: "Bearer wrong" }],
  ])("%s is 401 and says how", async (_, headers) => {
    const { call } = startApi();
    for (const path of ["/v0.1/gslbs", "/v0.1/nothing", "/v0.1"]) {
      const answer = await call("GET", path, undefined, { "X-Auth-Token": null, ...headers });
      expect(answer.status).toBe(401);
      expect(answer.headers.get("WWW-Authenticate")).toBe("Bearer");
      expect(answer.body.type).toBe("/problems/unauthenticated");
    }
  });

  test.each([
    ["X-Auth-Token", token],
    ["Authorization", `Bearer ${token}`],
    ["Authorization", `bearer  ${token}`],
  ])("%s: %s is let in", async (header, value) => {
    const { call } = startApi();
    expect((await call("GET", "/v0.1/gslbs", undefined, { "X-Auth-Token": null, [header]: value })).status).toBe(200);
  });

  test("while rotating, both values are let in", async () => {
    const { call } = startApi({ KOSMOS_ADMIN_TOKEN: "old, new" });
    for (const value of ["old", "new"]) expect((await call("GET", "/v0.1/gslbs", undefined, { "X-Auth-Token": value })).status).toBe(200);
    for (const value of ["old, new", ",", " "]) {
      expect((await call("GET", "/v0.1/gslbs", undefined, { "X-Auth-Token": value })).status).toBe(401);
    }
  });

  test.each([{ KOSMOS_ADMIN_TOKEN: "" }, { KOSMOS_ADMIN_TOKEN: " , " }])(
    "without a secret every path is 503 and says so: %j",
    async (settings) => {
      const { call } = startApi(settings);
      const answer = await call("GET", "/v0.1/gslbs", undefined, { "X-Auth-Token": "" });
      expect(answer.status).toBe(503);
      expect(answer.body.detail).toContain("KOSMOS_ADMIN_TOKEN");
      expect(answer.headers.get("Retry-After")).not.toBeNull();
    },
  );
});

describe("projects", () => {
  test("another project's resource is not found", async () => {
    const { call } = startApi();
    const made = await call("POST", "/v0.1/gslbs", gslbBody, { "X-Project-Id": "other" });
    expect(made.body.project_id).toBe("other");
    const path = `/v0.1/gslbs/${made.body.id}`;
    expect((await call("GET", path, undefined, { "X-Project-Id": "other" })).status).toBe(200);
    for (const method of ["GET", "DELETE"]) expect((await call(method, path)).status).toBe(404);
    expect((await call("PATCH", path, { name: "mine" })).status).toBe(404);
    expect((await call("PUT", path, gslbBody)).status).toBe(404);
  });

  test.each(["", "a b", "a:b", "../x", "a".repeat(65), "ä"])("X-Project-Id %j is refused", async (project) => {
    const { call } = startApi();
    const answer = await call("GET", "/v0.1/gslbs", undefined, { "X-Project-Id": encodeURI(project) });
    expect(answer.status).toBe(400);
    expect(answer.body.errors[0].parameter).toBe("X-Project-Id");
  });
});
