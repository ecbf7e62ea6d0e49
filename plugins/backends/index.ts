/** The registry of backend plugins: one line a provider. API, storage and the shared suite follow from it. */
import type { BackendPlugin } from "../../domain/backend.ts";
import { cloudflareDns } from "./cloudflare-dns.ts";
import { cloudflareLb } from "./cloudflare-lb.ts";
import { designate } from "./designate.ts";
import { edge } from "./edge.ts";
import { powerdns } from "./powerdns.ts";
import { rfc2136 } from "./rfc2136.ts";
import { route53 } from "./route53.ts";

export const backendPlugins: Readonly<Record<string, BackendPlugin>> = {
  edge,
  designate,
  cloudflare_dns: cloudflareDns,
  cloudflare_lb: cloudflareLb,
  powerdns,
  route53,
  rfc2136,
};
