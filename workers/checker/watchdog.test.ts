import { afterEach, describe, expect, it, vi } from "vitest";
import { limits } from "../../domain/limits.ts";
import { watchdog } from "./watchdog.ts";

const healthy = { ok: true, detail: "", queue_lag_seconds: null };

describe("the watchdog", () => {
  afterEach(() => vi.restoreAllMocks());

  it("knocks at every project's Conductor and Engine, whatever becomes of the others", async () => {
    const log = vi.spyOn(console, "error").mockImplementation(() => undefined);
    const knocked: string[] = [];
    const knock = (part: string, project: string) => {
      knocked.push(`${part} ${project}`);
      if (project === "broken") throw new Error(`${part} is away`);
    };
    await watchdog({
      deployment: { projects: async () => ["broken", "default", "other"] },
      conductor: (project) => ({ watch: async () => knock("conductor", project) }),
      engine: (project) => {
        knock("engine", project);
        return { watch: async () => healthy };
      },
    });
    expect(knocked.toSorted()).toEqual(["broken", "default", "other"].flatMap((p) => [`conductor ${p}`, `engine ${p}`]).toSorted());
    expect(log.mock.calls.map(([line]) => JSON.parse(line)).map(({ project, part, error }) => [project, part, error])).toEqual([
      ["broken", "engine", "Error: engine is away"],
      ["broken", "conductor", "Error: conductor is away"],
    ]);
  });

  it("looks after a few projects at a time", async () => {
    let open = 0;
    let most = 0;
    const watch = async () => {
      open += 1;
      most = Math.max(most, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
    };
    const projects = Array.from({ length: 50 }, (_, index) => `project-${index}`);
    let engines = 0;
    await watchdog({
      deployment: { projects: async () => projects },
      conductor: () => ({ watch }),
      engine: () => ({
        watch: async () => {
          engines += 1;
          await watch();
          return healthy;
        },
      }),
    });
    expect(most).toBe(limits.watchdogParallel);
    expect(engines).toBe(50);
  });

  it("fails, for the platform to see, when nobody says which projects there are", async () => {
    const deployment = { projects: () => Promise.reject(new Error("D1 is away")) };
    await expect(
      watchdog({ deployment, conductor: () => ({ watch: async () => undefined }), engine: () => ({ watch: async () => healthy }) }),
    ).rejects.toThrow("D1 is away");
  });
});
