/** A real Knot DNS through outages of origins, and its own: `outage-scenario.ts`. */
import { knot } from "../backends/subjects/rfc2136.ts";
import { nameServerCases } from "./outage-scenario.ts";

nameServerCases(knot);
