import { defineConfig } from "vitest/config";

/** Where `.ci/run` finds what to count; one file for each run. */
const reports = process.env.KOSMOS_TEST_REPORTS;

/** `unit`: pure logic, beside its source, in milliseconds. `system`: the whole Worker against real local servers, one file after the other. */
export default defineConfig({
  test: {
    // What a Worker logs is of interest where its test failed.
    silent: "passed-only",
    reporters: reports === undefined ? ["default"] : ["default", ["json", { outputFile: `${reports}/${process.pid}.json` }]],
    projects: [
      {
        test: {
          name: "unit",
          // Not a bound on anything but a hang: machines are as busy as they are.
          testTimeout: 30_000,
          // A process runs many files, and loads what they share once. No unit test mocks a module, or leaves anything behind.
          isolate: false,
          // Vitest leaves one core to itself; many of these tests wait for a socket.
          maxWorkers: 2,
          include: ["{agent,domain,plugins,durable-objects,workers,local,bench}/**/*.test.ts", "test/*.test.ts", "test/sim/**/*.test.ts"],
        },
      },
      {
        test: {
          name: "system",
          include: ["test/{system,servers,differential,backends}/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Nothing is fetched from anywhere, nothing is told to anyone, and not every queue batch is announced.
          env: { CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false", WRANGLER_LOG: "error" },
        },
      },
    ],
  },
});
