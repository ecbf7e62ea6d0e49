/**
 * From a host to the one address that a check will touch. Names go through the system's resolver (its hosts file, its DNS servers), as those of
 * any program on this machine. The answer is held against the allow list, and the check gets that very address: a name that resolves to
 * something else a moment later (rebinding) changes nothing.
 */
import { type LookupAddress, lookup } from "node:dns";
import { canonicalAddress } from "../domain/address.ts";
import { ConnectFailure, VantageRefusal } from "../domain/check.ts";
import { type AllowList, refusal } from "./allow.ts";

/** getaddrinfo(3) blocks one of Node's four threads; the last one is for the API's own name. What finds none free in time is refused, not late. */
const lookupsAtOnce = 3;
/** Below the shortest timeout of a monitor, so that a resolver that is away is `no_data` and no fail. */
const lookupMs = 900;

export type Lookup = (name: string, done: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void) => void;

const systemLookup: Lookup = (name, done) => lookup(name, { all: true, verbatim: true }, done);

export class Resolver {
  private readonly allow: AllowList;
  private readonly ask: Lookup;
  /** Those under way, by name: whoever asks for the same shares the answer. */
  private readonly asked = new Map<string, Promise<readonly string[]>>();

  constructor(allow: AllowList, ask: Lookup = systemLookup) {
    this.allow = allow;
    this.ask = ask;
  }

  /** Rejects with `VantageRefusal` or `ConnectFailure`. An address is never looked up; nothing is, where nothing is allowed. */
  async addressOf(host: string): Promise<string> {
    const literal = canonicalAddress(host);
    if (literal !== null) {
      if (!this.allow.allows(literal)) throw refusal(literal);
      return literal;
    }
    if (this.allow.isEmpty) throw refusal(host);
    const addresses = await withinTime((isWanted) => this.lookup(host, isWanted));
    const allowed = addresses.find((address) => this.allow.allows(address));
    if (allowed === undefined) throw refusal(`${host} (${addresses.slice(0, 3).join(", ")})`);
    return allowed;
  }

  /** Waits for a thread that is free. What nobody waits for any more is not asked. */
  private async lookup(name: string, isWanted: () => boolean): Promise<readonly string[]> {
    for (;;) {
      const asked = this.asked.get(name);
      if (asked !== undefined) return asked;
      if (this.asked.size < lookupsAtOnce) break;
      await Promise.race([...this.asked.values()].map((answer) => answer.catch(() => [])));
      if (!isWanted()) return [];
    }
    const answer = this.askSystem(name).finally(() => this.asked.delete(name));
    this.asked.set(name, answer);
    return answer;
  }

  private askSystem(name: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      this.ask(name, (error, addresses) => {
        if (error === null && addresses.length > 0) resolve(addresses.map(({ address }) => address));
        else reject(lookupFailure(error?.code ?? "ENOTFOUND"));
      });
    });
  }
}

/** That there is no such name is a fact; that the resolver does not say is our own trouble. */
function lookupFailure(code: string): Error {
  if (code === "ENOTFOUND" || code === "ENODATA") return new ConnectFailure("name not found");
  return new VantageRefusal(`this agent's resolver failed: ${code}`);
}

/** One time for all of it, the wait for a free thread too: a check's own deadline would blame the endpoint. */
async function withinTime<T>(operation: (isWanted: () => boolean) => Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isWanted = true;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new VantageRefusal(`this agent's resolver did not answer within ${lookupMs} ms`)), lookupMs);
  });
  const answer = operation(() => isWanted);
  // Whoever waited may have left by then.
  answer.catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    isWanted = false;
    clearTimeout(timer);
  }
}
