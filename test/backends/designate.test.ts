import { conformance } from "./conformance.ts";
import { designate } from "./subjects/designate.ts";

conformance(designate);
