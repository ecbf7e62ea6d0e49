/** A real BIND through outages of origins, and its own: `outage-scenario.ts`. */
import { bind } from "../backends/subjects/rfc2136.ts";
import { nameServerCases } from "./outage-scenario.ts";

nameServerCases(bind);
