/** The small schemas that every noun is made of. Their messages complete the sentence "<field> …" and say what would be right. */
import { z } from "zod";
import { limits } from "./limits.ts";

export const int = (minimum: number, maximum: number) => {
  const error = `must be an integer from ${minimum} to ${maximum}`;
  return z.int({ error }).min(minimum, { error }).max(maximum, { error });
};

export const flag = z.boolean({ error: "must be true or false" });

export const oneOf = <const T extends readonly [string, ...string[]]>(values: T) =>
  z.enum(values, { error: `must be one of ${values.join(", ")}` });

export const text = (maximum: number) =>
  z.string({ error: "must be a string" }).max(maximum, { error: `must be at most ${maximum} characters` });

const nameError = `must be a string of 1 to ${limits.nameLength} characters`;
export const name = z.string({ error: nameError }).min(1, { error: nameError }).max(limits.nameLength, { error: nameError });

export const description = text(limits.descriptionLength).nullable().default(null);

export const tag = z
  .string({ error: "must be a string" })
  .regex(/^[a-z0-9][a-z0-9_.:-]{0,62}$/, { error: "must match [a-z0-9][a-z0-9_.:-]{0,62}" });

/** A rule over a whole list, judged also where one of its elements is wrong. */
const ofList = { when: ({ value }: { readonly value: unknown }) => Array.isArray(value) };

/** A rule that spans fields: judged as soon as these are right by themselves, whatever else is wrong with the object. */
export const whenRight = (...fields: readonly string[]) => ({
  when: ({
    value,
    issues,
  }: {
    readonly value: unknown;
    readonly issues: readonly { readonly path?: readonly PropertyKey[] | undefined }[];
  }) =>
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !issues.some((issue) => fields.includes(String(issue.path?.[0]))),
});

export const tags = z
  .array(tag, { error: "must be a list of tags" })
  .max(limits.tags, { error: `must have at most ${limits.tags} tags` })
  .refine((list) => new Set(list).size === list.length, { error: "must not repeat a tag", ...ofList })
  .default([]);

export const id = z
  .string({ error: "must be a UUID" })
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i, { error: "must be a UUID" })
  .toLowerCase();

/** A list of ids in which none stands twice. */
export const ids = (what: string, maximum: number) =>
  z
    .array(id, { error: `must be a list of ${what} ids` })
    .max(maximum, { error: `must have at most ${maximum} ids` })
    .refine((list) => new Set(list).size === list.length, { error: "must not repeat an id", ...ofList });

export const port = int(1, 65_535);

/** What every resource has beside its own fields. Times are RFC 3339 in UTC. */
export type Resource = {
  readonly id: string;
  readonly project_id: string;
  readonly domain_id: string;
  /** Counts changes of configuration only; the first is 1. */
  readonly version: number;
  readonly created_at: string;
  readonly updated_at: string;
};

/** What a client may send back unchanged after a GET; it is ignored. */
export const readOnlyFields = [
  "id",
  "project_id",
  "domain_id",
  "version",
  "created_at",
  "updated_at",
  "links",
  "status",
  "action",
] as const;
