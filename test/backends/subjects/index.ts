/** The backends that the suite tries, one line each, in the order of the page. */
import type { SubjectKind } from "../subject.ts";
import { cloudflareDns } from "./cloudflare-dns.ts";
import { cloudflareLb } from "./cloudflare-lb.ts";
import { designate } from "./designate.ts";
import { edge } from "./edge.ts";
import { memory } from "./memory.ts";
import { powerdns } from "./powerdns.ts";
import { bind, knot } from "./rfc2136.ts";
import { route53Subject } from "./route53.ts";

export const subjects: readonly SubjectKind[] = [
  memory,
  edge,
  cloudflareDns,
  cloudflareLb,
  powerdns,
  route53Subject,
  bind,
  knot,
  designate,
];
