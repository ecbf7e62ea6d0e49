/** What the doubles of Cloudflare's API say to each other: a request, an answer in Cloudflare's envelope, an error with its code. */

/** As in an error of the envelope. */
export type ApiError = { readonly code: number; readonly message: string };

/** What a call is refused with. */
export class Refusal extends Error {
  readonly status: number;
  readonly errors: readonly ApiError[];

  constructor(status: number, ...errors: readonly ApiError[]) {
    super(errors.map(({ message }) => message).join());
    this.status = status;
    this.errors = errors;
  }
}

export const refuse = (status: number, code: number, message: string): never => {
  throw new Refusal(status, { code, message });
};

export type ApiRequest = {
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
};

export type ApiResult = { readonly result: unknown; readonly result_info?: Readonly<Record<string, number>> };

export type Permission = "zone" | "dns" | "lb" | "pools";

/** One call of the API: who may make it, and what it does. */
export type Endpoint = {
  readonly permission: `${Permission}:${"read" | "write"}`;
  run(request: ApiRequest): ApiResult;
};

/** One page of a list, as `page` and `per_page` ask for it. */
export function paged(all: readonly unknown[], query: URLSearchParams, perPageDefault: number): ApiResult {
  const page = Number(query.get("page") ?? 1);
  const perPage = Number(query.get("per_page") ?? perPageDefault);
  const result = all.slice((page - 1) * perPage, page * perPage);
  return { result, result_info: { page, per_page: perPage, count: result.length, total_count: all.length } };
}
