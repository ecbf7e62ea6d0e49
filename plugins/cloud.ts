/** What the Engine and the API know of OpenStack: the client of a cloud, and what its credentials look like. */
export { type Account, type CloudClient, cloudClient, type NeutronKind } from "./openstack/cloud.ts";
export { type ApplicationCredential, applicationCredential } from "./openstack/keystone.ts";
export type { LoadBalancerWord } from "./openstack/octavia.ts";
