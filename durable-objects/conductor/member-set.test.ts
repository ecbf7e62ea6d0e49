import { describe, expect, it } from "vitest";
import { type Member, memberWrite } from "../../domain/member.ts";
import { matchMembers } from "./member-set.ts";

const write = (name: string, rest: object = {}) => memberWrite.parse({ name, endpoints: ["192.0.2.1"], ...rest });
const member = (id: string, name: string): Member => ({
  ...write(name),
  id,
  pool_id: "p",
  project_id: "default",
  domain_id: "default",
  version: 1,
  revision: 0,
  created_at: "2026-11-22T10:00:00.000Z",
  updated_at: "2026-11-22T10:00:00.000Z",
  monitor_ids: [],
  status: "ACTIVE",
  action: "NONE",
  in_rotation: true,
  override: null,
});
const members = [member("1", "a"), member("2", "b"), member("3", "twin"), member("4", "twin")];
const element = (id: string | null, name: string, rest: object = {}) => ({ ...write(name, rest), id });
const matched = (...elements: ReturnType<typeof element>[]) => {
  const result = matchMembers(members, elements);
  return result.ok ? result.value.map(({ before }) => before?.id ?? "new") : result.error;
};

describe("an element of a pool's new set", () => {
  it("means the member with its id, else the one with its name, else a new one", () => {
    expect(matched(element("2", "z"), element(null, "a"), element(null, "c"))).toEqual(["2", "1", "new"]);
  });

  it("cannot mean by its name a member that another element means by its id", () => {
    expect(matched(element("1", "renamed"), element(null, "a"))).toEqual(["1", "new"]);
    expect(matched(element("3", "twin"), element(null, "twin"))).toEqual(["3", "4"]);
  });

  it("must not leave open which one it means", () => {
    expect(matched(element(null, "a"), element(null, "twin"))).toMatchObject({
      type: "conflict",
      errors: [{ pointer: "/pool_members/1/name" }],
    });
    expect(matched(element(null, "c"), element(null, "c"))).toMatchObject({
      type: "conflict",
      errors: [{ pointer: "/pool_members/1/name" }],
    });
    expect(matched(element("1", "a"), element("1", "a"))).toMatchObject({
      type: "unprocessable",
      errors: [{ pointer: "/pool_members/1/id" }],
    });
    expect(matched(element("9", "a"))).toMatchObject({ type: "unprocessable", errors: [{ pointer: "/pool_members/0/id" }] });
  });

  it("keeps the type of what it means", () => {
    const host = element("1", "a", { type: "HOSTNAME", endpoints: ["a.example.com."] });
    expect(matched(host)).toMatchObject({ type: "unprocessable", errors: [{ pointer: "/pool_members/0/type" }] });
  });
});
