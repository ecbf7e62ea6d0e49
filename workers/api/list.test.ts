import { beforeEach, describe, expect, test } from "vitest";
import { parameters, startApi } from "./api.fixture.ts";

let api: ReturnType<typeof startApi>;

beforeEach(async () => {
  api = startApi();
  for (const name of ["b", "a", "c"]) await api.call("POST", "/v0.1/pools", { name, tags: name === "c" ? ["x", "y"] : ["x"] });
});

const get = (path: string) => api.call("GET", path);
const names = async (query: string) => (await get(`/v0.1/pools${query}`)).body.pools.map((pool: { name: string }) => pool.name).join("");

describe("lists", () => {
  test("have items, links and a total, and are never stored", async () => {
    const { body, headers } = await get("/v0.1/pools");
    expect(Object.keys(body)).toEqual(["pools", "links", "metadata"]);
    expect(body.links).toEqual({ self: "http://kosmos.test/v0.1/pools" });
    expect(body.metadata).toEqual({ total_count: 3 });
    expect(headers.get("Cache-Control")).toBe("no-store");
    expect(headers.get("ETag")).toBeNull();
  });

  test("are in the order of their making, or as asked", async () => {
    expect(await names("")).toBe("bac");
    expect(await names("?sort_key=name")).toBe("abc");
    expect(await names("?sort_key=name&sort_dir=desc")).toBe("cba");
  });

  test("are followed page by page, with the same filters", async () => {
    const seen: string[] = [];
    let next: string | undefined = "/v0.1/pools?limit=1&sort_key=name&tags=x";
    while (next !== undefined) {
      const { body } = await get(next);
      seen.push(...body.pools.map((pool: { name: string }) => pool.name));
      next = body.links.next?.replace("http://kosmos.test", "");
    }
    expect(seen).toEqual(["a", "b", "c"]);
  });

  test("are filtered; then there is a total only for who asks for it", async () => {
    expect(await names("?name=a")).toBe("a");
    expect(await names("?tags=x,y")).toBe("c");
    expect(await names("?status=ACTIVE")).toBe("");
    expect((await get("/v0.1/pools?name=a")).body.metadata).toEqual({});
    expect((await get("/v0.1/pools?name=a&count=true")).body.metadata).toEqual({ total_count: 1 });
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=x", "limit"],
    ["limit=", "limit"],
    ["limit=1e2", "limit"],
    ["limit=1&limit=2", "limit"],
    ["marker=", "marker"],
    [`marker=${"m".repeat(4097)}`, "marker"],
    ["count=1", "count"],
    ["sort_key=id", "sort_key"],
    ["sort_key=constructor", "sort_key"],
    ["sort_dir=up", "sort_dir"],
    ["status=WELL", "status"],
    ["name=", "name"],
    ["tags=", "tags"],
    ["tags=a,,b", "tags"],
    ["tags=NO", "tags"],
    ["fqdn=www.example.com", "fqdn"],
    ["dry_run=true", "dry_run"],
    ["colour=red", "colour"],
    ["__proto__=1", "__proto__"],
  ])("?%s is refused", async (query, parameter) => {
    const answer = await get(`/v0.1/pools?${query}`);
    expect([answer.status, answer.body.type, parameters(answer)]).toEqual([400, "/problems/invalid-query", [parameter]]);
  });

  test("say everything that is wrong with a query at once", async () => {
    expect(parameters(await get("/v0.1/pools?limit=0&sort_dir=up&status=x")).toSorted()).toEqual(["limit", "sort_dir", "status"]);
  });

  test.each([
    ["/v0.1/gslbs?fqdn=WWW.example.com", 200],
    ["/v0.1/gslbs?fqdn=not%20a%20name", 400],
    ["/v0.1/gslbs?type=IP", 400],
    ["/v0.1/monitors?type=http", 200],
    ["/v0.1/monitors?status=ACTIVE", 400],
    ["/v0.1/monitors?sort_key=status", 400],
    ["/v0.1/pool_members?region=north&status=DOWN&type=IP", 200],
    ["/v0.1/flavors?limit=1", 200],
    ["/v0.1/flavors?marker=x", 400],
    ["/v0.1/status?limit=1", 400],
    ["/v0.1?x=1", 400],
  ])("GET %s is %i", async (path, status) => {
    expect((await get(path)).status).toBe(status);
  });
});

describe("history", () => {
  const event = (id: string, fields: object) => ({
    id,
    kind: "config",
    severity: "info",
    gslb_id: null,
    pool_id: null,
    member_id: null,
    ...fields,
  });

  test("is the project's, or a resource's own", async () => {
    const pool = [...api.conductor.rows.pool.keys()][0] as string;
    api.conductor.events.push(
      event("1", { at: "2026-11-22T10:00:00.000Z", pool_id: pool, severity: "warning" }) as never,
      event("2", { at: "2026-11-22T11:00:00.000Z" }) as never,
    );
    const ids = async (path: string) => (await get(path)).body.history?.map((item: { id: string }) => item.id);
    expect(await ids("/v0.1/history")).toEqual(["1", "2"]);
    expect(await ids(`/v0.1/history?pool_id=${pool.toUpperCase()}`)).toEqual(["1"]);
    expect(await ids(`/v0.1/pools/${pool}/history`)).toEqual(["1"]);
    expect(await ids(`/v0.1/pools/${pool}/history?severity=critical`)).toEqual([]);
    expect(await ids("/v0.1/history?since=2026-11-22T10:30:00Z")).toEqual(["2"]);
    expect(await ids("/v0.1/history?until=2026-11-22T12:30:00%2B02:00")).toEqual(["1"]);
    expect((await get("/v0.1/history?limit=1")).body.links.next).toContain("marker=more");
    expect((await get("/v0.1/history")).headers.get("Cache-Control")).toBe("no-store");
  });

  test.each(["2028-02-29T23:59:59-12:00", "2026-12-31T23:59:59.123456789%2B14:00", "0000-01-01T00:00:00%2B23:59"])(
    "?since=%s is a time",
    async (time) => {
      expect((await get(`/v0.1/history?since=${time}`)).status).toBe(200);
    },
  );

  test.each([
    "gslb_id=x",
    "kind=party",
    "severity=bad",
    "since=yesterday",
    "since=2026-11-22",
    "until=2026-13-01T00:00:00Z",
    "since=2026-02-30T00:00:00Z",
    "since=2026-04-31T00:00:00-08:00",
    "sort_key=name",
    "x=1",
  ])("?%s is refused", async (query) => {
    const answer = await get(`/v0.1/history?${query}`);
    expect([answer.status, parameters(answer)]).toEqual([400, [query.split("=")[0]]]);
  });

  test("of a resource that is not there is 404, and its own filter is none", async () => {
    const pool = [...api.conductor.rows.pool.keys()][0];
    const nowhere = "00000000-0000-4000-8000-000000000000";
    for (const path of [`/v0.1/gslbs/${nowhere}`, `/v0.1/pools/${nowhere}`, `/v0.1/pools/${pool}/pool_members/${nowhere}`]) {
      expect((await get(`${path}/history`)).status).toBe(404);
    }
    expect(parameters(await get(`/v0.1/pools/${pool}/history?pool_id=${pool}`))).toEqual(["pool_id"]);
  });
});
