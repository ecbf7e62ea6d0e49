/** `/v0.1/gslbs`. */
import type { Hono } from "hono";
import { flavorName } from "../../domain/flavor.ts";
import { gslbWrite } from "../../domain/gslb.ts";
import { canonicalName } from "../../domain/name.ts";
import { fail, ok } from "../../domain/result.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import type { ApiContext } from "./context.ts";
import { gslbProblem } from "./feasible.ts";
import { invalidBody } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { flavorsOf, type SeenFlavors } from "./known-flavors.ts";
import { answerProblem } from "./problem.ts";
import { listParameters, readChoice } from "./query.ts";
import { paths, renderGslb } from "./render.ts";
import {
  answerCreate,
  answerList,
  answerOne,
  answerPatch,
  answerRead,
  answerRemove,
  answerReplace,
  find,
  type Noun,
  prepare,
} from "./resource.ts";
import { pathId, route } from "./route.ts";

const gslbFilters = ["name", "status", "fqdn", "tags"] as const;

const nameOrNull = (value: unknown): string | null => (typeof value === "string" ? canonicalName(value) : null);

/** A GSLB is refused by what its flavors can do. */
export const gslbNoun = (seen: SeenFlavors): Noun<"gslb"> => ({
  kind: "gslb",
  name: "GSLB",
  collection: "gslbs",
  write: gslbWrite,
  readOnly: [],
  constants: { appliance_id: null },
  immutable: { fqdn: nameOrNull, domain_name: nameOrNull },
  // Each field has one spelling from here on, so that a patch of either spelling replaces the value and does not stand beside it.
  adapt: (body) => {
    const { zone_name, ...rest } = body;
    const named: JsonObject = zone_name === undefined || "domain_name" in body ? body : { ...rest, domain_name: zone_name };
    const { flavor, ...plural } = named;
    // What is not even a name is for the schema to refuse.
    if (!flavorName.safeParse(flavor).success) return ok(named);
    if (named.flavors === undefined) return ok({ ...plural, flavors: [flavor] });
    if (!Array.isArray(named.flavors)) return ok(named);
    if (named.flavors[0] !== flavor) return fail(invalidBody([{ pointer: "/flavor", detail: "must be the first of flavors" }]));
    return ok(plural);
  },
  // With null one of the two is taken back; what the other says then holds.
  adaptPatch: (patch) => {
    const { flavor, flavors, ...rest } = patch;
    if (flavors === null && typeof flavor === "string") return { ...rest, flavors: [flavor] };
    return flavor === null && flavors === undefined ? { ...rest, flavors: null } : patch;
  },
  refuse: (input, _settings, current) => gslbProblem(input, seen, current),
  filters: gslbFilters,
  sortKeys: ["created_at", "updated_at", "name", "status"],
  revision: (gslb) => gslb.revision,
  path: paths.gslb,
  render: renderGslb,
});

export const gslbNounOf = async (c: ApiContext): Promise<Noun<"gslb">> => {
  const isRead = c.req.method === "GET" || c.req.method === "HEAD" || c.req.method === "DELETE";
  return gslbNoun(isRead ? { project: c.var.project, made: null } : await flavorsOf(c, true));
};

export function gslbRoutes(app: Hono<ApiEnv>): void {
  const gslbId = (c: ApiContext) => pathId(c, "gslb_id");
  route(app, "/v0.1/gslbs", {
    GET: { query: [...listParameters, ...gslbFilters], handle: async (c) => answerList(c, await gslbNounOf(c)) },
    POST: {
      handle: async (c) => {
        const body = await readObject(c);
        const noun = await gslbNounOf(c);
        return answerCreate(c, noun, body.ok ? prepare(noun, body.value, c.env.settings) : body);
      },
    },
  });
  route(app, "/v0.1/gslbs/:gslb_id", {
    GET: { tagged: true, handle: async (c) => answerRead(c, await gslbNounOf(c), gslbId(c)) },
    PUT: { tagged: true, query: ["force"], handle: async (c) => answerReplace(c, await gslbNounOf(c), gslbId(c)) },
    PATCH: { tagged: true, query: ["force"], handle: async (c) => answerPatch(c, await gslbNounOf(c), gslbId(c)) },
    DELETE: { tagged: true, query: ["records", "force"], handle: remove },
  });
}

/** What backends have to let go first is still there afterwards, on its way out. */
async function remove(c: ApiContext): Promise<Response> {
  const records = readChoice(c, "records", ["keep"]);
  if (!records.ok) return answerProblem(c, records.error);
  const noun = await gslbNounOf(c);
  const removed = await answerRemove(c, noun, pathId(c, "gslb_id"), { records: records.value ?? "delete" });
  if (removed.status !== 204) return removed;
  const left = await find(c, noun, pathId(c, "gslb_id"));
  if (left.ok) return answerOne(c, noun, left, 202);
  // Whether it is gone already cannot be told now; it is on its way out in any case.
  return left.error.type === "not-found" ? removed : c.body(null, 202);
}
