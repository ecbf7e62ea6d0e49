/**
 * The way from a Prober to the checker of its region: the entrypoint of its own script, or, where no Durable Object can be placed, a checker in
 * a deployment of its own that is bound as a service. It waits no longer than it was given, whatever becomes of the call.
 */
import { fail, ok, type Result } from "../../domain/result.ts";
import { kindOf, type PlacedRegion } from "../../domain/vantage-point.ts";
import { type PlacedBindings, placedBindings } from "../env.ts";

export type Checker = {
  readonly fetcher: Fetcher;
  /** It sends its reports to the queue itself; a placed one has no queue, and its Prober does. */
  readonly reports: boolean;
};

export function checkerOf(region: string, env: PlacedBindings, own: Fetcher): Result<Checker, string> {
  if (kindOf(region) !== "placed") return ok({ fetcher: own, reports: true });
  const binding = placedBindings[region as PlacedRegion];
  const fetcher = env[binding];
  return fetcher === undefined ? fail(`no checker is bound for ${region} (${binding})`) : ok({ fetcher, reports: false });
}

/** POSTs `body` and returns the answer's JSON, or why there is none. */
export async function ask(checker: Fetcher, path: "/" | "/test", body: unknown, givenMs: number): Promise<Result<unknown, string>> {
  const deadline = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const lost = new Promise<Result<never, string>>((resolve) => {
    timer = setTimeout(() => {
      resolve(fail(`the checker did not come back within ${givenMs} ms`));
      deadline.abort();
    }, givenMs);
  });
  const call = async (): Promise<Result<unknown, string>> => {
    const response = await checker.fetch(`http://checker${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      signal: deadline.signal,
    });
    if (response.ok) return ok(await response.json());
    await response.body?.cancel();
    return fail(`the checker answered ${response.status}`);
  };
  try {
    return await Promise.race([call().catch((error: unknown) => fail(`the checker failed: ${error}`)), lost]);
  } finally {
    clearTimeout(timer);
  }
}
