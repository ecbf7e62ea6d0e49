/** Asks a name server with `dig`, as people would. It throws where there is no answer, so that a server that is gone is not one that has nothing. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { pathOf } from "./installed.ts";

export type NameServer = { readonly port: number; readonly host?: string };
export type DigOptions = {
  readonly tcp?: boolean;
  /** An EDNS client subnet: `192.0.2.0/24`. */
  readonly subnet?: string;
  /** More of dig's own words: `-y hmac-sha256:name:secret`, `+norecurse`. */
  readonly more?: readonly string[];
};
export type DigRecord = { readonly name: string; readonly ttl: number; readonly type: string; readonly data: string };
/** `subnet`: the client subnet that came back, `<network>/<source>/<scope>`. */
export type DigAnswer = { readonly rcode: string; readonly records: readonly DigRecord[]; readonly subnet?: string };

const run = promisify(execFile);

export async function dig(
  { port, host = "127.0.0.1" }: NameServer,
  name: string,
  type = "A",
  options: DigOptions = {},
): Promise<DigAnswer> {
  const { tcp = false, subnet, more = [] } = options;
  const path = pathOf("dig");
  if (path === null) throw new Error("dig is not installed");
  const asked = [`@${host}`, "-p", String(port), name, type, "+tries=1", "+timeout=3", "+noall", "+comments", "+answer", "+onesoa"];
  const with_ = [...(tcp ? ["+tcp"] : []), ...(subnet === undefined ? [] : [`+subnet=${subnet}`]), ...more];
  const { stdout } = await run(path, [...asked, ...with_], { maxBuffer: 64 * 1024 * 1024 });
  const records = stdout.split("\n").flatMap((line): DigRecord[] => {
    const [, owner = "", ttl = "", of = "", data = ""] = /^([^;\s]\S*)\s+(\d+)\s+IN\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    return owner === "" ? [] : [{ name: owner.toLowerCase(), ttl: Number(ttl), type: of, data }];
  });
  const rcode = /status: ([A-Z]+)/.exec(stdout)?.[1];
  // A transfer has no header of its own.
  if (rcode === undefined && !(type === "AXFR" && records.length > 0))
    throw new Error(`no answer for ${name} ${type}: ${stdout.trim().slice(-300)}`);
  const returned = /CLIENT-SUBNET: (\S+)/.exec(stdout)?.[1];
  return { rcode: rcode ?? "NOERROR", records, ...(returned === undefined ? {} : { subnet: returned }) };
}

/** The data alone, in order: addresses, targets. */
export async function digShort(server: NameServer, name: string, type = "A", options: DigOptions = {}): Promise<string[]> {
  const { records } = await dig(server, name, type, options);
  return records
    .filter((record) => record.type === type)
    .map(({ data }) => data)
    .toSorted();
}
