/**
 * Where secrets are not: of everything that an operator hands over, nothing is in the state directory but in `secrets` and `admin-token`, nothing in
 * what the processes say, and nothing in any answer of the API; whatever goes wrong with them meanwhile.
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterEach, expect, it } from "vitest";
import type { Subject } from "../backends/subject.ts";
import { powerdns } from "../backends/subjects/powerdns.ts";
import { bind } from "../backends/subjects/rfc2136.ts";
import { freePort } from "../servers/daemon.ts";
import { requireInstalled } from "../servers/installed.ts";
import { npmStarted, removeDirectory, type Started, temporaryDirectory } from "./npm-start.ts";
import { type Origin, startOrigin } from "./origins.ts";
import { type ApiAnswer, type Client, clientOf } from "./system.ts";
import { until } from "./until.ts";

const zone = "gslb.test.";
const cleanUps: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** What was handed over, by what it is. */
const secrets = new Map<string, string>();
/** Every flavor has this in its description, in base64. */
const control = randomBytes(24).toString("hex");
/** A secret that nothing has by chance. */
function secret(what: string, as: BufferEncoding = "hex"): string {
  const made = randomBytes(24).toString(as);
  secrets.set(what, made);
  return made;
}

it("are in no file of the state but their own, in no log, in no answer", { timeout: 120_000 }, async (context) => {
  requireInstalled(context, ...powerdns.needs, ...bind.needs);
  const state = await temporaryDirectory();
  cleanUps.push(() => removeDirectory(state));
  const [pdns, named, origin]: [Subject, Subject, Origin] = await Promise.all([powerdns.start(), bind.start(), startOrigin()]);
  cleanUps.push(() => Promise.all([pdns.stop(), named.stop(), origin.close()]));
  for (const server of [pdns, named]) {
    for (const [name, value] of Object.entries(server.credentials)) secrets.set(`${server.plugin.provider} ${name}`, String(value));
  }
  const first = await run(state);
  const answers: string[] = [];
  const system = heard(first, answers);
  await fill(system, { pdns, named, origin, closed: await freePort() });
  await first.end("SIGKILL");
  await until(() => first.processes(), { what: "every process to end", is: (left) => left.length === 0, timeoutMs: 20_000 });

  // Again, on what is there: what was sealed is opened, and goes on.
  const second = await run(state);
  const again = heard(second, answers);
  await pdns.away?.();
  await until(() => again.api("POST", "/v0.1/flavors/pdns/test"), { what: "PowerDNS to be missed", is: ({ body }) => body.ok === false });
  await lookAround(again);
  await pdns.back?.();
  await until(() => again.api("POST", "/v0.1/flavors/pdns/test"), { what: "the stored key to open PowerDNS", is: ({ body }) => body.ok });
  await second.end();

  const files = await filesIn(state);
  expect(files.size).toBeGreaterThan(5);
  const said = Buffer.from([first, second].flatMap((one) => [one.stdout(), one.stderr()]).join("\n"));
  const places = [...files, ["what the processes said", said], ["the API's answers", Buffer.from(answers.join("\n"))]] as const;
  expect(answers.length).toBeGreaterThan(40);
  const whereIs = (value: string): readonly string[] => {
    const spelled = spellings(value);
    return places.flatMap(([place, bytes]) => (spelled.some((text) => bytes.includes(text)) ? [place] : []));
  };
  expect([...secrets].flatMap(([what, value]) => whereIs(value).map((place) => `${what} in ${place}`))).toEqual([]);
  // What is no secret, and was written down in base64, is found by the same search.
  expect(whereIs(control)).toEqual(expect.arrayContaining([expect.stringMatching(/^data\//), "the API's answers"]));
  expect(await readFile(join(state, "admin-token"), "utf8")).toContain(first.token);
});

async function run(state: string): Promise<Started> {
  const started = await npmStarted({}, state);
  cleanUps.push(async () => {
    await started.end("SIGKILL");
    await until(() => started.processes(), { what: "every process to end", is: (left) => left.length === 0, timeoutMs: 20_000 });
  });
  secrets.set("the admin token", started.token);
  for (const line of (await readFile(join(state, "secrets"), "utf8")).trim().split("\n")) {
    const [name = "", ...value] = line.split("=");
    secrets.set(name, value.join("="));
  }
  return started;
}

/** A client all of whose answers are kept. */
function heard(started: Started, answers: string[]): Client {
  const client = clientOf(started.url, started.token);
  return {
    ...client,
    api: async (...request) => {
      const answer: ApiAnswer = await client.api(...request);
      answers.push([`${request[0]} ${request[1]} ${answer.status}`, ...answer.headers, JSON.stringify(answer.body)].join("\n"));
      return answer;
    },
  };
}

type World = { readonly pdns: Subject; readonly named: Subject; readonly origin: Origin; readonly closed: number };

/** Whatever takes secrets gets some, good and bad, and is put to use. */
async function fill(system: Client, { pdns, named, origin, closed }: World): Promise<void> {
  const post = async (path: string, body: object, status = 201) => {
    const answer = await system.api("POST", path, body);
    expect([path, answer.status, answer.status === status ? null : answer.body]).toEqual([path, status, null]);
    return answer.body;
  };
  const nobody = `http://127.0.0.1:${closed}`;
  const flavors: readonly (readonly [string, string, object, object])[] = [
    ["pdns", "powerdns", pdns.settings, pdns.credentials],
    ["named", "rfc2136", named.settings, named.credentials],
    ["wrong-key", "powerdns", pdns.settings, { api_key: secret("a wrong API key") }],
    ["wrong-tsig", "rfc2136", named.settings, { key_secret: secret("a wrong TSIG key", "base64") }],
    ["cf-dns", "cloudflare_dns", { api_url: nobody }, { api_token: secret("a token of Cloudflare's") }],
    [
      "cf-lb",
      "cloudflare_lb",
      { api_url: nobody, account_id: randomBytes(16).toString("hex") },
      { api_token: secret("another token of Cloudflare's") },
    ],
    [
      "route53",
      "route53",
      { endpoint: nobody },
      { access_key_id: `AKIA${"Q7".repeat(8)}`, secret_access_key: secret("a key of AWS", "base64") },
    ],
    [
      "designate",
      "designate",
      { endpoint: nobody, auth_url: `${nobody}/v3` },
      {
        username: "kosmos",
        password: secret("a password of Keystone's"),
        project_name: "p",
        user_domain_name: "d",
        project_domain_name: "d",
      },
    ],
  ];
  const cloud = {
    name: "two",
    auth_url: `${nobody}/v3`,
    regions: ["RegionTwo"],
    credentials: { application_credential_id: "c-1", application_credential_secret: secret("a credential of OpenStack's") },
  };
  await post("/v0.1/clouds", cloud);
  await post("/v0.1/clouds/two/test", {}, 200);
  const port = { type: "neutron_port", region: "RegionTwo", neutron_id: "00000000-0000-4000-8000-000000000001" };
  await post("/v0.1/pools", { name: "in OpenStack", members: [port] });
  for (const [name, provider, settings, credentials] of flavors) {
    await post("/v0.1/flavors", { name, provider, settings, credentials, domain_names: [zone], description: btoa(`for ${control}.`) });
    await post(`/v0.1/flavors/${name}/test`, {}, 200);
    await system.api("PATCH", `/v0.1/flavors/${name}`, { credentials: { nonsense: secret(`nonsense for ${name}`) } });
    await system.api("PATCH", `/v0.1/flavors/${name}`, { settings: { nonsense: 1 }, credentials });
  }
  for (const body of [
    `{"name":"x","credentials":{"api_key":"${secret("half a body")}"`,
    { name: 1, provider: "powerdns", credentials: 5 },
  ]) {
    await system.api("POST", "/v0.1/flavors", body);
  }
  const monitor = {
    ...{ type: "HTTP", port: origin.port, delay: 1, timeout: 1, max_retries: 2 },
    ...{
      credentials: { username: "probe", password: secret("a monitor's password") },
      secret_headers: { "x-key": secret("a secret header") },
    },
  };
  const { id: monitor_id } = await post("/v0.1/monitors", monitor);
  const bearer = { type: "HTTP", port: closed, delay: 1, timeout: 1, credentials: { bearer_token: secret("a bearer token") } };
  const { id: other } = await post("/v0.1/monitors", bearer);
  await post(`/v0.1/monitors/${other}/test`, { endpoint: "127.0.0.1" }, 200);

  const ids: string[] = [];
  for (const [name] of flavors) {
    const members = [{ endpoints: [origin.address] }, { endpoints: ["192.0.2.2"], monitor_address: "127.0.0.1" }];
    const { id: pool } = await post("/v0.1/pools", { name, members, monitor_ids: name === "named" ? [monitor_id, other] : [monitor_id] });
    const gslb = { fqdn: `${name}.${zone}`, domain_name: zone, flavor: name, pool_ids: [pool], ttl: 60 };
    ids.push((await post("/v0.1/gslbs", gslb)).id);
  }
  for (const [index, [name]] of flavors.entries()) {
    const isGood = name === "pdns" || name === "named";
    await until(() => system.api("GET", `/v0.1/gslbs/${ids[index]}/status`), {
      what: `${name} to be ${isGood ? "published" : "an error"}`,
      timeoutMs: 30_000,
      is: ({ body }) =>
        (isGood ? body.published?.[0]?.in_sync : body.published?.[0]?.last_error) === true || (!isGood && body.published?.[0]?.last_error),
    });
  }
  // A key that was good a moment ago, and its server away, in the middle of an outage.
  const forced = await system.api("PATCH", "/v0.1/flavors/pdns?force=true", { credentials: { api_key: secret("a forced key") } });
  expect(forced.status).toBe(200);
  await named.away?.();
  await origin.kill();
  for (const id of ids.slice(0, 2)) {
    expect((await system.api("PATCH", `/v0.1/gslbs/${id}`, { ttl: 90 })).status).toBe(200);
    await until(() => system.api("GET", `/v0.1/gslbs/${id}/status`), {
      what: "it to be an error",
      timeoutMs: 30_000,
      is: ({ body }) => body.status === "ERROR",
    });
  }
  await lookAround(system);
  await named.back?.();
  expect((await system.api("PATCH", "/v0.1/flavors/pdns", { credentials: pdns.credentials })).status).toBe(200);
  await until(() => system.api("GET", `/v0.1/gslbs/${ids[0]}/status`), {
    what: "it to go on",
    is: ({ body }) => body.published?.[0]?.in_sync,
  });
}

/** All that can be read. */
async function lookAround(system: Client): Promise<void> {
  const collections = [
    "flavors",
    "monitors",
    "pools",
    "pool_members",
    "gslbs",
    "history",
    "audit",
    "regions",
    "providers",
    "agents",
    "clouds",
  ];
  for (const path of [...collections.map((name) => `/v0.1/${name}?limit=1000`), "/v0.1/status", "/readyz", "/metrics"]) {
    const { body } = await system.api("GET", path);
    const [key] = collections.filter((name) => path.startsWith(`/v0.1/${name}?`));
    for (const { id, name } of (key === undefined ? null : body?.[key]) ?? []) {
      if (key === "flavors") await system.api("GET", `/v0.1/flavors/${name}`);
      if (key === "gslbs" || key === "pools") await system.api("GET", `/v0.1/${key}/${id}/status`);
      if (key === "gslbs" || key === "pools") await system.api("GET", `/v0.1/${key}/${id}/history?limit=1000`);
      if (key === "monitors") await system.api("GET", `/v0.1/monitors/${id}`);
    }
  }
}

/** As it is, and as others would write it down: in base64 at each of its three offsets, in hex, percent-encoded, and as the bytes that it encodes. */
function spellings(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value);
  const hex = bytes.toString("hex");
  const texts = [value, hex, hex.toUpperCase(), encodeURIComponent(value), JSON.stringify(value).slice(1, -1)];
  for (const shift of [0, 1, 2]) {
    const base64 = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
    // What neighbours share with it is left away at both ends.
    const own = base64.slice(shift === 0 ? 0 : 4, base64.length - 4);
    texts.push(own, own.replaceAll("+", "-").replaceAll("/", "_"));
  }
  const decoded = /^[0-9a-f]+$/.test(value) ? Buffer.from(value, "hex") : Buffer.from(value, "base64");
  return [...texts.map((text) => Buffer.from(text)), ...(decoded.length >= 12 ? [decoded] : [])];
}

/** Every file but those that are for secrets, by its path. */
async function filesIn(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const files = new Map<string, Buffer>();
  for (const entry of await readdir(directory, { recursive: true })) {
    const path = join(directory, entry);
    if (entry === "secrets" || entry === "admin-token" || !(await stat(path)).isFile()) continue;
    files.set(relative(directory, path), await readFile(path));
  }
  return files;
}
