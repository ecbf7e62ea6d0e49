/** Who asks without a token, for the limits of such paths. */
import { clientNetwork, privateReason } from "../../domain/address.ts";
import type { Problem } from "../../domain/problem.ts";
import type { ApiContext } from "./context.ts";

/** The period of the limits in `wrangler.toml`. */
const limitPeriodSeconds = 10;

/** Null: this client may go on. A limit that does not answer keeps nobody out. */
export async function overLimit(c: ApiContext, may: (client: string) => Promise<boolean>, what: string): Promise<Problem | null> {
  const client = clientOf(c.req.header("cf-connecting-ip"));
  if (client === null || (await may(client).catch(() => true))) return null;
  return { type: "rate-limited", detail: `too many ${what} from this address`, retryAfterSeconds: limitPeriodSeconds };
}

/** Whom a limit counts; null where the platform names nobody, and for this machine itself, which is what a Worker that runs locally sees. */
function clientOf(address: string | undefined): string | null {
  return address === undefined || privateReason(address) === "loopback" ? null : clientNetwork(address);
}
