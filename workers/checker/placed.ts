/**
 * A checker in a deployment of its own, where no Durable Object can be placed (`placed.toml`). It returns what it saw to the Prober that
 * asked, and has no queue, no storage and no public address: only a service binding reaches it.
 */
import { type CheckerSettings, serveChecks } from "./serve.ts";

export default {
  fetch: (request, settings) => serveChecks(request, settings, async () => undefined),
} satisfies ExportedHandler<CheckerSettings>;
