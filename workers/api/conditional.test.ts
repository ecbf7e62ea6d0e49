import { beforeEach, describe, expect, test } from "vitest";
import { gslbBody, startApi } from "./api.fixture.ts";

let api: ReturnType<typeof startApi>;
let path: string;
let row: { version: number; revision: number };

beforeEach(async () => {
  api = startApi();
  const { body } = await api.call("POST", "/v0.1/gslbs", gslbBody);
  path = `/v0.1/gslbs/${body.id}`;
  row = api.conductor.rows.gslb.get(body.id) as typeof row;
  row.version = 3;
  row.revision = 7;
});

const get = (tag: string) => api.call("GET", path, undefined, { "If-None-Match": tag });
const patch = (tag: string) => api.call("PATCH", path, { name: "new" }, { "If-Match": tag });

describe("If-None-Match", () => {
  test.each(['"3.7"', 'W/"3.7"', '"1.1", "3.7"', "*"])("%s is what the client holds: 304 without a body", async (tag) => {
    const answer = await get(tag);
    expect([answer.status, answer.body, answer.headers.get("ETag")]).toEqual([304, null, '"3.7"']);
    expect(answer.headers.get("X-Request-Id")).not.toBeNull();
  });

  test.each(['"3.6"', '"3"', '"4.7"', "3.7", "junk,"])("%s is not: 200", async (tag) => {
    expect((await get(tag)).status).toBe(200);
  });

  test("a change of health is seen", async () => {
    row.revision += 1;
    expect((await get('"3.7"')).status).toBe(200);
  });
});

describe("If-Match", () => {
  test.each(['"3.7"', '"3"', '"3.1"', 'W/"3.7"', '"1", "3"', "*"])("%s lets a write through", async (tag) => {
    expect((await patch(tag)).status).toBe(200);
  });

  test.each(['"2"', '"2.7"', '"30"', '"4", "5"', '""'])("%s is another version: 412, and nothing is written", async (tag) => {
    const answer = await patch(tag);
    expect([answer.status, answer.body.type]).toEqual([412, "/problems/version-mismatch"]);
    expect((await api.call("PUT", path, gslbBody, { "If-Match": tag })).status).toBe(412);
    expect((await api.call("DELETE", path, undefined, { "If-Match": tag })).status).toBe(412);
    expect(row.version).toBe(3);
  });

  test.each(["3", "", '"3', "*, *"])("%j is no entity tag: 400", async (tag) => {
    expect((await patch(tag)).status).toBe(400);
  });

  test("guards a DELETE", async () => {
    expect((await api.call("DELETE", path, undefined, { "If-Match": '"3.1"' })).status).toBe(204);
  });

  test("where there is no tag only * can match", async () => {
    expect((await api.call("GET", "/v0.1/gslbs", undefined, { "If-Match": '"1"' })).status).toBe(412);
    expect((await api.call("POST", "/v0.1/pools", { name: "p" }, { "If-Match": '"1"' })).status).toBe(412);
    expect((await api.call("POST", "/v0.1/pools", { name: "p" }, { "If-Match": "*" })).status).toBe(201);
  });
});

describe("a write that somebody else overtakes", () => {
  const overtake = (times: number) => {
    let left = times;
    api.conductor.interlude = () => {
      if (left > 0) Object.assign(row, { version: row.version + 1, description: "theirs" });
      left -= 1;
    };
  };

  test("is merged anew without If-Match, so that neither is lost", async () => {
    overtake(3);
    expect((await api.call("PATCH", path, { name: "mine" })).body).toMatchObject({ name: "mine", description: "theirs", version: 7 });
  });

  test("comes through without If-Match where eight write at once", async () => {
    const { conductor } = api;
    const read = conductor.read.bind(conductor);
    // Each needs the time in which all the others read the same version.
    conductor.read = async (kind, id) => {
      const found = structuredClone(await read(kind, id));
      await new Promise((resolve) => setTimeout(resolve, 2));
      return found;
    };
    const answers = await Promise.all(Array.from({ length: 8 }, (_, at) => api.call("PATCH", path, { description: `by ${at}` })));
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    expect(new Set(answers.map(({ body }) => body.version)).size).toBe(8);
  });

  test("is 412 with If-Match", async () => {
    overtake(1);
    expect((await patch('"3"')).status).toBe(412);
  });

  test("is 409 with Retry-After when it never ends", async () => {
    overtake(1000);
    const answer = await api.call("PATCH", path, { name: "mine" });
    expect([answer.status, answer.headers.get("Retry-After")]).toEqual([409, "1"]);
  });
});
