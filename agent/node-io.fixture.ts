/** The world of an agent that may check this machine alone, for the tests of check plugins against real servers. */
import { AllowList } from "./allow.ts";
import { createNodeIo } from "./node-io.ts";
import { findPing } from "./node-ping.ts";

const loopback = AllowList.of(["127.0.0.0/8", "::1"]);
if (!loopback.ok) throw new Error(loopback.error);

export const agentIo = createNodeIo({ allow: loopback.value, ping: findPing() });
