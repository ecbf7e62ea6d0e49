/** JSON Merge Patch (RFC 7396). Depth is bounded by `json.ts`, so recursion is safe. */
import { isJsonObject, type JsonObject } from "./json.ts";

export function mergePatch(target: unknown, patch: JsonObject): JsonObject {
  const merged = new Map<string, unknown>(isJsonObject(target) ? Object.entries(target) : []);
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) merged.delete(field);
    else merged.set(field, isJsonObject(value) ? mergePatch(merged.get(field), value) : value);
  }
  return Object.fromEntries(merged);
}
