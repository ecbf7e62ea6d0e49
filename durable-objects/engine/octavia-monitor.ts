/**
 * What judges a load balancer of Octavia's instead of a pool's monitors: Kosmos itself, by Octavia's word (engine.md, rule 4). It is no monitor that
 * anybody made; it has the form of one, so that every rule for monitors holds for it: silence, freshness, what is shown and what is told.
 */
import { limits } from "../../domain/limits.ts";
import type { Monitor } from "../../domain/monitor.ts";

export const octaviaType = "neutron_lbaas_v2";

const at = "1970-01-01T00:00:00.000Z";

export const octaviaMonitor = {
  id: "00000000-0000-4000-8000-000000000001",
  project_id: "",
  domain_id: "default",
  version: 1,
  judged_version: 1,
  created_at: at,
  updated_at: at,
  name: "Octavia",
  description: null,
  tags: [],
  type: octaviaType,
  delay: limits.octaviaPollMs / 1_000,
  timeout: limits.cloudDeadlineMs / 1_000,
  confirm_delay: limits.octaviaPollMs / 1_000,
  max_retries: 1,
  rise: 1,
  check_regions: [],
  observe_only: false,
  admin_state_up: true,
  target: null,
} as unknown as Monitor & { readonly judged_version: number };
