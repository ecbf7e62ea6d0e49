// Makes `dist/kosmos-agent.cjs`, the agent in one file for Node 20 and later. esbuild comes with wrangler, a devDependency; where those were left
// out there is nothing to build with, and that is no failure of an install: the agent runs from its source on a newer Node.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const esbuild = await import("esbuild").catch(() => null);

if (esbuild === null) console.error("kosmos-agent: not bundled, since esbuild is not installed");
else {
  await esbuild.build({
    entryPoints: [join(root, "agent", "main.ts")],
    outfile: join(root, "dist", "kosmos-agent.cjs"),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node20",
    legalComments: "inline",
    logLevel: "warning",
  });
}
