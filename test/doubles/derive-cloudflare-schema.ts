/**
 * Derives `cloudflare.schema.json` from Cloudflare's own OpenAPI document: the structure of the calls that Kosmos makes (paths, methods, parameters,
 * types, enums, bounds), and none of its prose. Run by hand, with the document's path, when there is a newer one:
 * `node test/doubles/derive-cloudflare-schema.ts openapi.json`, then `npx biome check --write test/doubles`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Object_ = { [key: string]: Json };

const source = "cloudflare/api-schemas, openapi.json, 6 Aug 2024 (BSD-3-Clause): structure only, of the calls that Kosmos makes";
const calls: Readonly<Record<string, readonly string[]>> = {
  "/zones": ["get"],
  "/zones/{zone_id}/dns_records": ["get", "post"],
  "/zones/{zone_id}/load_balancers": ["get", "post"],
  "/zones/{zone_id}/load_balancers/{load_balancer_id}": ["patch", "delete"],
  "/accounts/{account_id}/load_balancers/pools": ["get", "post"],
  "/accounts/{account_id}/load_balancers/pools/{pool_id}": ["put", "patch", "delete"],
};
/** Of the record types, those that are written, and some that stand beside them. */
const recordTypes = /dns-records_(A|AAAA|CNAME|TXT|MX|NS)Record$/;

const scalars = new Set([
  ..."$ref type enum minimum maximum minLength maxLength multipleOf pattern format required nullable uniqueItems readOnly".split(" "),
]);

function structureOf(schema: Json): Json {
  if (schema === null || typeof schema !== "object" || Array.isArray(schema)) return schema;
  const kept: Object_ = {};
  for (const [key, value] of Object.entries(schema)) {
    if (scalars.has(key)) kept[key] = value;
    else if (key === "properties") kept[key] = mapped(objectOf(value), structureOf);
    else if (key === "items" || key === "additionalProperties") kept[key] = structureOf(value);
    else if (key === "allOf" || key === "anyOf" || key === "oneOf") kept[key] = listOf(value).filter(isWanted).map(structureOf);
  }
  return kept;
}

const isWanted = (schema: Json): boolean => {
  const ref = String(objectOf(schema).$ref ?? "");
  return !/Record$/.test(ref) || recordTypes.test(ref);
};
const objectOf = (value: Json | undefined): Object_ => (value !== null && typeof value === "object" && !Array.isArray(value) ? value : {});
const listOf = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const mapped = (value: Object_, to: (one: Json) => Json): Object_ =>
  Object.fromEntries(Object.entries(value).map(([key, one]) => [key, to(one)]));
const json = (value: Json | undefined): Json => objectOf(objectOf(objectOf(value).content)["application/json"]).schema ?? null;

function refsIn(value: Json, found: Set<string>, schemas: Object_): void {
  if (value === null || typeof value !== "object") return;
  if (Array.isArray(value)) {
    for (const one of value) refsIn(one, found, schemas);
    return;
  }
  const name = typeof value.$ref === "string" ? value.$ref.split("/").at(-1) : undefined;
  if (name !== undefined && !found.has(name)) {
    found.add(name);
    refsIn(structureOf(schemas[name] ?? null), found, schemas);
  }
  for (const one of Object.values(value)) refsIn(one, found, schemas);
}

const [path = ""] = process.argv.slice(2);
const document = JSON.parse(readFileSync(path, "utf8")) as Object_;
const schemas = objectOf(objectOf(document.components).schemas);
const paths: Object_ = {};
for (const [route, methods] of Object.entries(calls)) {
  for (const method of methods) {
    const operation = objectOf(objectOf(objectOf(document.paths)[route])[method]);
    const responses = objectOf(operation.responses);
    paths[`${method.toUpperCase()} ${route}`] = {
      parameters: listOf(operation.parameters).map((parameter) => {
        const { in: place = null, name = null, required = false, schema = {} } = objectOf(parameter);
        return { in: place, name, required, schema: structureOf(schema) };
      }),
      body: structureOf(json(operation.requestBody)),
      answer: structureOf(json(responses["200"])),
    };
  }
}
const used = new Set<string>(["dns-records_api-response-common-failure", "load-balancing_api-response-common-failure"]);
refsIn(paths, used, schemas);
for (const name of [...used]) refsIn(structureOf(schemas[name] ?? null), used, schemas);
const components = { schemas: Object.fromEntries([...used].toSorted().map((name) => [name, structureOf(schemas[name] ?? null)])) };
writeFileSync(join(import.meta.dirname, "cloudflare.schema.json"), `${JSON.stringify({ source, paths, components }, null, 2)}\n`);
