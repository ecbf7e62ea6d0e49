/** The Durable Object of an Engine: it builds the shell's ports from the platform, and passes every call on. It decides nothing. */
import { connect } from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";
import { parseAnchors } from "../../domain/anchors.ts";
import { builtInFlavors } from "../../domain/flavor.ts";
import { parseRegions } from "../../domain/monitor.ts";
import type { CheckReport } from "../../domain/observation.ts";
import type { Override } from "../../domain/override.ts";
import { assert } from "../../domain/result.ts";
import { backendPlugins } from "../../plugins/backends/index.ts";
import { answersIo } from "../answers/answers-io.ts";
import type { Env } from "../env.ts";
import type { Caller, EngineRpc } from "../rpc.ts";
import type { BackendsRpc } from "../rpc-backends.ts";
import type { AgentPoll, CheckResult, TestOrder, VantageRpc } from "../rpc-vantage.ts";
import type { SealingKeys } from "../seal.ts";
import { answersOf, cloudsOf, conductorOf, flavorsOf, proberOf, projectOf } from "../stubs.ts";
import type { BoundFlavor, EnginePorts } from "./ports.ts";
import { EngineShell } from "./shell.ts";

export class Engine extends DurableObject<Env> implements EngineRpc, VantageRpc, BackendsRpc {
  private readonly shell: EngineShell;

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.shell = new EngineShell(portsOf(context, env));
    context.blockConcurrencyWhile(() => this.shell.start());
  }

  // Methods of the prototype, since the platform calls no others.
  configurationChanged(at: Parameters<EngineRpc["configurationChanged"]>[0]) {
    return this.shell.configurationChanged(at);
  }

  observe(reports: readonly CheckReport[], queueLagMs: number) {
    return this.shell.observe(reports, queueLagMs);
  }

  beat(monitorId: string, memberId: string | null) {
    return this.shell.beat(monitorId, memberId);
  }

  watch() {
    return this.shell.watch();
  }

  memberStatus(id: string) {
    return this.shell.memberStatus(id);
  }

  poolStatus(id: string) {
    return this.shell.poolStatus(id);
  }

  gslbStatus(id: string) {
    return this.shell.gslbStatus(id);
  }

  projectStatus() {
    return this.shell.projectStatus();
  }

  preflight(override: Override) {
    return this.shell.preflight(override);
  }

  release(poolId: string, by: Caller) {
    return this.shell.release(poolId, by);
  }

  failback(gslbId: string, by: Caller) {
    return this.shell.failback(gslbId, by);
  }

  health() {
    return this.shell.health();
  }

  regions() {
    return this.shell.regions();
  }

  agentPoll(poll: AgentPoll) {
    return this.shell.agentPoll(poll);
  }

  agentTested(id: string, result: CheckResult) {
    return this.shell.agentTested(id, result);
  }

  testByAgent(order: TestOrder) {
    return this.shell.testByAgent(order);
  }

  backendsChanged() {
    return this.shell.backendsChanged();
  }

  testFlavor(flavor: Parameters<BackendsRpc["testFlavor"]>[0]) {
    return this.shell.testFlavor(flavor);
  }

  testCloud(cloud: Parameters<BackendsRpc["testCloud"]>[0]) {
    return this.shell.testCloud(cloud);
  }

  override alarm() {
    return this.shell.alarm();
  }
}

function portsOf(context: DurableObjectState, env: Env): EnginePorts {
  const projectId = projectOf(context.id.name);
  assert(projectId !== null, "an Engine is named by its project");
  const { storage } = context;
  const now = () => Date.now();
  const anchors = parseAnchors(env.KOSMOS_ANCHORS);
  if (!anchors.ok) console.error(`engine ${projectId}: no anchors are checked: ${anchors.error}`);
  return {
    projectId,
    regions: parseRegions(env.KOSMOS_REGIONS),
    anchors: anchors.ok ? anchors.value : [],
    allowPrivate: env.KOSMOS_ALLOW_PRIVATE,
    resolverUrl: env.KOSMOS_RESOLVER_URL === "" ? undefined : env.KOSMOS_RESOLVER_URL,
    storage,
    alarm: { get: () => storage.getAlarm(), set: (at) => storage.setAlarm(at) },
    now,
    sleep,
    random: () => Math.random(),
    newId: () => crypto.randomUUID(),
    conductor: conductorOf(env.CONDUCTOR, projectId),
    prober: (key) => proberOf(env.PROBER, { project: projectId, ...key }),
    flavors: boundFlavor,
    flavorSource: {
      flavors: () => flavorsOf(env.CONDUCTOR).flavors(),
      keys: sealingKeysOf(env),
      plugins: backendPlugins,
    },
    cloudSource: { clouds: () => cloudsOf(env.CONDUCTOR).clouds(), keys: sealingKeysOf(env) },
    backendIo: {
      now,
      fetch: fetch.bind(globalThis),
      connect: (address) => connect(address, { secureTransport: "off", allowHalfOpen: false }),
      answers: answersIo((name) => answersOf(env.ANSWERS, name)),
    },
    background: (promise) => context.waitUntil(promise),
    log: console,
  };
}

/** Nothing else of the environment comes near credentials. */
const sealingKeysOf = ({ KOSMOS_ENCRYPTION_KEY: key, KOSMOS_ENCRYPTION_KEY_PREVIOUS: previous }: Env): SealingKeys => ({
  ...(key === undefined ? {} : { KOSMOS_ENCRYPTION_KEY: key }),
  ...(previous === undefined ? {} : { KOSMOS_ENCRYPTION_KEY_PREVIOUS: previous }),
});

function boundFlavor(name: string): BoundFlavor | null {
  const flavor = builtInFlavors.find((candidate) => candidate.name === name);
  const plugin = flavor === undefined ? undefined : backendPlugins[flavor.provider];
  return flavor === undefined || plugin === undefined ? null : { plugin, settings: flavor.settings, credentials: {} };
}

/** A timer that is still pending would keep the object awake, and billed: it ends with what it was for. */
function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    }
    signal?.addEventListener("abort", done);
  });
}
