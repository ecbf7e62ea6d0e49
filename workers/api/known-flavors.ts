/**
 * Which flavors there are, for what is refused on their account: asked of the deployment's Conductor before a write, and remembered by one isolate
 * for while it cannot be asked. What a flavor's credentials are is not kept here, sealed or not.
 */
import { builtInFlavors, type Flavor } from "../../domain/flavor.ts";
import { limits } from "../../domain/limits.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import type { FlavorsRpc, Sealed } from "../../durable-objects/rpc-backends.ts";
import type { ApiContext } from "./context.ts";
import { log } from "./problem.ts";

/** `made`: those that are not built in; null: nobody can say now, and nobody said before. */
export type SeenFlavors = { readonly project: string; readonly made: readonly Flavor[] | null };

export class KnownFlavors {
  private flavors: readonly Flavor[] | null = null;
  private freshUntil = 0;

  /** Each request asks for itself: a promise of another one cannot be waited for in a Worker. */
  async read(
    question: () => Promise<Result<readonly Sealed<Flavor>[], Problem>>,
    now: () => number,
    anew: boolean,
  ): Promise<readonly Flavor[] | null> {
    if (!anew && now() < this.freshUntil) return this.flavors;
    const answer = await question();
    if (answer.ok) this.flavors = answer.value.map(({ sealed: _, ...flavor }) => flavor);
    this.freshUntil = now() + limits.agentsCacheMs;
    return this.flavors;
  }
}

/** `anew`: one that was made, or changed, a moment ago is known as it is. */
export async function flavorsOf(c: ApiContext, anew: boolean): Promise<SeenFlavors> {
  const made = await c.var.knownFlavors.read(() => askFlavors(c, (flavors) => flavors.flavors()), Date.now, anew);
  return { project: c.var.project, made };
}

/** Ok with null: there is none of that name. */
export function findFlavor({ made }: SeenFlavors, name: string): Result<Flavor | null, Problem> {
  const found = [...builtInFlavors, ...(made ?? [])].find((flavor) => flavor.name === name);
  if (found === undefined && made === null) return fail(flavorsAway);
  return ok(found ?? null);
}

export async function askFlavors<T>(
  c: ApiContext,
  question: (flavors: FlavorsRpc) => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  try {
    return await question(c.env.flavors());
  } catch (error) {
    log(c, "the Conductor did not answer", error);
    return fail(flavorsAway);
  }
}

const flavorsAway: Problem = { type: "unavailable", detail: "the flavors cannot be reached now", retryAfterSeconds: 5 };
