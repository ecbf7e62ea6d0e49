/**
 * What it takes to change five hundred names at once at each backend: seconds and calls, with the look before the write and the look after it, as the
 * Engine does. Servers are real where one runs here; a double's seconds are its own. Baseline: one name, in the same run.
 */
import assert from "node:assert/strict";
import { Lab, set } from "../test/backends/lab.ts";
import type { SubjectKind } from "../test/backends/subject.ts";
import { subjects } from "../test/backends/subjects/index.ts";
import { whatIsMissing } from "../test/servers/installed.ts";
import { type Bench, type Figure, median, seconds } from "./figure.ts";

const many = 500;
const rounds = 3;

export const publish: Bench = {
  name: "publish",
  about: `${many} changed names at once, per backend, read before and after; baseline: one changed name`,
  run: async (say) => {
    const figures: Figure[] = [];
    for (const kind of subjects) {
      if (kind.provider === null || kind.provider === "edge") continue;
      const missing = whatIsMissing(...kind.needs);
      if (missing !== null) throw new Error(missing);
      figures.push(await measure(kind, say));
    }
    return figures;
  },
};

type Cost = { readonly seconds: number; readonly calls: number; readonly writes: number };

async function measure(kind: SubjectKind, say: (line: string) => void): Promise<Figure> {
  const subject = await kind.start();
  try {
    const lab = new Lab(subject);
    const names = Array.from({ length: many }, (_, index) => lab.name(`many-${index}`));
    await write(lab, names, "192.0.2.1");
    const all: Cost[] = [];
    const one: Cost[] = [];
    for (let round = 0; round < rounds; round += 1) {
      all.push(await write(lab, names, `192.0.2.${10 + round}`));
      one.push(await write(lab, names.slice(0, 1), `192.0.2.${20 + round}`));
    }
    const [ours, baseline] = [median(all.map((cost) => cost.seconds)), median(one.map((cost) => cost.seconds))];
    const [last, single] = [all.at(-1), one.at(-1)];
    assert(last !== undefined && single !== undefined);
    const calls = ({ calls: total, writes }: Cost) => `${total} calls, ${writes} of them writes`;
    say(`${kind.name}: ${seconds(ours)}, ${calls(last)}; one name ${seconds(baseline)}, ${calls(single)} (${kind.against})`);
    return {
      name: `${kind.name}: ${many} changed names`,
      ours: `${seconds(ours)}, ${calls(last)}`,
      baseline: `${seconds(baseline)}, ${calls(single)}`,
      ratio: ours / baseline,
      goal: "",
      met: null,
    };
  } finally {
    await subject.stop();
  }
}

/** In as many writes as the provider's batch asks for, one after the other, until all is live. */
async function write(lab: Lab, names: readonly string[], address: string): Promise<Cost> {
  const { batch } = lab.subject.plugin.supports;
  const changes = names.map((name) => lab.publish(name, [set("A", address)]));
  const [calls, writes, from] = [lab.network.calls, lab.network.writes, performance.now()];
  for (let start = 0; start < changes.length; start += batch) await lab.writes(...changes.slice(start, start + batch));
  await lab.read(names);
  return { seconds: (performance.now() - from) / 1_000, calls: lab.network.calls - calls, writes: lab.network.writes - writes };
}
