/** Makes and removes what a bench needs, over the API of a scratch system. */
import { adminToken, type ScratchSystem } from "./scratch-system.ts";

export type Created = { readonly id: string; readonly members?: readonly { readonly id: string; readonly endpoints: readonly string[] }[] };

async function send(system: ScratchSystem, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${system.url}${path}`, {
    method,
    headers: { "X-Auth-Token": adminToken, "Content-Type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

export async function create(system: ScratchSystem, path: string, body: unknown): Promise<Created> {
  const response = await send(system, "POST", path, body);
  if (response.status !== 201) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Created;
}

export async function read<T>(system: ScratchSystem, path: string): Promise<T> {
  const response = await send(system, "GET", path);
  if (response.status !== 200) throw new Error(`GET ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** In this order: what uses another thing goes before it. */
export async function remove(system: ScratchSystem, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const response = await send(system, "DELETE", path);
    if (response.status !== 204 && response.status !== 202)
      throw new Error(`DELETE ${path} answered ${response.status}: ${await response.text()}`);
  }
}
