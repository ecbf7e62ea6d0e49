/**
 * The real Worker with faults between its parts: D1 that fails, queue messages that come twice and late, checker calls that fail, Answers that
 * are away; and a checker of one region that is killed, slow, or cut off. `POST /test-faults` sets them; they are module state because all parts
 * of a local Worker share one isolate.
 */

import type { Env } from "../../../durable-objects/env.ts";
import type { CheckBatch } from "../../../durable-objects/rpc.ts";
import worker, * as real from "../../../workers/index.ts";

type Faults = {
  d1: boolean;
  checker: boolean;
  answers: boolean;
  twice: boolean;
  lateSeconds: number;
  sickRegion: string;
  killedRegion: string;
  slowRegion: string;
};
const none: Faults = {
  d1: false,
  checker: false,
  answers: false,
  twice: false,
  lateSeconds: 0,
  sickRegion: "",
  killedRegion: "",
  slowRegion: "",
};
const faults: Faults = { ...none };
/** How often each fault struck, so that a test can tell that it did. */
const struck: Record<string, number> = {};
const strike = (fault: keyof Faults) => {
  struck[fault] = (struck[fault] ?? 0) + 1;
};

/** Every method that reaches the database fails while the fault lasts. */
function faultyD1(database: D1Database): D1Database {
  return new Proxy(database, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (typeof value !== "function") return value;
      return (...args: unknown[]) => {
        if (faults.d1) {
          strike("d1");
          throw new Error("D1_ERROR: the database is away (test)");
        }
        return value.apply(target, args);
      };
    },
  });
}

function repeatingQueue(queue: Env["STATUS_RESULTS"]): Env["STATUS_RESULTS"] {
  return new Proxy(queue, {
    get(target, property) {
      const value = Reflect.get(target, property);
      if (property !== "send") return typeof value === "function" ? value.bind(target) : value;
      return async (...args: Parameters<Env["STATUS_RESULTS"]["send"]>) => {
        await target.send(...args);
        if (!faults.twice) return;
        strike("twice");
        await target.send(args[0], { delaySeconds: faults.lateSeconds });
      };
    },
  });
}

export class Conductor extends real.Conductor {
  constructor(context: DurableObjectState, env: Env) {
    super(context, { ...env, DB: faultyD1(env.DB) });
  }
}

export class Engine extends real.Engine {}

export class Prober extends real.Prober {}

export class Answers extends real.Answers {
  override async write(...args: Parameters<real.Answers["write"]>): ReturnType<real.Answers["write"]> {
    if (faults.answers) {
      strike("answers");
      throw new Error("the Answers object is away (test)");
    }
    return super.write(...args);
  }
}

export class Checker extends real.Checker {
  constructor(context: ExecutionContext, env: Env) {
    super(context, { ...env, STATUS_RESULTS: repeatingQueue(env.STATUS_RESULTS) });
  }

  override async fetch(request: Request): Promise<Response> {
    if (faults.checker) {
      strike("checker");
      throw new Error("the checker broke (test)");
    }
    const batch = await request.json<CheckBatch>();
    if (batch.region === faults.killedRegion) {
      strike("killedRegion");
      throw new Error("the checker was killed (test)");
    }
    if (batch.region === faults.slowRegion) {
      strike("slowRegion");
      await new Promise((resolve) => setTimeout(resolve, 10_000));
    }
    // A region whose network is broken reaches nothing: the real check of a port where nobody listens.
    if (batch.region === faults.sickRegion) {
      strike("sickRegion");
      for (const check of batch.checks) Object.assign(check, { target: { ...check.target, host: "127.0.0.1", port: 1 } });
    }
    return super.fetch(new Request(request.url, { method: "POST", body: JSON.stringify(batch) }));
  }
}

export default {
  ...worker,
  async fetch(request, env, context) {
    if (new URL(request.url).pathname !== "/test-faults") return worker.fetch(request, env, context);
    Object.assign(faults, none, await request.json());
    return Response.json(struck);
  },
} satisfies ExportedHandler<Env>;
