/** A real PowerDNS through outages of origins, and its own: `outage-scenario.ts`. */
import { powerdns } from "../backends/subjects/powerdns.ts";
import { nameServerCases } from "./outage-scenario.ts";

nameServerCases(powerdns);
