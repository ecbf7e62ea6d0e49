/** Every type of monitor passes and fails against a real server, asked through the monitor test of the real system and of a real agent. */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { HealthImplementation } from "grpc-health-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkPlugins } from "../../plugins/checks/index.ts";
import { serverName } from "../servers/certificates.ts";
import { freePort } from "../servers/daemon.ts";
import { whatIsMissing, whereInstalled } from "../servers/installed.ts";
import { startKnot } from "../servers/knot.ts";
import { startNginx } from "../servers/nginx.ts";
import { startSmtp } from "../servers/smtp.ts";
import { startSshd } from "../servers/sshd.ts";
import { type AgentProcess, startAgent } from "./agent-process.ts";
import { npmStarted, removeDirectory, type Started, temporaryDirectory } from "./npm-start.ts";
import { type Client, clientOf } from "./system.ts";
import { until } from "./until.ts";

const agentRegion = "rack-1";

async function startTargets() {
  const nginx = await startNginx();
  const [knot, sshd, mail, plainMail, closed] = await Promise.all([
    startKnot(),
    startSshd(),
    startSmtp(nginx.certificates),
    startSmtp(null),
    freePort(),
  ]);
  const { key, certificate } = nginx.certificates.paths.good;
  const pair = { private_key: readFileSync(key), cert_chain: readFileSync(certificate) };
  const rpc = await Promise.all([serve(ServerCredentials.createInsecure()), serve(ServerCredentials.createSsl(null, [pair]))]);
  const echo = createSocket("udp4", (message, from) => echo.send(message, from.port, from.address));
  await new Promise<void>((resolve) => echo.bind(0, "127.0.0.1", resolve));
  return {
    nginx,
    knot,
    sshd,
    mail,
    plainMail,
    closed,
    grpc: rpc[0].port,
    grpcTls: rpc[1].port,
    udp: echo.address().port,
    stop: async () => {
      echo.close();
      for (const { server } of rpc) server.forceShutdown();
      await Promise.all([nginx, knot, sshd, mail, plainMail].map((daemon) => daemon.stop()));
    },
  };
}
type Targets = Awaited<ReturnType<typeof startTargets>>;

async function serve(credentials: ServerCredentials) {
  const server = new Server();
  new HealthImplementation({ "": "SERVING", "shop.Stock": "NOT_SERVING" }).addToServer(server);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { server, port };
}

const wanted = ["nginx", "openssl", "sshd", "knot", "ping"] as const;
const targets = whereInstalled(wanted, startTargets);

type Case = {
  /** "worker": a region of Cloudflare's kind; "agent": only an agent can. */
  readonly from: "worker" | "agent";
  readonly monitor: (targets: Targets) => object;
  readonly endpoint?: string;
  readonly sees: readonly ["pass" | "fail", RegExp];
};
const worker = (monitor: Case["monitor"], ...sees: Case["sees"]): Case => ({ from: "worker", monitor, sees });
const agent = (monitor: Case["monitor"], ...sees: Case["sees"]): Case => ({ from: "agent", monitor, sees });
const byName = (one: Case): Case => ({ ...one, endpoint: "localhost." });
const tls = ({ nginx }: Targets) => ({ sni: serverName, ca_cert: nginx.certificates.ca });

const cases: Readonly<Record<string, readonly Case[]>> = {
  HTTP: [
    worker(({ nginx }) => ({ port: nginx.http, url_path: "/healthz", receive_string: "status=ok" }), "pass", /^200$/),
    worker(({ nginx }) => ({ port: nginx.http, url_path: "/status/503" }), "fail", /503/),
    worker(
      ({ nginx }) => ({ port: nginx.http, url_path: "/json", json_assertions: [{ path: "$.queue", less_than: 10 }] }),
      "pass",
      /^200$/,
    ),
    worker(({ nginx }) => ({ port: nginx.http, url_path: "/json", json_assertions: [{ path: "$.queue", less_than: 5 }] }), "fail", /queue/),
    worker(({ nginx }) => ({ port: nginx.http, url_path: "/hops/3", follow_redirects: true }), "pass", /^200$/),
    worker(({ nginx }) => ({ port: nginx.http, url_path: "/loop", follow_redirects: true }), "fail", /redirect/),
    worker(
      ({ nginx }) => ({ port: nginx.http, url_path: "/private", credentials: { username: "gslb", password: "gslb-pass" } }),
      "pass",
      /^200$/,
    ),
    worker(({ nginx }) => ({ port: nginx.http, url_path: "/private" }), "fail", /401/),
  ],
  HTTPS: [
    byName(worker(({ nginx }) => ({ port: nginx.https.good }), "pass", /^200$/)),
    byName(worker(({ nginx }) => ({ port: nginx.https.expired }), "fail", /./)),
    agent((at) => ({ port: at.nginx.https.good, ...tls(at) }), "pass", /^200$/),
    agent((at) => ({ port: at.nginx.https.expired, ...tls(at) }), "fail", /expired/),
    agent((at) => ({ port: at.nginx.https.wrongName, ...tls(at) }), "fail", /name/),
    agent((at) => ({ port: at.nginx.https.selfSigned, ...tls(at) }), "fail", /self-signed/),
    agent((at) => ({ port: at.nginx.https.selfSigned, sni: serverName, insecure: true }), "pass", /^200$/),
  ],
  TCP: [
    worker(({ sshd }) => ({ port: sshd.port, receive_string: "SSH-2.0" }), "pass", /./),
    worker(({ closed }) => ({ port: closed }), "fail", /refused/),
  ],
  TLS: [
    byName(worker(({ nginx }) => ({ port: nginx.https.good }), "pass", /./)),
    byName(worker(({ nginx }) => ({ port: nginx.https.selfSigned }), "fail", /./)),
    agent((at) => ({ port: at.nginx.https.tls12, ...tls(at) }), "pass", /./),
    agent((at) => ({ port: at.nginx.https.otherCa, ...tls(at) }), "fail", /authority|issuer/),
  ],
  SMTP: [
    worker(({ mail }) => ({ port: mail.port, starttls: true }), "pass", /./),
    worker(({ plainMail }) => ({ port: plainMail.port, starttls: true }), "fail", /STARTTLS/),
  ],
  SSH: [
    worker(({ sshd }) => ({ port: sshd.port }), "pass", /SSH-2\.0-OpenSSH/),
    worker(({ nginx }) => ({ port: nginx.http }), "fail", /./),
  ],
  DNS: [
    worker(({ knot }) => ({ port: knot.port, dns_name: "www.gslb.test", dns_answers: ["192.0.2.11"] }), "pass", /./),
    worker(({ knot }) => ({ port: knot.port, dns_name: "nobody.gslb.test" }), "fail", /NXDOMAIN/),
    agent(({ knot }) => ({ port: knot.port, dns_name: "www.gslb.test", transport: "udp" }), "pass", /./),
    agent(({ closed }) => ({ port: closed, dns_name: "www.gslb.test", transport: "udp" }), "fail", /./),
  ],
  GRPC: [
    worker(({ grpc }) => ({ port: grpc, tls: false }), "pass", /SERVING/),
    worker(({ grpc }) => ({ port: grpc, tls: false, service: "shop.Stock" }), "fail", /NOT_SERVING/),
    byName(agent(({ grpcTls }) => ({ port: grpcTls }), "fail", /authority|self-signed|issuer/)),
  ],
  UDP: [
    agent(({ udp }) => ({ port: udp, send: "ping", receive_string: "ping" }), "pass", /./),
    agent(({ closed }) => ({ port: closed, send: "ping", receive_string: "ping" }), "fail", /./),
  ],
  PING: [agent(() => ({}), "pass", /./), { ...agent(() => ({ timeout: 1 }), "fail", /./), endpoint: "198.51.100.77" }],
};

describe("every type of monitor", () => {
  let [folder, stateDirectory] = ["", ""];
  let system: Started;
  let client: Client;
  let running: AgentProcess;

  beforeAll(async () => {
    [folder, stateDirectory] = [await temporaryDirectory(), await temporaryDirectory()];
    await targets.start();
    // Where the servers are not installed each test says so.
    const ca = whatIsMissing(...wanted) === null ? targets.get({ skip: () => undefined }).nginx.certificates.ca : "";
    await writeFile(join(folder, "ca.pem"), ca);
    // What workerd trusts beside the public authorities, here.
    const trust: Record<string, string> = ca === "" ? {} : { NODE_EXTRA_CA_CERTS: join(folder, "ca.pem") };
    system = await npmStarted({ KOSMOS_REGIONS: "weur", ...trust }, stateDirectory);
    client = clientOf(system.url, system.token);
    const made = await client.api("POST", "/v0.1/agents", { name: agentRegion });
    expect(made.status).toBe(201);
    running = startAgent(["--url", system.url, "--allow", "127.0.0.0/8", "--allow", "198.51.100.0/24"], made.body.token);
    const seen = async () => (await client.api("GET", "/v0.1/agents")).body.agents;
    await until(seen, { what: "the agent", is: (agents) => agents[0]?.last_seen_at != null, timeoutMs: 30_000 });
  }, 120_000);
  afterAll(async () => {
    await running?.end();
    await system?.end();
    await targets.stop();
    await removeDirectory(folder);
    await removeDirectory(stateDirectory);
  });

  const test = (monitor: object, endpoint: string, regions: readonly string[]) =>
    client.api("POST", "/v0.1/monitors/test", {
      monitor: { timeout: 2, ...monitor, check_regions: regions },
      endpoint,
    });

  it("is here, but for those that Kosmos judges itself", () => {
    expect(Object.keys(cases).sort()).toEqual(
      Object.keys(checkPlugins)
        .filter((type) => type !== "HEARTBEAT" && type !== "CALCULATED")
        .sort(),
    );
  });

  it.for(Object.keys(cases))("%s passes what is well, and fails what is not, from where it can be asked", async (type, context) => {
    const at = targets.get(context);
    const own = cases[type] ?? [];
    expect(new Set(own.map(({ sees }) => sees[0]))).toEqual(new Set(["pass", "fail"]));
    for (const { from, monitor, endpoint = "127.0.0.1", sees } of own) {
      const body = { type, ...monitor(at) };
      const region = from === "worker" ? "weur" : agentRegion;
      const answer = await test(body, endpoint, [region]);
      expect([type, answer.status, answer.body.detail]).toEqual([type, 200, undefined]);
      const [result] = answer.body.results;
      expect(result).toMatchObject({ region, outcome: sees[0], detail: expect.stringMatching(sees[1]) });
      if (from === "agent") {
        // Nobody else could have said so, and Kosmos says that, and what it would take.
        const refused = await test(body, endpoint, ["weur"]);
        expect([refused.status, refused.body.type]).toEqual([422, "/problems/capability"]);
        expect(JSON.stringify(refused.body)).toMatch(/which none of its regions has; rack-1 would do/);
      }
    }
  });

  it.each(["HEARTBEAT", "CALCULATED"])("%s is refused: no region could look at it", async (type) => {
    const own = type === "HEARTBEAT" ? {} : { monitor_ids: ["11111111-1111-4111-8111-111111111111"], at_least: 1 };
    const refused = await test({ type, ...own }, "127.0.0.1", []);
    expect([refused.status, refused.body.type]).toEqual([422, "/problems/capability"]);
  });
});
