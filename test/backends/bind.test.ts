import { conformance } from "./conformance.ts";
import { bind } from "./subjects/rfc2136.ts";

conformance(bind);
