/** The check plugins by their types, made of the registry's lines. */
import type { CheckPlugin } from "../../domain/check.ts";
import * as registry from "./registry.ts";

export const checkPlugins: Readonly<Record<string, CheckPlugin>> = Object.fromEntries(
  Object.values(registry).map((plugin) => [plugin.type, plugin as unknown as CheckPlugin]),
);
