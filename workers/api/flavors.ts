/** `/v0.1/flavors`: the backends that names can be published to, by their names. `edge` is built in, and is what it is. */
import type { Hono } from "hono";
import { builtInFlavors, type Flavor, type FlavorWrite } from "../../domain/flavor.ts";
import { flavorPlace } from "../../durable-objects/seal.ts";
import type { ApiEnv } from "./bindings.ts";
import { patched, prepareFlavor } from "./flavor-body.ts";
import { askFlavors } from "./known-flavors.ts";
import { paths, renderFlavor } from "./render.ts";
import { type SharedNoun, sharedRoutes } from "./shared-resource.ts";

const flavors: SharedNoun<Flavor, FlavorWrite> = {
  noun: "flavor",
  collection: "flavors",
  builtIn: builtInFlavors,
  path: paths.flavor,
  render: renderFlavor,
  list: (c) => askFlavors(c, (conductor) => conductor.flavors()),
  read: (c, name) => askFlavors(c, (conductor) => conductor.readFlavor(name)),
  create: (c, input) => askFlavors(c, (conductor) => conductor.createFlavor(input, c.var.caller)),
  replace: (c, name, input, expected) => askFlavors(c, (conductor) => conductor.replaceFlavor(name, input, expected, c.var.caller)),
  remove: (c, name, expected) => askFlavors(c, (conductor) => conductor.removeFlavor(name, expected, c.var.caller)),
  prepare: prepareFlavor,
  patched,
  // What was another provider's is nothing to this one.
  keeps: ({ provider }, current) => current.provider === provider,
  place: flavorPlace,
  test: (engine, flavor) => engine.testFlavor(flavor),
};

export const flavorRoutes = (app: Hono<ApiEnv>): void => sharedRoutes(app, flavors);
