/** How checks introduce themselves to the endpoints. */
import { version } from "./version.ts";

/** With the monitor's id, so that whoever sees it in a log can find out who asks, and why. */
export const userAgentOf = (monitorId: string | null): string => `Kosmos/${version}${monitorId === null ? "" : ` (monitor ${monitorId})`}`;
