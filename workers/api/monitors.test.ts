import { describe, expect, test } from "vitest";
import { memberBody, monitorBody, pointers, startApi, unknownId } from "./api.fixture.ts";

describe("/v0.1/monitors", () => {
  test("a monitor has its type's fields beside the common ones", async () => {
    const { call } = startApi();
    const answer = await call("POST", "/v0.1/monitors", { ...monitorBody, type: "http" });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("ETag")).toMatch(/^"1\.[0-9]+"$/);
    expect(answer.body).toMatchObject({
      type: "HTTP",
      name: null,
      delay: 2,
      timeout: 1,
      rise: 2,
      port: 80,
      url_path: "/",
      expected_codes: [200],
    });
    expect(answer.body.links.self).toBe(answer.headers.get("Location"));
    expect(answer.body).not.toHaveProperty("revision");
  });

  test.each([
    [{}, ["/type"], 400],
    [{ type: null }, ["/type"], 400],
    [{ type: "FTP" }, ["/type"], 400],
    [{ type: "TCP" }, ["/port"], 400],
    [{ type: "TCP", port: 0 }, ["/port"], 400],
    [{ type: "TCP", port: 65_536 }, ["/port"], 400],
    [{ type: "HTTP", delay: 2 }, ["/timeout"], 400],
    [{ type: "HTTP", delay: "2" }, ["/delay"], 400],
    [{ type: "HTTP", delay: 5, confirm_delay: 6 }, ["/confirm_delay"], 400],
    [{ type: "HTTP", secret_headers: { Host: "a" } }, ["/secret_headers/Host"], 400],
    [
      { type: "HTTP", payload: { content: 1, x: 2 }, http_method: "POST" },
      ["/payload/content_type", "/payload/content", "/payload/x"],
      400,
    ],
    [{ type: "HTTP", headers: { "X Y": "1" } }, ["/headers/X Y"], 400],
    [{ type: "HTTP", headers: { Authorization: "Basic x" } }, ["/headers/Authorization"], 422],
    [{ type: "HTTP", headers: { cookie: "a=b" }, delay: 0 }, ["/delay", "/headers/cookie"], 400],
    [{ type: "HTTP", check_regions: ["sam"] }, ["/check_regions/0"], 422],
    [{ type: "HTTP", check_regions: ["weur", "mars"] }, ["/check_regions/1"], 422],
    [{ type: "HTTP", check_regions: ["Mars!"] }, ["/check_regions/0"], 400],
  ])("%j is refused at %j with %i", async (body, at, status) => {
    const { call, conductor } = startApi();
    const answer = await call("POST", "/v0.1/monitors", body);
    expect([answer.status, pointers(answer)]).toEqual([status, at]);
    expect(conductor.count()).toBe(0);
  });

  test("what is missing is said to be required", async () => {
    const { call } = startApi();
    expect((await call("POST", "/v0.1/monitors", {})).body.errors).toEqual([{ pointer: "/type", detail: "is required" }]);
    expect((await call("POST", "/v0.1/monitors", { type: "TCP" })).body.errors).toEqual([{ pointer: "/port", detail: "is required" }]);
    expect((await call("POST", "/v0.1/monitors", { type: "HTTP", delay: 2 })).body.errors[0].detail).toBe(
      "is 5 by default and must be at most delay (2): give both",
    );
  });

  test("its type cannot be changed; the rest can", async () => {
    const { call } = startApi();
    const { body } = await call("POST", "/v0.1/monitors", monitorBody);
    const path = `/v0.1/monitors/${body.id}`;
    for (const method of ["PUT", "PATCH"]) {
      const answer = await call(method, path, { type: "TCP", port: 1 });
      expect([answer.status, pointers(answer)]).toEqual([422, ["/type"]]);
    }
    expect((await call("PATCH", path, { type: "http", delay: 10, headers: { Host: "a.example.com", "X-A": "1" } })).body).toMatchObject({
      delay: 10,
    });
    expect((await call("PATCH", path, { headers: { "X-A": null } })).body.headers).toEqual({ Host: "a.example.com" });
    expect((await call("PUT", path, { ...body, name: "edited" })).body).toMatchObject({
      name: "edited",
      delay: 2,
      headers: {},
      version: 4,
    });
    expect(pointers(await call("PUT", path, { delay: 10 }))).toEqual(["/type"]);
    expect(pointers(await call("PATCH", path, { timeout: 30 }))).toEqual(["/timeout"]);
    expect((await call("DELETE", path)).status).toBe(204);
  });
});

describe("monitors attached", () => {
  const make = async (settings = {}) => {
    const api = startApi(settings);
    const pool = await api.call("POST", "/v0.1/pools", { name: "eu", members: [memberBody] });
    const poolPath = `/v0.1/pools/${pool.body.id}/monitors`;
    const memberPath = `/v0.1/pools/${pool.body.id}/pool_members/${pool.body.members[0].id}/monitors`;
    const monitor = await api.call("POST", "/v0.1/monitors", { ...monitorBody, delay: 20 });
    return { ...api, poolPath, memberPath, monitorId: monitor.body.id as string };
  };

  test("one that there is, by its id", async () => {
    const { call, poolPath, memberPath, monitorId } = await make();
    const answer = await call("POST", poolPath, { monitor_id: monitorId });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("Location")).toBe(`http://kosmos.test/v0.1/monitors/${monitorId}`);
    expect(answer.body).toMatchObject({
      id: monitorId,
      attached_to: "pool",
      inherited: false,
      load: { requests_per_second: 0.25, vantage_points: 5 },
    });
    const inherited = await call("GET", memberPath);
    expect(inherited.body.monitors).toMatchObject([{ id: monitorId, attached_to: "pool", inherited: true }]);
    expect(inherited.body.metadata).toEqual({ total_count: 1 });
  });

  test("a new one, whole; a member's own replaces its pool's", async () => {
    const { call, poolPath, memberPath, monitorId } = await make({ KOSMOS_REGIONS: "weur,eeur" });
    await call("POST", poolPath, { monitor_id: monitorId });
    const answer = await call("POST", memberPath, { type: "TCP", port: 443, delay: 20 });
    expect([answer.status, answer.body.attached_to]).toEqual([201, "pool_member"]);
    const listed = await call("GET", memberPath);
    expect(listed.body.monitors).toMatchObject([
      { type: "TCP", attached_to: "pool_member", inherited: false, load: { requests_per_second: 0.1, vantage_points: 2 } },
    ]);
    expect((await call("GET", `/v0.1/monitors/${answer.body.id}`)).status).toBe(200);
    expect((await call("DELETE", `${memberPath}/${answer.body.id}`)).status).toBe(204);
    expect((await call("DELETE", `${memberPath}/${answer.body.id}`)).status).toBe(404);
    expect((await call("GET", memberPath)).body.monitors[0].inherited).toBe(true);
  });

  test("a monitor that is switched off asks for nothing", async () => {
    const { call, poolPath } = await make();
    const answer = await call("POST", poolPath, { ...monitorBody, admin_state_up: false });
    expect(answer.body.load).toEqual({ requests_per_second: 0, vantage_points: 0 });
  });

  test.each([
    [{ monitor_id: "x" }, ["/monitor_id"], 400],
    [{ monitor_id: null }, ["/monitor_id"], 400],
    [{ monitor_id: unknownId, delay: 2 }, ["/delay"], 400],
    [{ monitor_id: unknownId }, ["/monitor_id"], 422],
    [{ type: "HTTP", delay: 0 }, ["/delay"], 400],
    [{ type: "HTTP", check_regions: ["me"] }, ["/check_regions/0"], 422],
    [{}, ["/type"], 400],
  ])("%j is refused at %j with %i", async (body, at, status) => {
    const { call, poolPath, memberPath, conductor } = await make();
    const before = conductor.count();
    for (const path of [poolPath, memberPath]) {
      const answer = await call("POST", path, body);
      expect([answer.status, pointers(answer)]).toEqual([status, at]);
      expect((await call("GET", path)).body.monitors).toEqual([]);
    }
    expect(conductor.count()).toBe(before);
  });

  test("of what is not there is 404", async () => {
    const { call, monitorId } = await make();
    const nowhere = `/v0.1/pools/${unknownId}/monitors`;
    expect((await call("GET", nowhere)).status).toBe(404);
    expect((await call("POST", nowhere, { monitor_id: monitorId })).status).toBe(404);
    expect((await call("DELETE", `${nowhere}/${monitorId}`)).status).toBe(404);
  });
});
