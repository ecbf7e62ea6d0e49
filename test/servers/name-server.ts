/** Asks one name server over UDP, hundreds of times a second if need be; nothing is remembered between two questions. */
import { Resolver } from "node:dns/promises";

/** The IPv4 addresses that it answers with; none where it has none. Throws where it does not answer. */
export async function lookUp(port: number, name: string, resolver: Resolver = resolverOf(port)): Promise<readonly string[]> {
  try {
    return await resolver.resolve4(name);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENODATA" || code === "ENOTFOUND") return [];
    throw error;
  }
}

export function resolverOf(port: number): Resolver {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return resolver;
}
