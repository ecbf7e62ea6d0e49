/**
 * Judges requests to Cloudflare's API, and the double's own answers, by Cloudflare's schema (`cloudflare.schema.json`, August 2024). It is stricter
 * than the schema where that says nothing: what it does not know, in a path, a query or a body, is wrong. What is newer stands in `newer`, as the
 * types of npm's `cloudflare` 7.3.0 have it.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2019, type ValidateFunction } from "ajv/dist/2019.js";
import formats from "ajv-formats";

type Schema = { readonly [key: string]: unknown };
type Parameter = { readonly in: string; readonly name: string; readonly required: boolean; readonly schema: Schema };
type Operation = { readonly parameters: readonly Parameter[]; readonly body: Schema | null; readonly answer: Schema };
type Document = { readonly paths: Record<string, Operation>; readonly components: { readonly schemas: Record<string, Schema> } };

const document = JSON.parse(readFileSync(join(import.meta.dirname, "cloudflare.schema.json"), "utf8")) as Document;

const text = { type: "string" };
const textFilter = (name: string) => ["exact", "contains", "startswith", "endswith"].map((how) => `${name}.${how}`);
const idOnly = { type: "object", properties: { id: { type: "string", maxLength: 32 } }, required: ["id"] };
const records = { $ref: "#/components/schemas/dns-records_dns-record" };

/** In the SDK's types, and not in the document. */
const newer: {
  readonly queries: Readonly<Record<string, readonly string[]>>;
  readonly bodies: Readonly<Record<string, Readonly<Record<string, Schema>>>>;
  readonly required: Readonly<Record<string, readonly string[]>>;
} = {
  queries: { "GET /zones/{zone_id}/dns_records": [...textFilter("name"), ...textFilter("content")] },
  bodies: {
    "POST /zones/{zone_id}/load_balancers": { enabled: { type: "boolean" } },
    "PATCH /zones/{zone_id}/load_balancers/{load_balancer_id}": { name: text, pool_sets: { type: "array" } },
  },
  // `dns-record` asks for what the API makes itself, which a request cannot have; the SDK asks for the TTL.
  required: { record: ["type", "name", "content", "ttl"] },
};

/** `POST /zones/{zone_id}/dns_records/batch` is in the SDK alone: `RecordBatchParams` and `RecordBatchResponse`, made of the document's records. */
const batch = "POST /zones/{zone_id}/dns_records/batch";
const operations: Readonly<Record<string, Operation>> = {
  ...document.paths,
  [batch]: {
    parameters: document.paths["POST /zones/{zone_id}/dns_records"]?.parameters ?? [],
    body: null,
    answer: {
      allOf: [
        { $ref: "#/components/schemas/dns-records_api-response-common" },
        { properties: { result: { type: "object", properties: lists(records) } }, required: ["result"] },
      ],
    },
  },
};

function lists(items: Schema): Record<string, Schema> {
  return Object.fromEntries(["deletes", "patches", "puts", "posts"].map((name) => [name, { type: "array", items }]));
}

const ajv = new Ajv2019({ strict: false, allErrors: true, multipleOfPrecision: 6 });
formats.default(ajv);
const root = "https://cloudflare.example/schema";
ajv.addSchema({ $id: root, components: document.components });
const compiled = new Map<string, ValidateFunction>();

export type Route = { readonly key: string; readonly parameters: Readonly<Record<string, string>> };

/** The operation that a path is one of, below the API's root; null: there is none. */
export function routeOf(method: string, path: string): Route | null {
  for (const key of Object.keys(operations)) {
    const [verb, pattern = ""] = key.split(" ");
    if (verb !== method) continue;
    const names = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
    const match = new RegExp(`^${pattern.replaceAll(/\{\w+\}/g, "([^/]+)")}$`).exec(path);
    if (match !== null) return { key, parameters: Object.fromEntries(names.map((name, index) => [name, match[index + 1] ?? ""])) };
  }
  return null;
}

/** What is wrong with a request; none: []. `body`: undefined where there is none. */
export function wrongRequest({ key, parameters }: Route, query: URLSearchParams, body: unknown): readonly string[] {
  const operation = operations[key];
  if (operation === undefined) return [`${key} is no operation`];
  const inPath = operation.parameters.filter((one) => one.in === "path");
  const problems = inPath.flatMap(({ name, schema }) => judge(`${key} path ${name}`, schema, parameters[name]));
  const inQuery = Object.fromEntries(operation.parameters.filter((one) => one.in === "query").map(({ name, schema }) => [name, schema]));
  for (const name of newer.queries[key] ?? []) inQuery[name] = text;
  for (const [name, value] of query) {
    const schema = inQuery[name];
    if (schema === undefined) problems.push(`${key} has no parameter ${name}`);
    else problems.push(...judge(`${key} query ${name}`, schema, isNumber(schema) ? Number(value) : value));
  }
  const expected = bodyOf(key, operation);
  if (expected === null) return body === undefined ? problems : [...problems, `${key} takes no body`];
  return [...problems, ...judge(`${key} body`, expected, body)];
}

/** What is wrong with an answer of the double's; none: []. */
export function wrongAnswer({ key }: Route, status: number, answer: unknown): readonly string[] {
  const failure = {
    $ref: `#/components/schemas/${key.includes("load_balancers") ? "load-balancing" : "dns-records"}_api-response-common-failure`,
  };
  const schema = status >= 400 ? failure : (operations[key]?.answer ?? {});
  return judge(`${key} answer ${status < 400}`, schema, answer);
}

function bodyOf(key: string, { body }: Operation): Schema | null {
  if (key === batch) {
    const record = strictly(recordBody(["type", "name", "content", "ttl"]));
    const whole = strictly(recordBody([...(newer.required.record ?? []), "id"]));
    const patch = strictly(recordBody(["id"]));
    return {
      type: "object",
      properties: {
        deletes: { type: "array", items: { ...idOnly, additionalProperties: false } },
        patches: { type: "array", items: patch },
        puts: { type: "array", items: whole },
        posts: { type: "array", items: record },
      },
      additionalProperties: false,
    };
  }
  if (body === null) return null;
  return strictly({ allOf: [body, { properties: newer.bodies[key] ?? {} }] });
}

const recordBody = (required: readonly string[]): Schema => ({ ...document.components.schemas["dns-records_dns-record"], required });

/** Without references, and with no property that the schema does not name, at any depth; what only the API may set is no property of a request. */
function strictly(schema: Schema): Schema {
  return { allOf: [resolved(schema, true)], unevaluatedProperties: false };
}

function resolved(schema: Schema, isPart: boolean): Schema {
  const { $ref, ...own } = schema;
  const target = typeof $ref === "string" ? document.components.schemas[$ref.split("/").at(-1) ?? ""] : undefined;
  if (target !== undefined) return resolved({ ...target, ...own }, isPart);
  const made: Record<string, unknown> = { ...own };
  for (const key of ["allOf", "oneOf", "anyOf"] as const) {
    if (Array.isArray(own[key])) made[key] = (own[key] as Schema[]).map((one) => resolved(one, true));
  }
  if (own.items !== undefined) made.items = resolved(own.items as Schema, false);
  if (own.properties !== undefined) {
    const writable = Object.entries(own.properties as Record<string, Schema>).filter(([, one]) => !isReadOnly(one));
    made.properties = Object.fromEntries(writable.map(([name, one]) => [name, resolved(one, false)]));
    if (!isPart && made.additionalProperties === undefined) made.additionalProperties = false;
  }
  return made;
}

function isReadOnly(schema: Schema): boolean {
  if (typeof schema.$ref === "string") return isReadOnly(document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {});
  return schema.readOnly === true;
}

function isNumber(schema: Schema): boolean {
  if (typeof schema.$ref === "string") return isNumber(document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {});
  return schema.type === "number" || schema.type === "integer";
}

function judge(what: string, schema: Schema, value: unknown): string[] {
  let validate = compiled.get(what);
  if (validate === undefined) {
    validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components/', `"${root}#/components/`)) as Schema);
    compiled.set(what, validate);
  }
  if (validate(value) === true) return [];
  return (validate.errors ?? []).map(({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`);
}
