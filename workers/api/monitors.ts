/** `/v0.1/monitors`. Of a monitor's types the check plugins know; here is only what is the same for all. */
import type { Hono } from "hono";
import { checkPluginOf, monitorWrite } from "../../plugins/index.ts";
import type { ApiEnv } from "./bindings.ts";
import { readObject } from "./body.ts";
import { monitorErrors, unprocessableIf } from "./feasible.ts";
import { listParameters } from "./query.ts";
import { paths, renderMonitor } from "./render.ts";
import { answerCreate, answerList, answerPatch, answerRead, answerRemove, answerReplace, type Noun, prepare } from "./resource.ts";
import { pathId, route } from "./route.ts";

export const monitorNoun: Noun<"monitor"> = {
  kind: "monitor",
  name: "monitor",
  collection: "monitors",
  write: monitorWrite,
  readOnly: [],
  constants: {},
  immutable: { type: (value) => checkPluginOf(value)?.type ?? null },
  infeasible: (pointer) => /^\/headers\/(authorization|cookie)$/i.test(pointer),
  refuse: (input) => unprocessableIf(monitorErrors(input)),
  filters: ["name", "type", "tags"],
  sortKeys: ["created_at", "updated_at", "name"],
  // Nothing in a monitor's body changes but by a write.
  revision: () => 0,
  path: paths.monitor,
  render: renderMonitor,
};

export function monitorRoutes(app: Hono<ApiEnv>): void {
  route(app, "/v0.1/monitors", {
    GET: { query: [...listParameters, ...monitorNoun.filters], handle: (c) => answerList(c, monitorNoun) },
    POST: {
      handle: async (c) => {
        const body = await readObject(c);
        return answerCreate(c, monitorNoun, body.ok ? prepare(monitorNoun, body.value, c.env.settings) : body);
      },
    },
  });
  route(app, "/v0.1/monitors/:monitor_id", {
    GET: { tagged: true, handle: (c) => answerRead(c, monitorNoun, pathId(c, "monitor_id")) },
    PUT: { tagged: true, handle: (c) => answerReplace(c, monitorNoun, pathId(c, "monitor_id")) },
    PATCH: { tagged: true, handle: (c) => answerPatch(c, monitorNoun, pathId(c, "monitor_id")) },
    DELETE: { tagged: true, handle: (c) => answerRemove(c, monitorNoun, pathId(c, "monitor_id")) },
  });
}
