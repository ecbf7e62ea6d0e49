/** Every deliberate fault, in the order of the rules of engine.md that they break. */
import { configuration } from "./list/configuration.ts";
import { drift } from "./list/drift.ts";
import { holding } from "./list/holding.ts";
import { observations } from "./list/observations.ts";
import { overrides } from "./list/overrides.ts";
import { ownFindings } from "./list/passive.ts";
import { pools } from "./list/pools.ts";
import { publishing } from "./list/publishing.ts";
import { quorum } from "./list/quorum.ts";
import { shell } from "./list/shell.ts";
import { steering } from "./list/steering.ts";
import { vantage } from "./list/vantage.ts";
import type { Mutant } from "./mutant.ts";

export const mutants: readonly Mutant[] = [
  ...observations,
  ...quorum,
  ...vantage,
  ...holding,
  ...overrides,
  ...configuration,
  ...ownFindings,
  ...pools,
  ...steering,
  ...publishing,
  ...drift,
  ...shell,
];
