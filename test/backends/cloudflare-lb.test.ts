import { conformance } from "./conformance.ts";
import { cloudflareLb } from "./subjects/cloudflare-lb.ts";

conformance(cloudflareLb);
