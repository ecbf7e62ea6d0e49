import { conformance } from "./conformance.ts";
import { cloudflareDns } from "./subjects/cloudflare-dns.ts";

conformance(cloudflareDns);
