/**
 * What can go wrong for a caller: one closed union, carried as a value from the Conductor and the Engine to the API, which alone knows how
 * each member looks on the wire (RFC 9457).
 */

/** Where in the request the mistake is: a JSON pointer (RFC 6901) into the body, or the name of a query parameter. */
export type FieldError = { readonly pointer: string; readonly detail: string } | { readonly parameter: string; readonly detail: string };

/** Who uses what somebody wants to remove. */
export type User = { readonly type: string; readonly id: string; readonly name: string };

export type Problem =
  | { readonly type: "invalid-body"; readonly detail: string; readonly errors?: readonly FieldError[] }
  | { readonly type: "invalid-query"; readonly detail: string; readonly errors: readonly FieldError[] }
  | { readonly type: "not-found"; readonly detail: string }
  | { readonly type: "method-not-allowed"; readonly detail: string; readonly allow: readonly string[] }
  | { readonly type: "unauthenticated"; readonly detail: string }
  | { readonly type: "forbidden"; readonly detail: string }
  | { readonly type: "quota-exceeded"; readonly detail: string }
  | { readonly type: "flavor-not-allowed"; readonly detail: string }
  | { readonly type: "conflict"; readonly detail: string; readonly errors?: readonly FieldError[]; readonly retryAfterSeconds?: number }
  | { readonly type: "in-use"; readonly detail: string; readonly users: readonly User[] }
  | { readonly type: "would-empty"; readonly detail: string; readonly users: readonly User[] }
  | { readonly type: "version-mismatch"; readonly detail: string }
  | { readonly type: "unsupported-media-type"; readonly detail: string; readonly acceptPatch?: string }
  | { readonly type: "too-large"; readonly detail: string }
  /** Well-formed, but it cannot be carried out here: a reference, an immutable field, a private address. */
  | { readonly type: "unprocessable"; readonly detail: string; readonly errors: readonly FieldError[] }
  /** The provider, or every vantage point, cannot do it. */
  | { readonly type: "capability"; readonly detail: string; readonly errors: readonly FieldError[] }
  | { readonly type: "idempotency-mismatch"; readonly detail: string }
  | { readonly type: "rate-limited"; readonly detail: string; readonly retryAfterSeconds: number }
  | { readonly type: "unavailable"; readonly detail: string; readonly retryAfterSeconds: number };

export type ProblemType = Problem["type"];

export const notFound = (what: string): Problem => ({ type: "not-found", detail: `there is no such ${what}` });

/** One field of the body that names something that cannot be used. */
export const unprocessable = (pointer: string, detail: string): Problem => ({
  type: "unprocessable",
  detail: `${pointer}: ${detail}`,
  errors: [{ pointer, detail }],
});
