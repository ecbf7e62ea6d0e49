/**
 * From where a project can be checked: the regions of this deployment, as its settings and bindings say, and the agents that serve the project.
 * Agents are remembered for some seconds, and longer while nobody can be asked: what is only shown must not fail for want of them.
 */
import { type Agent, serves } from "../../domain/agent.ts";
import { limits } from "../../domain/limits.ts";
import { hintedRegions, parseRegions } from "../../domain/monitor.ts";
import type { Problem } from "../../domain/problem.ts";
import type { Result } from "../../domain/result.ts";
import type { Vantage } from "../../domain/runnable.ts";
import { agentCapabilities, type VantagePoint, workerCapabilities } from "../../domain/vantage-point.ts";
import { placedRegionsOf } from "../../durable-objects/env.ts";
import type { ApiSettings } from "./bindings.ts";
import type { ApiContext } from "./context.ts";
import { log } from "./problem.ts";

export type SeenVantage = Vantage & {
  /** Those that serve the project; null: nobody can be asked, and nobody was before. */
  readonly agents: readonly Agent[] | null;
};

/** The agents of the deployment, remembered by one isolate. */
export class KnownAgents {
  private agents: readonly Agent[] | null = null;
  private freshUntil = 0;

  /** Each request asks for itself: a promise of another one cannot be waited for in a Worker. */
  async read(
    question: () => Promise<Result<readonly Agent[], Problem>>,
    now: () => number,
    anew: boolean,
  ): Promise<readonly Agent[] | null> {
    if (!anew && now() < this.freshUntil) return this.agents;
    const answer = await question();
    if (answer.ok) this.agents = answer.value;
    this.freshUntil = now() + limits.agentsCacheMs;
    return this.agents;
  }
}

/** `anew`: an agent that was made a moment ago is among them. */
export async function vantageOf(c: ApiContext, anew = false): Promise<SeenVantage> {
  const agents = await c.var.knownAgents.read(() => askForAgents(c), Date.now, anew);
  return seenFrom(c.env.settings, agents?.filter((agent) => serves(agent, c.var.project)) ?? null);
}

/**
 * A write that the Conductor judges by what can be checked. It is not refused by agents that are only remembered: then it is tried again. Where
 * which agents there are is not known at all, nothing is refused for want of one.
 */
export async function judged<T>(
  c: ApiContext,
  write: (vantage: Vantage | undefined) => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  const first = await write(forWrites(await vantageOf(c)));
  return first.ok || first.error.type !== "capability" ? first : write(forWrites(await vantageOf(c, true)));
}

const forWrites = ({ points, defaults, agents }: SeenVantage): Vantage | undefined => (agents === null ? undefined : { points, defaults });

export function seenFrom(settings: ApiSettings, agents: readonly Agent[] | null): SeenVantage {
  const workers = workerCapabilities(settings.KOSMOS_ALLOW_PRIVATE);
  const points: VantagePoint[] = [
    ...hintedRegions.map((region): VantagePoint => ({ region, kind: "hinted", capabilities: workers })),
    ...placedRegionsOf(settings).map((region): VantagePoint => ({ region, kind: "placed", capabilities: workers })),
    ...(agents ?? []).map((agent): VantagePoint => ({ region: agent.name, kind: "agent", capabilities: saidBy(agent) })),
  ];
  return { points, defaults: parseRegions(settings.KOSMOS_REGIONS), agents };
}

/** One that has not polled yet may be set up with its monitors first: whatever an agent can do is expected of it. */
const saidBy = ({ facts }: Agent) => facts?.capabilities ?? agentCapabilities;

async function askForAgents(c: ApiContext): Promise<Result<readonly Agent[], Problem>> {
  try {
    return await c.env.agents().agents();
  } catch (error) {
    log(c, "the agents are not known now", error);
    return { ok: false, error: { type: "unavailable", detail: "the agents are not known now", retryAfterSeconds: 5 } };
  }
}
