import { conformance } from "./conformance.ts";
import { route53Subject } from "./subjects/route53.ts";

conformance(route53Subject);
