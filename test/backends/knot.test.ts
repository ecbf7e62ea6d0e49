import { conformance } from "./conformance.ts";
import { knot } from "./subjects/rfc2136.ts";

conformance(knot);
