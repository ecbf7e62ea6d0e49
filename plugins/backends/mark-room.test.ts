import { describe, expect, it } from "vitest";
import type { Change, LiveRecords, WriteOutcome } from "../../domain/backend.ts";
import { ok } from "../../domain/result.ts";
import { withMarkRoom } from "./mark-room.ts";
import { backendAt, fakeServer } from "./rfc2136.fixture.ts";
import { rfc2136 } from "./rfc2136.ts";

const zone = "gslb.test.";
/** As long as a name may be but for three characters; and one whose mark is 253 characters long, which is all there is. */
const long = `${"a.".repeat(119)}aa.${zone}`;
const longest = `${"a.".repeat(117)}a.${zone}`;
// Without the final dot.
const lengths = [long, longest].map(({ length }) => length - 1);
const short = `www.${zone}`;
const live = (fqdn: string): LiveRecords => ({ fqdn, epoch: null, number: null, answers: [] });
const remove = (fqdn: string): Change => ({
  kind: "unpublish",
  fqdn,
  zone,
  gslbId: "11111111-1111-4111-8111-111111111111",
  epoch: 0,
  number: 2,
});
const publish = (fqdn: string) => ({ kind: "publish", plan: { fqdn } }) as unknown as Change;

it("are as long as they say", () => expect(lengths).toEqual([250, 245]));

describe("a name without room for its mark", () => {
  it("is in error by itself, and the others are read", async () => {
    const asked: string[][] = [];
    const { read } = withMarkRoom({
      read: async (_zone, fqdns) => {
        asked.push([...fqdns]);
        return fqdns.map(live);
      },
      write: async () => [],
    });
    expect(await read(zone, [longest, long, short], null)).toMatchObject([
      { fqdn: longest },
      { fqdn: long, answers: [], state: { error: expect.stringContaining("too long") } },
      { fqdn: short },
    ]);
    expect(asked).toEqual([[longest, short]]);
  });

  it("is refused, is nothing to remove, and the others are written", async () => {
    const { write } = withMarkRoom({ read: async () => [], write: async (_zone, changes) => changes.map(() => ok(null)) as WriteOutcome });
    expect(await write(zone, [publish(long), publish(short), remove(long)], null)).toMatchObject([
      { ok: false, error: { class: "refused", detail: expect.stringContaining("too long") } },
      { ok: true },
      { ok: true },
    ]);
  });

  it("leaves one failure for all the others as it is", async () => {
    const failure = { class: "retry", detail: "away" } as const;
    const { write } = withMarkRoom({ read: async () => [], write: async () => failure });
    expect(await write(zone, [publish(long), publish(short)], null)).toEqual(failure);
  });

  it("is not asked of a name server, which could not read the question", async () => {
    const server = fakeServer(() => ({ rcode: 1 }));
    expect(await rfc2136.read?.(zone, [long], backendAt(server.io))).toMatchObject([{ state: { error: expect.any(String) } }]);
    expect(server.messages).toEqual([]);
  });
});
