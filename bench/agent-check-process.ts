/** The agent's side of the bench of checks, in a process of its own: so many HTTP checks of one address, with so many under way at a time. */
import { AllowList } from "../agent/allow.ts";
import { createNodeIo } from "../agent/node-io.ts";
import { assert } from "../domain/result.ts";
import { runCheck } from "../workers/checker/run-checks.ts";

export type AgentDrive = { readonly host: string; readonly port: number; readonly checks: number; readonly lanes: number };
export type AgentDriven = { readonly passed: number };

const allow = AllowList.of(["127.0.0.0/8"]);
assert(allow.ok, "the network can be read");
const io = createNodeIo({ allow: allow.value, ping: null });

process.on("disconnect", () => process.exit(0));
process.on("message", async ({ host, port, checks, lanes }: AgentDrive) => {
  const target = { host, port: null, hostHeader: null, endpoint: host };
  let begun = 0;
  let passed = 0;
  const lane = async () => {
    while (begun < checks) {
      begun += 1;
      const { outcome } = await runCheck({ type: "HTTP", spec: { port }, target, timeout_ms: 5_000 }, io);
      if (outcome === "pass") passed += 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  process.send?.({ passed } satisfies AgentDriven);
});
