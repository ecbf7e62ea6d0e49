/**
 * What an agent has to do, gathered from the Engines of the projects that it serves: answered as soon as one of them has something new. An
 * Engine forgets what it has handed out, so nothing of it may get lost on the way: those that still wait are asked again, at once, which ends
 * their waiting.
 */
import type { ProjectOrders } from "../../domain/agent-wire.ts";
import type { AgentOrders, VantageRpc } from "../../durable-objects/rpc-vantage.ts";
import { openSpec, type SealingKeys } from "../../durable-objects/seal.ts";

export type Asking = {
  readonly region: string;
  readonly projects: readonly string[];
  readonly tags: Readonly<Record<string, string>>;
  readonly waitMs: number;
  vantage(project: string): VantageRpc;
  /** An Engine that does not answer is left out. */
  log(project: string, error: unknown): void;
};

export type Gathered = { readonly project: string; readonly orders: AgentOrders };

/** What an Engine may take beyond the time that it was told to wait. */
const graceMs = 5_000;
const hangsMs = 500;
const underWayMs = 20;

/** Those that answered; none: no Engine did. */
export async function gatherOrders(asking: Asking): Promise<readonly Gathered[]> {
  const asked = asking.projects.map((project) => ({ project, answers: [] as AgentOrders[], open: true }));
  const poll = async (one: (typeof asked)[number], waitMs: number) => {
    const orders = await pollOne(asking, one.project, waitMs);
    if (orders !== null) one.answers.push(orders);
    return orders !== null && isNews(orders, tagOf(asking, one.project));
  };
  const polls = asked.map(async (one) => {
    const news = await poll(one, asking.waitMs);
    one.open = false;
    return news;
  });
  await firstTrue(polls);
  const waiting = asked.filter(({ open }) => open);
  if (waiting.length > 0) {
    // An Engine that hangs must not hold up the news of another: what it hands out afterwards comes again, or too late to matter.
    await within(hangsMs, Promise.all(waiting.map((one) => poll(one, 0))));
    // What they had handed out by then is on its way; with nothing, an Engine lets a poll that was replaced wait for a while.
    await within(underWayMs, Promise.all(polls));
  }
  return asked.flatMap(({ project, answers }) => {
    const orders = merged(answers);
    return orders === null ? [] : [{ project, orders }];
  });
}

/** A project may be named as something that every object has. */
const tagOf = ({ tags }: Asking, project: string): string | null => (Object.hasOwn(tags, project) ? (tags[project] ?? null) : null);

async function pollOne(asking: Asking, project: string, waitMs: number): Promise<AgentOrders | null> {
  const { region, vantage, log } = asking;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${waitMs + graceMs} ms`)), waitMs + graceMs);
  });
  try {
    return await Promise.race([vantage(project).agentPoll({ region, tag: tagOf(asking, project), waitMs }), late]);
  } catch (error) {
    log(project, error);
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for it so long at the most. */
async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, enough]);
  clearTimeout(timer);
}

const isNews = ({ tag, assignment, confirmations, tests }: AgentOrders, had: string | null): boolean =>
  assignment !== null || tag !== (had ?? "") || confirmations.length > 0 || tests.length > 0;

/** Of two answers of one Engine the later assignment counts, and the rest of both. */
function merged(answers: readonly AgentOrders[]): AgentOrders | null {
  const last = answers.at(-1);
  if (last === undefined) return null;
  const assigned = answers.findLast(({ assignment }) => assignment !== null);
  return {
    tag: (assigned ?? last).tag,
    assignment: assigned?.assignment ?? null,
    confirmations: answers.flatMap(({ confirmations }) => confirmations),
    tests: answers.flatMap(({ tests }) => tests),
  };
}

/** As soon as one is true, or all are over. */
function firstTrue(questions: readonly Promise<boolean>[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let open = questions.length;
    if (open === 0) resolve();
    for (const question of questions) {
      question.then((yes) => {
        open -= 1;
        if (yes || open === 0) resolve();
      }, reject);
    }
  });
}

/** With the secrets in their places: this is where they leave the deployment, for the agent that has to use them. */
export async function openOrders({ project, orders }: Gathered, keys: SealingKeys): Promise<ProjectOrders> {
  const opened = async (spec: Readonly<Record<string, unknown>>) => {
    const open = await openSpec(spec, project, keys);
    return open.ok ? { spec: { ...open.value }, trouble: null } : { spec: {}, trouble: open.error };
  };
  const { assignment } = orders;
  return {
    project_id: project,
    tag: orders.tag,
    assignment:
      assignment === null
        ? null
        : {
            project_id: project,
            shard: assignment.shard,
            generation: assignment.generation,
            version: assignment.version,
            monitors: await Promise.all(
              assignment.monitors.map(async ({ confirm, ...monitor }) => ({
                ...monitor,
                ...(confirm === undefined ? {} : { confirm: { ...confirm } }),
                ...(await opened(monitor.spec)),
              })),
            ),
            checks: assignment.checks.map((check) => ({ ...check, target: { ...check.target } })),
          },
    confirmations: orders.confirmations.map((confirmation) => ({ ...confirmation })),
    tests: await Promise.all(
      orders.tests.map(async ({ id, order: { monitor_id, type, timeout_ms, spec, target } }) => ({
        id,
        order: { monitor_id, type, timeout_ms, target: { ...target }, ...(await opened(spec)) },
      })),
    ),
  };
}
