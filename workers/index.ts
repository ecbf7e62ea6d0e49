/** The composition root: one Worker is the whole system, and each handler is handed only the bindings it needs. */
import { Answers } from "../durable-objects/answers/answers.ts";
import { Conductor } from "../durable-objects/conductor/conductor.ts";
import { Engine } from "../durable-objects/engine/engine.ts";
import type { Env } from "../durable-objects/env.ts";
import { Prober } from "../durable-objects/prober/prober.ts";
import {
  agentsOf,
  allAnswersOf,
  answersOf,
  backendsOf,
  cloudsOf,
  conductorOf,
  deploymentConductor,
  engineOf,
  flavorsOf,
  heartbeatsOf,
  testerOf,
  vantageOf,
} from "../durable-objects/stubs.ts";
import { createApi } from "./api/app.ts";
import { Checker } from "./checker/checker.ts";
import { watchdog } from "./checker/watchdog.ts";
import { consume } from "./engine/consumer.ts";

export { Answers, Checker, Conductor, Engine, Prober };

const api = createApi();

export default {
  fetch: (request, env, context) =>
    api.fetch(
      request,
      {
        settings: env,
        deployment: () => deploymentConductor(env.CONDUCTOR),
        agents: () => agentsOf(env.CONDUCTOR),
        conductor: (project) => conductorOf(env.CONDUCTOR, project),
        engine: (project) => engineOf(env.ENGINE, project),
        vantage: (project) => vantageOf(env.ENGINE, project),
        tester: (project, region) => testerOf(env.PROBER, project, region),
        flavors: () => flavorsOf(env.CONDUCTOR),
        clouds: () => cloudsOf(env.CONDUCTOR),
        backends: (project) => backendsOf(env.ENGINE, project),
        heartbeats: () => heartbeatsOf(env.CONDUCTOR),
        allAnswers: () => allAnswersOf(env.ANSWERS),
        answers: (name) => answersOf(env.ANSWERS, name),
        mayAskDns: async (client) => (await env.DNS_LIMIT?.limit({ key: client }))?.success ?? true,
        mayBeat: async (client) => (await env.HEARTBEAT_LIMIT?.limit({ key: client }))?.success ?? true,
      },
      context,
    ),
  queue: (batch, env) => consume(batch, (project) => engineOf(env.ENGINE, project)),
  scheduled: (_event, env) =>
    watchdog({
      deployment: deploymentConductor(env.CONDUCTOR),
      conductor: (project) => conductorOf(env.CONDUCTOR, project),
      engine: (project) => engineOf(env.ENGINE, project),
    }),
} satisfies ExportedHandler<Env>;
