/** `/dns-query` as it is, and `/changes`, `/records`, which write and read through the `edge` backend as the Engine does. */
import { connect } from "cloudflare:sockets";
import type { Change } from "../../../domain/backend.ts";
import { Answers } from "../../../durable-objects/answers/answers.ts";
import { answersIo } from "../../../durable-objects/answers/answers-io.ts";
import type { Env } from "../../../durable-objects/env.ts";
import { answersOf } from "../../../durable-objects/stubs.ts";
import { edge } from "../../../plugins/backends/edge.ts";
import type { ApiBindings } from "../../../workers/api/bindings.ts";
import { newDnsWorld } from "../../../workers/api/dns-lookup.ts";
import { dnsQuery } from "../../../workers/api/dns-query.ts";

export { Answers };

const dns = dnsQuery(newDnsWorld());

export default {
  async fetch(request, env) {
    const answers = (name: string) => answersOf(env.ANSWERS, name);
    const world = { now: Date.now, sleep: async () => undefined, fetch, connect, signal: request.signal, kept: new Map() };
    const settings = { drift_interval: 300, on_drift: "reassert" } as const;
    const backend = { settings, credentials: {}, io: { ...world, answers: answersIo(answers) } };
    const { pathname, search } = new URL(request.url);
    if (pathname === "/changes") return Response.json(await edge.write("", (await request.json()) as Change[], backend));
    if (pathname === "/records") return Response.json(await edge.read?.("", (await request.json()) as string[], backend));
    const bindings: Partial<ApiBindings> = {
      settings: {},
      answers,
      mayAskDns: async (client) => (await env.DNS_LIMIT?.limit({ key: client }))?.success ?? true,
    };
    return dns.fetch(new Request(new URL(`/${search}`, request.url), request), bindings as ApiBindings);
  },
} satisfies ExportedHandler<Env>;
