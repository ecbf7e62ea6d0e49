/** The check plugins, one line a type. To add one: its file, and its line here. */
import type { CheckPlugin } from "../../domain/check.ts";
import { http } from "./http.ts";
import { https } from "./https.ts";
import { tcp } from "./tcp.ts";

export const checkPlugins: Readonly<Record<string, CheckPlugin>> = Object.fromEntries(
  [http, https, tcp].map((plugin) => [plugin.type, plugin as unknown as CheckPlugin]),
);
