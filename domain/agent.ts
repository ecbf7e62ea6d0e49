/** Agents: vantage points inside a network of the operator's own. An agent is a region, named as the agent is. */
import { z } from "zod";
import type { AddressFamily } from "./address.ts";
import { defaultRegions, hintedRegions } from "./monitor.ts";
import { description } from "./schema.ts";
import { type Capability, capabilities, ownRegion, placedRegions } from "./vantage-point.ts";

/** `constructor`: a name that every object has, so that results by region would seem to have it. */
const taken: ReadonlySet<string> = new Set([...hintedRegions, ...placedRegions, ...defaultRegions, ownRegion, "local", "constructor"]);
const nameError = "must match [a-z][a-z0-9-]{0,31}";

export const agentWrite = z.strictObject({
  /** The region that monitors name in `check_regions`; unique in the deployment. */
  name: z
    .string({ error: nameError })
    .regex(/^[a-z][a-z0-9-]{0,31}$/, { error: nameError })
    .refine((name) => !taken.has(name), { error: "is the name of one of Kosmos's own regions" }),
  description,
  /** Whose monitors it runs; null: every project's. */
  project_id: z
    .string({ error: "must be the id of a project" })
    .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: "must match [A-Za-z0-9_-]{1,64}" })
    .nullable()
    .default(null),
});
export type AgentWrite = z.output<typeof agentWrite>;

/** What an agent says of itself with each poll. */
export const agentFacts = z.strictObject({
  version: z.string().min(1).max(32),
  capabilities: z.array(z.enum(capabilities)).max(capabilities.length),
  address_families: z.array(z.union([z.literal(4), z.literal(6)])).max(2),
});
export type AgentFacts = {
  readonly version: string;
  readonly capabilities: readonly Capability[];
  readonly address_families: readonly AddressFamily[];
};

export type Agent = AgentWrite & {
  readonly id: string;
  readonly created_at: string;
  /** When it last polled, to the minute; null: never. */
  readonly last_seen_at: string | null;
  /** What it last said; null: nothing yet. */
  readonly facts: AgentFacts | null;
};

/** Whether the agent's region is one of the project's. */
export const serves = (agent: Agent, project: string): boolean => agent.project_id === null || agent.project_id === project;
