/** Query parameters: which ones a path takes, and what they mean for a list or a history. Whatever is not named is refused. */

import { eventKinds, severities } from "../../domain/history.ts";
import { limits } from "../../domain/limits.ts";
import { canonicalName } from "../../domain/name.ts";
import type { Problem } from "../../domain/problem.ts";
import { fail, ok, type Result } from "../../domain/result.ts";
import { id, tag } from "../../domain/schema.ts";
import { statuses } from "../../domain/status.ts";
import type { HistoryQuery, ListQuery, SortKey } from "../../durable-objects/rpc.ts";
import type { ApiContext } from "./context.ts";
import { summary } from "./fields.ts";

export const pagingParameters = ["limit", "marker", "count"] as const;
export const listParameters = [...pagingParameters, "sort_key", "sort_dir"] as const;
export const listFilters = ["name", "status", "type", "fqdn", "region", "tags"] as const;
export type ListFilter = (typeof listFilters)[number];
export const historyFilters = ["gslb_id", "pool_id", "member_id", "kind", "severity", "since", "until"] as const;
export type HistoryFilter = (typeof historyFilters)[number];

type ParameterError = { readonly parameter: string; readonly detail: string };
/** The value, or what it must be. */
type Reading<T> = Result<T, string>;

export const invalidQuery = (errors: readonly ParameterError[]): Problem => ({ type: "invalid-query", detail: summary(errors), errors });

const queryOf = (c: ApiContext): URLSearchParams => new URL(c.req.url).searchParams;

/** Null if each parameter is one of `known` and stands once. */
export function unknownParameters(c: ApiContext, known: readonly string[]): Problem | null {
  const errors: ParameterError[] = [];
  const query = queryOf(c);
  for (const parameter of new Set(query.keys())) {
    if (!known.includes(parameter)) errors.push({ parameter, detail: "is not a parameter of this path" });
    else if (query.getAll(parameter).length > 1) errors.push({ parameter, detail: "must not stand twice" });
  }
  return errors.length === 0 ? null : invalidQuery(errors.slice(0, limits.problemErrors));
}

export function readFlag(c: ApiContext, parameter: string): Result<boolean, Problem> {
  const value = queryOf(c).get(parameter) ?? "false";
  if (value === "true" || value === "false") return ok(value === "true");
  return fail(invalidQuery([{ parameter, detail: "must be true or false" }]));
}

export function readChoice<const T extends string>(c: ApiContext, parameter: string, choices: readonly T[]): Result<T | null, Problem> {
  const value = queryOf(c).get(parameter);
  if (value === null) return ok(null);
  const read = oneOf(choices)(value);
  return read.ok ? read : fail(invalidQuery([{ parameter, detail: read.error }]));
}

export type Paging = { readonly limit: number; readonly marker: string | null; readonly count: boolean };

export function readPaging(c: ApiContext): Result<Paging, Problem> {
  return gather(c, (take) => pagingOf(take, false));
}

export function readListQuery(
  c: ApiContext,
  accepts: { readonly filters: readonly ListFilter[]; readonly sortKeys: readonly SortKey[] },
): Result<ListQuery, Problem> {
  return gather(c, (take) => {
    const filters: Record<string, unknown> = {};
    for (const filter of accepts.filters) {
      const value = take<unknown>(filter, filterReaders[filter]);
      if (value !== undefined) filters[filter] = value;
    }
    const sort_key = take("sort_key", oneOf(accepts.sortKeys)) ?? "created_at";
    const sort_dir = take("sort_dir", oneOf(["asc", "desc"])) ?? "asc";
    return { ...pagingOf(take, Object.keys(filters).length > 0), sort_key, sort_dir, filters: filters as ListQuery["filters"] };
  });
}

export function readHistoryQuery(c: ApiContext): Result<HistoryQuery, Problem> {
  return gather(c, (take) => {
    const filters: Record<string, string> = {};
    for (const filter of historyFilters) {
      const value = take(filter, historyReaders[filter]);
      if (value !== undefined) filters[filter] = value;
    }
    return { ...pagingOf(take, Object.keys(filters).length > 0), filters };
  });
}

type Take = <T>(parameter: string, read: (value: string) => Reading<T>) => T | undefined;

/** Runs `build` over the query and collects what is wrong with any parameter that it takes. */
function gather<T>(c: ApiContext, build: (take: Take) => T): Result<T, Problem> {
  const query = queryOf(c);
  const errors: ParameterError[] = [];
  const value = build((parameter, read) => {
    const given = query.get(parameter);
    if (given === null) return undefined;
    const reading = read(given);
    if (reading.ok) return reading.value;
    errors.push({ parameter, detail: reading.error });
    return undefined;
  });
  return errors.length === 0 ? ok(value) : fail(invalidQuery(errors));
}

/** A filtered list has a total only if it is asked for: counting costs a scan. */
function pagingOf(take: Take, filtered: boolean): Paging {
  const count = take("count", oneOf(["true", "false"])) === "true";
  return { limit: take("limit", pageSize) ?? limits.pageSize, marker: take("marker", marker) ?? null, count: count || !filtered };
}

const oneOf =
  <const T extends string>(values: readonly T[]) =>
  (value: string): Reading<T> => {
    const found = values.find((candidate) => candidate === value);
    return found === undefined ? fail(`must be one of ${values.join(", ")}`) : ok(found);
  };

const pageSize = (value: string): Reading<number> => {
  const size = /^[0-9]{1,4}$/.test(value) ? Number(value) : 0;
  return size >= 1 && size <= limits.pageSizeMax ? ok(size) : fail(`must be an integer from 1 to ${limits.pageSizeMax}`);
};

const words =
  (maximum: number) =>
  (value: string): Reading<string> =>
    value.length >= 1 && value.length <= maximum ? ok(value) : fail(`must have 1 to ${maximum} characters`);

const marker = words(limits.markerLength);

const uuid = (value: string): Reading<string> => {
  const parsed = id.safeParse(value);
  return parsed.success ? ok(parsed.data) : fail("must be a UUID");
};

const hostName = (value: string): Reading<string> => {
  const name = canonicalName(value);
  return name === null ? fail("must be a host name such as www.example.com.") : ok(name);
};

const tagList = (value: string): Reading<readonly string[]> => {
  const list = value.split(",");
  if (list.length > limits.tags) return fail(`must have at most ${limits.tags} tags`);
  return list.every((item) => tag.safeParse(item).success) ? ok([...new Set(list)]) : fail("must be tags separated by commas");
};

/** RFC 3339 (the profile of ISO 8601 that all times of the API have), as UTC. */
const time = (value: string): Reading<string> => {
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;
  // In a query an unescaped "+" arrives as a space.
  const text = value.replace(" ", "+");
  const at = shape.test(text) && hasDay(text.slice(0, 10)) ? Date.parse(text.toUpperCase()) : Number.NaN;
  return Number.isNaN(at) ? fail("must be a time such as 2026-11-22T10:00:00Z") : ok(new Date(at).toISOString());
};

/** Whether the calendar has the day: JavaScript takes February 30 for March 2. */
const hasDay = (date: string): boolean => {
  const at = Date.parse(`${date}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(date);
};

const upperCase = (value: string): Reading<string> => words(64)(value.toUpperCase());

const filterReaders: Readonly<Record<ListFilter, (value: string) => Reading<unknown>>> = {
  name: words(limits.nameLength),
  status: oneOf(statuses),
  type: upperCase,
  fqdn: hostName,
  region: words(63),
  tags: tagList,
};

const historyReaders: Readonly<Record<HistoryFilter, (value: string) => Reading<string>>> = {
  gslb_id: uuid,
  pool_id: uuid,
  member_id: uuid,
  kind: oneOf(eventKinds),
  severity: oneOf(severities),
  since: time,
  until: time,
};
