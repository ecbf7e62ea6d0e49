/** The demo's way to Kosmos: the public API and `/dns-query`, and nothing behind them. */
import type { HistoryEvent } from "../domain/history.ts";
import type { GslbView } from "../domain/status-view.ts";

export type DemoClient = {
  /** Creates a resource and returns its id. */
  create(path: string, body: object): Promise<string>;
  status(gslbId: string): Promise<GslbView>;
  /** Oldest first. */
  history(): Promise<readonly HistoryEvent[]>;
  /** The addresses that `/dns-query` answers, sorted. */
  answers(fqdn: string): Promise<readonly string[]>;
};

export function demoClient(url: string, token: string, signal: AbortSignal): DemoClient {
  const call = async (method: string, path: string, body?: object): Promise<unknown> => {
    const headers: Record<string, string> = { "x-auth-token": token, accept: "application/json" };
    const init: RequestInit = { method, headers, signal };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const response = await fetch(url + path, init);
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };
  return {
    create: async (path, body) => ((await call("POST", path, body)) as { id: string }).id,
    status: async (gslbId) => (await call("GET", `/v0.1/gslbs/${gslbId}/status`)) as GslbView,
    history: async () => ((await call("GET", "/v0.1/history?limit=1000")) as { history: HistoryEvent[] }).history.toReversed(),
    answers: async (fqdn) => {
      const response = await fetch(`${url}/dns-query?name=${fqdn}&type=A`, { headers: { accept: "application/dns-json" }, signal });
      if (!response.ok) throw new Error(`/dns-query answered ${response.status}`);
      const { Answer = [] } = (await response.json()) as { Answer?: { data: string }[] };
      return Answer.map(({ data }) => data).toSorted();
    },
  };
}
