import { conformance } from "./conformance.ts";
import { powerdns } from "./subjects/powerdns.ts";

conformance(powerdns);
