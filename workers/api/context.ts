/** The request's context as every file of the api sees it, and the two ways out of the Worker: to the Conductor and to the Engine. */
import type { Context } from "hono";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { ConductorRpc, EngineRpc } from "../../durable-objects/rpc.ts";
import type { VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import type { ApiEnv } from "./bindings.ts";
import { log } from "./problem.ts";

export type ApiContext = Context<ApiEnv>;

/** Asks the project's Conductor. It answers expected failures as values; a throw means that it, or D1 behind it, is away. */
export async function ask<T>(
  c: ApiContext,
  question: (conductor: ConductorRpc) => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  try {
    return await question(c.env.conductor(c.var.project));
  } catch (error) {
    log(c, "the Conductor did not answer", error);
    return fail(away("the configuration cannot be reached now"));
  }
}

/** Asks the project's Engine what it sees. */
export async function look<T>(c: ApiContext, question: (engine: EngineRpc) => Promise<T>): Promise<Result<T, Problem>> {
  try {
    return ok(await question(c.env.engine(c.var.project)));
  } catch (error) {
    log(c, "the Engine did not answer", error);
    return fail(away("the Engine cannot be reached now"));
  }
}

/** Asks the project's Engine what it knows of vantage points. */
export async function lookFrom<T>(c: ApiContext, question: (engine: VantageRpc) => Promise<T>): Promise<Result<T, Problem>> {
  try {
    return ok(await question(c.env.vantage(c.var.project)));
  } catch (error) {
    log(c, "the Engine did not answer", error);
    return fail(away("the Engine cannot be reached now"));
  }
}

export const away = (detail: string): Problem => ({ type: "unavailable", detail, retryAfterSeconds: 5 });
