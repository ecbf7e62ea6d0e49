/** A real Designate, and the PowerDNS behind it, through outages of origins, and its own: `outage-scenario.ts`. */
import { designate } from "../backends/subjects/designate.ts";
import { nameServerCases } from "./outage-scenario.ts";

nameServerCases(designate);
