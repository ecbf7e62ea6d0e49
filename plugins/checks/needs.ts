/** What every plugin needs of a vantage point because of where it is sent: to an address that is not public, or to a port that Workers may not use. */
import { localNameReason, privateReason } from "../../domain/address.ts";
import type { CheckTarget } from "../../domain/check.ts";
import type { Capability } from "../../domain/vantage-point.ts";

/** `private` where the host is not public: an address that `privateReason` names, or a local name. Without a target: the easiest one is public. */
export function privateNeed(target: CheckTarget | null): readonly Capability[] {
  if (target === null) return [];
  return privateReason(target.host) === null && localNameReason(target.host) === null ? [] : ["private"];
}

const mailPort = 25;

/** `port_25` where a connection goes to it: Workers are refused, whoever listens there. */
export const portNeed = (port: number): readonly Capability[] => (port === mailPort ? ["port_25"] : []);
