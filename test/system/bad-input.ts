/** Every route that takes a body: one that it takes, and what is wrong for it, with the field that the answer must point to. */
import type { ApiAnswer } from "./system.ts";

export type World = { gslb: string; pool: string; member: string; monitor: string; override: string };
export type Body = Readonly<Record<string, unknown>>;
/** A write: a body that it takes, and what else of it is wrong for this route alone. */
export type Write = {
  readonly method: "POST" | "PUT" | "PATCH";
  readonly path: (world: World) => string;
  /** The query parameters that it takes, each true or false. */
  readonly flags?: readonly string[];
  readonly body: (world: World) => Body;
  readonly wrong: readonly (readonly [change: Body, pointer: string, status: 400 | 409 | 422])[];
  /** The paths to delete, in this order, to take back what a body that happened to be right has made. */
  readonly undo?: (answer: ApiAnswer, world: World) => readonly string[];
};

/** An id of nothing. */
export const nowhere = "00000000-0000-4000-8000-000000000000";

const gslbBody = () => ({ fqdn: "new.example.com.", domain_name: "example.com." });
const memberBody = () => ({ endpoints: ["192.0.2.9"] });
const gslbWrong: Write["wrong"] = [
  [{ fqdn: "www.elsewhere.org." }, "/fqdn", 400],
  [{ fqdn: "not a name" }, "/fqdn", 400],
  [{ fqdn: 1 }, "/fqdn", 400],
  [{ ttl: 86_401 }, "/ttl", 400],
  [{ ttl: 1.5 }, "/ttl", 400],
  [{ pool_ids: [nowhere] }, "/pool_ids/0", 422],
  [{ pool_ids: ["x"] }, "/pool_ids/0", 400],
  [{ flavor: "nowhere" }, "/flavor", 422],
  [{ steering_policy: "latency" }, "/steering_policy", 422],
  [{ failback: "never" }, "/failback", 400],
  [{ on_all_down: "fallback_pool" }, "/fallback_pool_id", 400],
  [{ fallback_pool_id: nowhere }, "/fallback_pool_id", 422],
  [{ pool_weights: {} }, "/pool_weights", 400],
  [{ affinity: "none" }, "/affinity", 400],
];
const memberWrong: Write["wrong"] = [
  [{ endpoints: ["192.0.2.300"] }, "/endpoints/0", 400],
  [{ endpoints: ["::g"] }, "/endpoints/0", 400],
  [{ endpoints: [] }, "/endpoints", 400],
  [{ endpoints: ["127.0.0.1"] }, "/endpoints/0", 422],
  [{ monitor_address: "10.0.0.1" }, "/monitor_address", 422],
  [{ monitor_port: 0 }, "/monitor_port", 400],
  [{ monitor_port: 65_536 }, "/monitor_port", 400],
  [{ weight: -1 }, "/weight", 400],
  [{ override: { state: "drain" } }, "/override", 400],
];
const monitorWrong: Write["wrong"] = [
  [{ port: 0 }, "/port", 400],
  [{ port: 65_536 }, "/port", 400],
  [{ delay: "20" }, "/delay", 400],
  [{ delay: 3, timeout: 4 }, "/timeout", 400],
  [{ check_regions: ["mars"] }, "/check_regions/0", 422],
  [{ url_path: "no slash" }, "/url_path", 400],
  [{ target: "10.0.0.1" }, "/target", 422],
  [{ target: "a b" }, "/target", 400],
  [{ credentials: 7 }, "/credentials", 400],
  [{ sealed: {} }, "/sealed", 400],
  [{ heartbeat_secret: "mine" }, "/heartbeat_secret", 400],
  [{ headers: { Authorization: "Basic x" } }, "/headers/Authorization", 422],
  [{ type: "FTP" }, "/type", 400],
];
const poolWrong: Write["wrong"] = [
  [{ name: "" }, "/name", 400],
  [{ quorum_percent: 101 }, "/quorum_percent", 400],
  [{ min_regions: 0 }, "/min_regions", 400],
  [{ flavor: "nowhere" }, "/flavor", 422],
  [{ panic_percent: 101 }, "/panic_percent", 400],
  [{ failback_delay: -1 }, "/failback_delay", 400],
  [{ max_removal_percent: 0 }, "/max_removal_percent", 400],
];
const overrideWrong: Write["wrong"] = [
  [{ state: "off" }, "/state", 400],
  [{ reason: 7 }, "/reason", 400],
  [{ expires_at: "soon" }, "/expires_at", 400],
  [{ expires_at: "2020-01-01T00:00:00Z" }, "/expires_at", 400],
  [{ force: "yes" }, "/force", 400],
  [{ by: "somebody" }, "/by", 400],
];
/** What can leave a live GSLB without a member. */
const forced = ["force"];
const within = (wrong: Write["wrong"], wrap: (change: Body) => Body, at: string): Write["wrong"] =>
  wrong.map(([change, pointer, status]) => [wrap(change), `${at}${pointer}`, status]);

export const writes: Readonly<Record<string, Write>> = {
  "POST gslbs": {
    method: "POST",
    path: () => "/v0.1/gslbs",
    body: gslbBody,
    wrong: [...gslbWrong, [{ fqdn: "taken.example.com." }, "/fqdn", 409], [{ fqdn: "TAKEN.example.com" }, "/fqdn", 409]],
    undo: (answer) => [`/v0.1/gslbs/${answer.body.id}`],
  },
  "PUT gslb": {
    method: "PUT",
    path: ({ gslb }) => `/v0.1/gslbs/${gslb}`,
    flags: forced,
    body: ({ pool }) => ({ fqdn: "www.example.com.", domain_name: "example.com.", pool_ids: [pool] }),
    wrong: [...gslbWrong.slice(1), [{ fqdn: "other.example.com." }, "/fqdn", 422], [{ fqdn: "www.elsewhere.org." }, "/fqdn", 422]],
  },
  "PATCH gslb": {
    method: "PATCH",
    path: ({ gslb }) => `/v0.1/gslbs/${gslb}`,
    flags: forced,
    body: () => ({}),
    wrong: [...gslbWrong.slice(1), [{ fqdn: "taken.example.com." }, "/fqdn", 422], [{ domain_name: "com." }, "/domain_name", 422]],
  },
  "POST pools": {
    method: "POST",
    path: () => "/v0.1/pools",
    body: () => ({ name: "new" }),
    wrong: [
      ...poolWrong,
      ...within(memberWrong, (change) => ({ members: [memberBody(), { ...memberBody(), ...change }] }), "/members/1"),
      [{ monitor_ids: [nowhere] }, "/monitor_ids/0", 422],
      [{ members: [memberBody()], monitor_ids: [nowhere] }, "/monitor_ids/0", 422],
    ],
    undo: (answer) => [`/v0.1/pools/${answer.body.id}`],
  },
  "PUT pool": { method: "PUT", path: ({ pool }) => `/v0.1/pools/${pool}`, flags: forced, body: () => ({ name: "p" }), wrong: poolWrong },
  "PATCH pool": { method: "PATCH", path: ({ pool }) => `/v0.1/pools/${pool}`, flags: forced, body: () => ({}), wrong: poolWrong },
  "POST pools of a gslb": {
    method: "POST",
    path: ({ gslb }) => `/v0.1/gslbs/${gslb}/pools`,
    body: () => ({ name: "new" }),
    wrong: [
      ...poolWrong,
      [{ position: 20 }, "/position", 400],
      [{ weight: 65_536 }, "/weight", 400],
      [{ geofence: 1 }, "/geofence", 400],
      ...within(memberWrong, (change) => ({ members: [{ ...memberBody(), ...change }] }), "/members/0"),
    ],
    undo: (answer, { gslb }) => [`/v0.1/gslbs/${gslb}/pools/${answer.body.id}`, `/v0.1/pools/${answer.body.id}`],
  },
  "POST a pool that there is": {
    method: "POST",
    path: ({ gslb }) => `/v0.1/gslbs/${gslb}/pools`,
    body: () => ({ pool_id: nowhere }),
    wrong: [
      [{}, "/pool_id", 422],
      [{ pool_id: 7 }, "/pool_id", 400],
      [{ weight: -1 }, "/weight", 400],
      [{ locations: [{ country: "UK" }] }, "/locations/0/country", 400],
    ],
  },
  "PATCH a pool's place": {
    method: "PATCH",
    path: ({ gslb, pool }) => `/v0.1/gslbs/${gslb}/pools/${pool}`,
    body: () => ({ position: 0, weight: 1 }),
    wrong: [
      [{ position: 1 }, "/position", 422],
      [{ position: -1 }, "/position", 400],
      [{ position: "0" }, "/position", 400],
      [{ weight: 65_536 }, "/weight", 400],
      [{ locations: [{ country: "UK" }] }, "/locations/0/country", 400],
    ],
  },
  "PUT the pools with weights": {
    method: "PUT",
    path: ({ gslb }) => `/v0.1/gslbs/${gslb}/pools`,
    flags: forced,
    body: ({ pool }) => ({ pools: [{ pool_id: pool, weight: 1 }] }),
    wrong: [
      [{ pools: [{ pool_id: nowhere }] }, "/pools/0/pool_id", 422],
      [{ pools: [{ pool_id: nowhere }, { pool_id: nowhere }] }, "/pools", 400],
      [{ pools: [{ pool_id: nowhere, weight: 0.5 }] }, "/pools/0/weight", 400],
      [{ pools: [{ pool_id: nowhere, locations: [{}] }] }, "/pools/0/locations/0", 400],
    ],
  },
  "PUT the pools' order": {
    method: "PUT",
    path: ({ gslb }) => `/v0.1/gslbs/${gslb}/pools`,
    flags: forced,
    body: ({ pool }) => ({ pool_ids: [pool] }),
    wrong: [
      [{ pool_ids: [nowhere] }, "/pool_ids/0", 422],
      [{ pool_ids: ["x"] }, "/pool_ids/0", 400],
      [{ pool_ids: [nowhere, nowhere] }, "/pool_ids", 400],
    ],
  },
  "POST members": {
    method: "POST",
    path: ({ pool }) => `/v0.1/pools/${pool}/pool_members`,
    body: memberBody,
    wrong: [
      ...memberWrong,
      [{ neutron_id: nowhere }, "/neutron_id", 400],
      [{ type: "neutron_port", neutron_id: nowhere }, "/region", 400],
      [{ type: "neutron" }, "/type", 400],
    ],
    undo: (answer, { pool }) => [`/v0.1/pools/${pool}/pool_members/${answer.body.id}`],
  },
  "PUT members": {
    method: "PUT",
    path: ({ pool }) => `/v0.1/pools/${pool}/pool_members?additive_only=true`,
    flags: forced,
    body: () => ({ pool_members: [{ name: "192.0.2.1", endpoints: ["192.0.2.1"] }] }),
    wrong: [
      ...within(memberWrong, (change) => ({ pool_members: [memberBody(), { ...memberBody(), ...change }] }), "/pool_members/1"),
      [{ pool_members: [{ ...memberBody(), id: nowhere }] }, "/pool_members/0/id", 422],
      [{ pool_members: [{ ...memberBody(), id: 1 }] }, "/pool_members/0/id", 400],
      [{ pool_members: [memberBody(), null] }, "/pool_members/1", 400],
    ],
    undo: ({ body }, { pool, member }) =>
      body.pool_members
        .filter(({ id }: { id: string }) => id !== member)
        .map(({ id }: { id: string }) => `/v0.1/pools/${pool}/pool_members/${id}`),
  },
  "PUT member": {
    method: "PUT",
    path: ({ pool, member }) => `/v0.1/pools/${pool}/pool_members/${member}`,
    flags: forced,
    body: () => ({ endpoints: ["192.0.2.1"] }),
    wrong: [...memberWrong, [{ type: "HOSTNAME" }, "/type", 422]],
  },
  "PATCH member": {
    method: "PATCH",
    path: ({ pool, member }) => `/v0.1/pools/${pool}/pool_members/${member}`,
    flags: forced,
    body: () => ({}),
    wrong: [...memberWrong, [{ type: "HOSTNAME" }, "/type", 422], [{ endpoints: null }, "/endpoints", 400]],
  },
  "PUT a member's override": {
    method: "PUT",
    path: ({ pool, member }) => `/v0.1/pools/${pool}/pool_members/${member}/override`,
    flags: forced,
    body: () => ({ state: "up" }),
    wrong: [...overrideWrong, [{ selector: {} }, "/selector", 400], [{ starts_at: null }, "/starts_at", 400]],
    undo: (_, { pool, member }) => [`/v0.1/pools/${pool}/pool_members/${member}/override`],
  },
  "POST overrides": {
    method: "POST",
    path: () => "/v0.1/overrides",
    flags: [...forced, "dry_run"],
    body: ({ member }) => ({ selector: { member_id: member }, state: "up" }),
    wrong: [
      ...overrideWrong,
      [{ selector: {} }, "/selector", 400],
      [{ selector: { region: "north" } }, "/selector/region", 400],
      [{ selector: { tag: "a", flavor: "edge", gslb_id: nowhere } }, "/selector/gslb_id", 400],
      [{ selector: { member_id: "x" } }, "/selector/member_id", 400],
      [{ selector: { member_id: nowhere } }, "/selector/member_id", 422],
      [{ selector: { pool_id: nowhere } }, "/selector/pool_id", 422],
      [{ starts_at: "2100-01-02T00:00:00Z", expires_at: "2100-01-01T00:00:00Z" }, "/expires_at", 400],
    ],
    undo: (answer) => [`/v0.1/overrides/${answer.body.id}`],
  },
  "POST monitors": {
    method: "POST",
    path: () => "/v0.1/monitors",
    body: () => ({ type: "HTTP" }),
    wrong: monitorWrong,
    undo: (answer) => [`/v0.1/monitors/${answer.body.id}`],
  },
  "PUT monitor": {
    method: "PUT",
    path: ({ monitor }) => `/v0.1/monitors/${monitor}`,
    body: () => ({ type: "HTTP", name: "m" }),
    wrong: [...monitorWrong, [{ type: "TCP", port: 1 }, "/type", 422]],
  },
  "PATCH monitor": {
    method: "PATCH",
    path: ({ monitor }) => `/v0.1/monitors/${monitor}`,
    body: () => ({}),
    wrong: [...monitorWrong, [{ type: "TCP", port: 1 }, "/type", 422], [{ type: null }, "/type", 400]],
  },
  // An address that may not be asked: nothing leaves, whatever else is right.
  "POST test of a monitor": {
    method: "POST",
    path: ({ monitor }) => `/v0.1/monitors/${monitor}/test`,
    body: () => ({ endpoint: "127.0.0.1" }),
    wrong: [
      [{}, "/endpoint", 422],
      [{ endpoint: "a b" }, "/endpoint", 400],
      [{ pool_member_id: nowhere }, "", 400],
      [{ check_regions: ["Mars!"] }, "/check_regions/0", 400],
      [{ check_regions: "weur" }, "/check_regions", 400],
    ],
  },
  "POST a pool's monitors": {
    method: "POST",
    path: ({ pool }) => `/v0.1/pools/${pool}/monitors`,
    body: () => ({ type: "HTTP" }),
    wrong: monitorWrong,
    undo: (answer, { pool }) => [`/v0.1/pools/${pool}/monitors/${answer.body.id}`, `/v0.1/monitors/${answer.body.id}`],
  },
  "POST a member's monitors": {
    method: "POST",
    path: ({ pool, member }) => `/v0.1/pools/${pool}/pool_members/${member}/monitors`,
    body: () => ({ monitor_id: nowhere }),
    wrong: [
      [{}, "/monitor_id", 422],
      [{ monitor_id: "x" }, "/monitor_id", 400],
      [{ monitor_id: 1 }, "/monitor_id", 400],
    ],
  },
};
