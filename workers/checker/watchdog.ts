/** The cron's round: each project's Conductor and Engine get a knock, so that what fell silent goes on. A failing project stops no other. */
import { limits } from "../../domain/limits.ts";
import type { ConductorRpc, EngineRpc } from "../../durable-objects/rpc.ts";

export type WatchdogBindings = {
  readonly deployment: Pick<ConductorRpc, "projects">;
  readonly conductor: (project: string) => Pick<ConductorRpc, "watch">;
  readonly engine: (project: string) => Pick<EngineRpc, "watch">;
};

export async function watchdog({ deployment, conductor, engine }: WatchdogBindings): Promise<void> {
  const waiting = (await deployment.projects()).values();
  const round = async (): Promise<void> => {
    for (const project of waiting) {
      // Both, whatever becomes of the first: judging does not need the Conductor, so it does not wait for one that hangs either.
      await knock(project, "engine", async () => engine(project).watch());
      await knock(project, "conductor", async () => conductor(project).watch());
    }
  };
  await Promise.all(Array.from({ length: limits.watchdogParallel }, round));
}

async function knock(project: string, part: string, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    console.error(JSON.stringify({ message: "watchdog: a part does not answer", project, part, error: String(error) }));
  }
}
