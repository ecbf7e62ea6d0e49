/** The two state machines of every steered resource: health (`status`) and work in progress (`action`). */
import { oneOf } from "./schema.ts";

export const statuses = ["PENDING", "ACTIVE", "DEGRADED", "DOWN", "ERROR"] as const;
export const actions = ["NONE", "CREATE", "UPDATE", "DELETE"] as const;
export const status = oneOf(statuses);
export const action = oneOf(actions);
export type Status = (typeof statuses)[number];
export type Action = (typeof actions)[number];

/** What may follow what. There is no way back to PENDING: what was judged once stays judged. */
const statusFollows: Readonly<Record<Status, readonly Status[]>> = {
  PENDING: ["ACTIVE", "DEGRADED", "DOWN", "ERROR"],
  ACTIVE: ["DEGRADED", "DOWN", "ERROR"],
  DEGRADED: ["ACTIVE", "DOWN", "ERROR"],
  DOWN: ["ACTIVE", "DEGRADED", "ERROR"],
  ERROR: ["ACTIVE", "DEGRADED", "DOWN"],
};

const actionFollows: Readonly<Record<Action, readonly Action[]>> = {
  NONE: ["UPDATE", "DELETE"],
  CREATE: ["NONE", "DELETE"],
  UPDATE: ["NONE", "DELETE"],
  DELETE: [],
};

export const mayFollow = (from: Status, to: Status): boolean => from === to || statusFollows[from].includes(to);

/** The status to show when the state of the world says `to`: an impossible step keeps what was. */
export const nextStatus = (from: Status, to: Status): Status => (mayFollow(from, to) ? to : from);

export const actionMayFollow = (from: Action, to: Action): boolean => from === to || actionFollows[from].includes(to);
