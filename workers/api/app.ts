/** The HTTP API: which paths there are, who must show a token, and what every answer carries. Each path's own file does the rest. */
import { Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { notFound } from "../../domain/problem.ts";
import { agentWorkRoutes } from "./agent-work.ts";
import { agentRoutes } from "./agents.ts";
import { attachmentRoutes } from "./attachments.ts";
import { authenticate } from "./auth.ts";
import type { ApiEnv } from "./bindings.ts";
import { cloudRoutes } from "./clouds.ts";
import { newDnsWorld } from "./dns-lookup.ts";
import { dnsQuery } from "./dns-query.ts";
import { flavorRoutes } from "./flavors.ts";
import { gslbPoolRoutes } from "./gslb-pools.ts";
import { gslbRoutes } from "./gslbs.ts";
import { heartbeatRoutes } from "./heartbeats.ts";
import { historyRoutes } from "./history.ts";
import { KnownFlavors } from "./known-flavors.ts";
import { memberOverrideRoutes } from "./member-override.ts";
import { monitorTestRoutes } from "./monitor-test.ts";
import { monitorTypeRoutes } from "./monitor-types.ts";
import { monitorRoutes } from "./monitors.ts";
import { operationRoutes } from "./operations.ts";
import { overrideRoutes } from "./overrides.ts";
import { pdnsRoutes } from "./pdns.ts";
import { memberRoutes } from "./pool-members.ts";
import { poolRoutes } from "./pools.ts";
import { answerFault, answerProblem } from "./problem.ts";
import { providerRoutes } from "./providers.ts";
import { invalidQuery } from "./query.ts";
import { regionRoutes } from "./regions.ts";
import { serviceRoutes } from "./service.ts";
import { statusRoutes } from "./status.ts";
import { KnownAgents } from "./vantage.ts";

export function createApi(): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>({ strict: false });
  const knownAgents = new KnownAgents();
  const knownFlavors = new KnownFlavors();
  app.use(identify, (c, next) => {
    c.set("knownAgents", knownAgents);
    c.set("knownFlavors", knownFlavors);
    return next();
  });
  heartbeatRoutes(app);
  const dnsWorld = newDnsWorld();
  pdnsRoutes(app, dnsWorld);
  app.use("/v0.1/*", keepPrivate, authenticate, refuseIdempotencyKey);
  serviceRoutes(app);
  gslbRoutes(app);
  gslbPoolRoutes(app);
  poolRoutes(app);
  memberRoutes(app);
  monitorTestRoutes(app);
  monitorRoutes(app);
  monitorTypeRoutes(app);
  regionRoutes(app);
  attachmentRoutes(app);
  overrideRoutes(app);
  memberOverrideRoutes(app);
  operationRoutes(app);
  statusRoutes(app);
  historyRoutes(app);
  flavorRoutes(app);
  cloudRoutes(app);
  providerRoutes(app);
  agentWorkRoutes(app);
  agentRoutes(app);
  app.route("/dns-query", dnsQuery(dnsWorld));
  app.notFound((c) => answerProblem(c, notFound("path")));
  app.onError((error, c) => answerFault(c, error));
  return app;
}

/** A number for the request, which the log, the history and the client share. */
const identify = createMiddleware<ApiEnv>(async (c, next) => {
  c.set("requestId", crypto.randomUUID());
  await next();
  c.header("X-Request-Id", c.var.requestId);
});

/** What one token sees in one project is nobody else's: `X-Auth-Token` alone would not keep a cache from sharing it. */
const keepPrivate = createMiddleware<ApiEnv>(async (c, next) => {
  await next();
  if (!c.res.headers.has("Cache-Control")) c.header("Cache-Control", "private, no-cache");
  c.header("Vary", "X-Auth-Token, Authorization, X-Project-Id");
});

/** Repeating a POST is not recognised yet; taking the header silently would promise that it is. */
const refuseIdempotencyKey = createMiddleware<ApiEnv>(async (c, next) => {
  if (c.req.header("Idempotency-Key") === undefined) return next();
  return answerProblem(c, invalidQuery([{ parameter: "Idempotency-Key", detail: "is not supported by this version" }]));
});
