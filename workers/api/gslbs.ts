/** `/v0.1/gslbs`. */
import type { Hono } from "hono";
import { flavorName } from "../../domain/flavor.ts";
import { type GslbWrite, gslbWrite } from "../../domain/gslb.ts";
import { canonicalName } from "../../domain/name.ts";
import { fail, ok } from "../../domain/result.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import { gslbProblem } from "./feasible.ts";
import { invalidBody } from "./fields.ts";
import type { JsonObject } from "./json.ts";
import { answerProblem } from "./problem.ts";
import { listParameters, readChoice } from "./query.ts";
import { paths, renderGslb } from "./render.ts";
import { answerCreate, answerList, answerPatch, answerRead, answerRemove, answerReplace, type Noun, prepare } from "./resource.ts";
import { pathId, route } from "./route.ts";

const nameOrNull = (value: unknown): string | null => (typeof value === "string" ? canonicalName(value) : null);

export const gslbNoun: Noun<"gslb"> = {
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
    const { flavors, ...single } = named;
    const [first, second] = Array.isArray(flavors) ? flavors : [];
    if (second !== undefined || !flavorName.safeParse(first).success) return ok(named);
    if (typeof named.flavor === "string" && named.flavor !== first) {
      return fail(invalidBody([{ pointer: "/flavor", detail: "must be the first of flavors" }]));
    }
    return ok("flavor" in named && typeof named.flavor !== "string" ? named : { ...single, flavor: first });
  },
  refuse: (input: GslbWrite) => gslbProblem(input),
  filters: ["name", "status", "fqdn", "tags"],
  sortKeys: ["created_at", "updated_at", "name", "status"],
  revision: (gslb) => gslb.revision,
  path: paths.gslb,
  render: renderGslb,
};

export function gslbRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/gslbs", {
    GET: { query: [...listParameters, ...gslbNoun.filters], handle: (c) => answerList(c, gslbNoun) },
    POST: {
      handle: async (c) => {
        const body = await readObject(c);
        return answerCreate(c, gslbNoun, body.ok ? prepare(gslbNoun, body.value, c.env.settings) : body);
      },
    },
  });
  route(app, "/v0.1/gslbs/:gslb_id", {
    GET: { tagged: true, handle: (c) => answerRead(c, gslbNoun, pathId(c, "gslb_id")) },
    PUT: { tagged: true, query: ["force"], handle: (c) => answerReplace(c, gslbNoun, pathId(c, "gslb_id")) },
    PATCH: { tagged: true, query: ["force"], handle: (c) => answerPatch(c, gslbNoun, pathId(c, "gslb_id")) },
    DELETE: {
      tagged: true,
      query: ["records"],
      handle: (c) => {
        const records = readChoice(c, "records", ["keep"]);
        if (!records.ok) return answerProblem(c, records.error);
        return answerRemove(c, gslbNoun, pathId(c, "gslb_id"), { records: records.value ?? "delete" });
      },
    },
  });
}
