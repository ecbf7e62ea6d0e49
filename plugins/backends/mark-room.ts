/**
 * Names so long that no mark has a place beside them (RFC 1035, 2.3.4: 253 characters). What asks for such a place fails, and with it all that is
 * asked together; so these names are never asked for and never written, and the others go on.
 */
import type { Change, LiveRecords, WriteFailure, WriteOutcome } from "../../domain/backend.ts";
import { nameOf } from "../../domain/fence.ts";
import { markName } from "../../domain/ownership.ts";
import { fail, ok, type Result } from "../../domain/result.ts";

/** With the trailing dot. */
const longest = 254;
const hasRoom = (fqdn: string): boolean => markName(fqdn).length <= longest;
const reason = (fqdn: string): string => `${fqdn} is too long: its mark would stand at ${markName(fqdn)}`;

type Calls<Backend> = {
  readonly read: (zone: string, fqdns: readonly string[], backend: Backend) => Promise<readonly LiveRecords[]>;
  readonly write: (zone: string, changes: readonly Change[], backend: Backend) => Promise<WriteOutcome>;
};

/** `read` and `write` of a plugin that keeps marks in `_kosmos.<name>`. Nothing of a name without room is ours, so its removal has nothing to do. */
export const withMarkRoom = <Backend>({ read, write }: Calls<Backend>): Calls<Backend> => ({
  read: async (zone, fqdns, backend) => {
    const fit = fqdns.filter(hasRoom);
    const records = fit.length === 0 ? [] : await read(zone, fit, backend);
    const found = new Map(fit.map((fqdn, index) => [fqdn, records[index]]));
    return fqdns.map((fqdn) => found.get(fqdn) ?? unmarkable(fqdn));
  },
  write: async (zone, changes, backend) => {
    const fit = changes.filter((change) => hasRoom(nameOf(change)));
    const outcome = fit.length === 0 ? [] : await write(zone, fit, backend);
    if ("class" in outcome) return outcome;
    const came = new Map(fit.map((change, index) => [change, outcome[index]]));
    return changes.map((change) => came.get(change) ?? unwritable(change));
  },
});

const unmarkable = (fqdn: string): LiveRecords => ({ fqdn, epoch: null, number: null, answers: [], state: { error: reason(fqdn) } });

const unwritable = (change: Change): Result<null, WriteFailure> =>
  change.kind === "unpublish" ? ok(null) : fail({ class: "refused", detail: reason(nameOf(change)) });
