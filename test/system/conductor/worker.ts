/**
 * A door to the Conductors' methods (`POST /rpc`), and to the faults of what stands around them (`POST /faults`): D1 fails before or after it
 * did its work, the Engine refuses or says that it has taken over less than it was told.
 */
import { DurableObject } from "cloudflare:workers";
import { Conductor as Real } from "../../../durable-objects/conductor/conductor.ts";
import type { Env } from "../../../durable-objects/env.ts";
import { conductorOf, deploymentConductor } from "../../../durable-objects/stubs.ts";

type Faults = {
  /** `before`: nothing is done; `after`: it is done and the answer is lost. */
  d1: "none" | "before" | "after";
  /** Only calls whose SQL contains this. */
  matching: string;
  engine: "none" | "refuses" | "lags";
};

/** One for the isolate, so that the door can change what the objects in it meet. */
const faults: Faults = { d1: "none", matching: "", engine: "none" };
const calls = { d1: 0 };

const lost = () => new Error("D1_ERROR: Network connection lost.");

async function faulty<T>(sql: readonly string[], work: () => Promise<T>): Promise<T> {
  calls.d1 += 1;
  const hit = sql.some((text) => text.includes(faults.matching));
  if (hit && faults.d1 === "before") throw lost();
  const value = await work();
  if (hit && faults.d1 === "after") throw lost();
  return value;
}

type Traced = { readonly real: D1PreparedStatement; readonly sql: string };
const traced = new WeakMap<object, Traced>();

function statement(real: D1PreparedStatement, sql: string): D1PreparedStatement {
  const proxy = new Proxy(real, {
    get(target, property) {
      if (property === "bind") return (...values: unknown[]) => statement(target.bind(...values), sql);
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...values: unknown[]) => faulty([sql], async () => Reflect.apply(member, target, values));
    },
  });
  traced.set(proxy, { real, sql });
  return proxy;
}

function failing(real: D1Database): D1Database {
  return new Proxy(real, {
    get(target, property) {
      if (property === "prepare") return (sql: string) => statement(target.prepare(sql), sql);
      if (property === "batch") {
        return (statements: D1PreparedStatement[]) => {
          const all = statements.map((one) => traced.get(one) ?? { real: one, sql: "" });
          return faulty(
            all.map((one) => one.sql),
            () => target.batch(all.map((one) => one.real)),
          );
        };
      }
      return Reflect.get(target, property, target);
    },
  });
}

export class Conductor extends Real {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, { ...env, DB: failing(env.DB) });
  }
}

export class Engine extends DurableObject {
  async configurationChanged(at: { epoch: number; seq: number }): Promise<{ epoch: number; seq: number }> {
    const tries = (await this.ctx.storage.get<number>("tries")) ?? 0;
    await this.ctx.storage.put("tries", tries + 1);
    if (faults.engine === "refuses") throw new Error("the Engine is away");
    if (faults.engine === "lags") return { epoch: at.epoch, seq: at.seq - 1 };
    await this.ctx.storage.put("told", at);
    return at;
  }

  async backendsChanged(): Promise<void> {
    if (faults.engine === "refuses") throw new Error("the Engine is away");
    await this.ctx.storage.put("backends", ((await this.ctx.storage.get<number>("backends")) ?? 0) + 1);
  }

  async told(): Promise<{ told: unknown; tries: number; backends: number }> {
    const count = async (key: string) => (await this.ctx.storage.get<number>(key)) ?? 0;
    return { told: (await this.ctx.storage.get("told")) ?? null, tries: await count("tries"), backends: await count("backends") };
  }
}

type Asked = { readonly project: string | null; readonly method: string; readonly args: readonly unknown[] };

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/faults") return Response.json(Object.assign(faults, await request.json()));
    if (pathname === "/calls") return Response.json(calls);
    if (pathname.startsWith("/told/")) {
      const engine = env.ENGINE.getByName(`project:${pathname.slice("/told/".length)}`) as unknown as Engine;
      return Response.json(await engine.told());
    }
    const { project, method, args } = (await request.json()) as Asked;
    const conductor = project === null ? deploymentConductor(env.CONDUCTOR) : conductorOf(env.CONDUCTOR, project);
    try {
      const door = conductor as unknown as Record<string, (...args: readonly unknown[]) => Promise<unknown>>;
      return Response.json({ returned: (await door[method]?.(...args)) ?? null });
    } catch (error) {
      return Response.json({ thrown: String(error) });
    }
  },
} satisfies ExportedHandler<Env>;
