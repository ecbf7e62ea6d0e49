import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Client, firstChoices, nowhere, type Place, poolFor, scopeFor } from "./geo.ts";
import { type Location, location, locations } from "./location.ts";

const at = (pool_id: string, locations: readonly Location[] = [], own = false): Place => ({ pool_id, locations: [...locations], own });
const from = (address: string, over: Partial<Client> = {}): Client => ({
  ...nowhere,
  network: { address, bits: address.includes(":") ? 128 : 32 },
  ...over,
});
const paris: Client = from("198.51.100.7", { country: "FR", continent: "EU" });
const sanFrancisco: Client = from("203.0.113.9", { country: "US", subdivision: "US-CA", continent: "NA" });

describe("the pool for a client", () => {
  const places = [
    at("rest"),
    at("na", [{ continent: "NA" }]),
    at("us", [{ country: "US" }]),
    at("ca", [{ subdivision: "US-CA" }]),
    at("net", [{ cidr: "203.0.113.0/24" }]),
    at("half", [{ cidr: "203.0.113.0/25" }, { cidr: "2001:db8::/32" }]),
  ];

  it("is that of the longest range, then subdivision, country, continent, then the rest", () => {
    const without = (...pools: string[]) => places.filter(({ pool_id }) => !pools.includes(pool_id));
    expect(poolFor(places, sanFrancisco)).toBe("half");
    expect(poolFor(without("half"), sanFrancisco)).toBe("net");
    expect(poolFor(without("half", "net"), sanFrancisco)).toBe("ca");
    expect(poolFor(without("half", "net", "ca"), sanFrancisco)).toBe("us");
    expect(poolFor(without("half", "net", "ca", "us"), sanFrancisco)).toBe("na");
    expect(poolFor(without("half", "net", "ca", "us", "na"), sanFrancisco)).toBe("rest");
    expect(poolFor(places, from("203.0.113.128"))).toBe("net");
    expect(poolFor(places, from("2001:db8:1::1"))).toBe("half");
    expect(poolFor(places, from("::ffff:203.0.113.9"))).toBe("half");
    expect(poolFor(places, paris)).toBe("rest");
    expect(poolFor(places, nowhere)).toBe("rest");
  });

  it("is, of equals, the one that stands first", () => {
    expect(poolFor([at("a", [{ country: "FR" }]), at("b", [{ country: "FR" }])], paris)).toBe("a");
    expect(poolFor([at("a"), at("b")], nowhere)).toBe("a");
  });

  it("is, where it is for none, the first that is there for anybody", () => {
    const abroad = [at("de", [{ country: "DE" }], true), at("us", [{ country: "US" }]), at("jp", [{ country: "JP" }])];
    expect(poolFor(abroad, paris)).toBe("us");
    expect(poolFor(abroad.slice(0, 1), paris)).toBeNull();
    expect(poolFor([], paris)).toBeNull();
  });

  it("is a fenced one that keeps its clients, and nobody else's", () => {
    const fenced = [at("fr", [{ country: "FR" }], true), at("rest")];
    expect(poolFor(fenced, paris)).toBe("fr");
    expect(poolFor(fenced, sanFrancisco)).toBe("rest");
    expect(poolFor([at("rest", [], true), at("us", [{ country: "US" }])], paris)).toBe("rest");
  });

  it("is not told by a range that is narrower than what is known of the client", () => {
    expect(
      poolFor([at("half", [{ cidr: "203.0.113.0/25" }]), at("rest")], { ...nowhere, network: { address: "203.0.113.0", bits: 24 } }),
    ).toBe("rest");
  });
});

describe("the scope of an answer", () => {
  it("is as long as it takes to tell the ranges apart, and 0 where no range could be meant", () => {
    const places = [at("a", [{ cidr: "203.0.113.0/24" }]), at("b", [{ cidr: "198.51.0.0/16" }]), at("c", [{ country: "FR" }])];
    expect(scopeFor(places, from("203.0.113.9"))).toBe(24);
    expect(scopeFor(places, from("198.51.100.1"))).toBe(16);
    expect(scopeFor(places, from("203.0.112.9"))).toBe(24);
    expect(scopeFor(places, from("10.0.0.1"))).toBe(1);
    expect(scopeFor(places, from("2001:db8::1"))).toBe(0);
    expect(scopeFor(places, nowhere)).toBe(0);
    expect(scopeFor([at("a")], from("203.0.113.9"))).toBe(0);
  });
});

describe("first choices", () => {
  it("are the pools that somebody gets while all are usable", () => {
    const pools = [
      { id: "fr", locations: [{ country: "FR" }] },
      { id: "spare", locations: [{ country: "FR" }] },
      { id: "eu", locations: [{ country: "FR" }, { continent: "EU" as const }] },
      { id: "rest", locations: [] },
      { id: "last", locations: [] },
    ];
    expect(firstChoices(pools).map(({ id }) => id)).toEqual(["fr", "eu", "rest"]);
  });
});

describe("a location", () => {
  it.each([
    { country: "FR" },
    { country: "XK" },
    { subdivision: "GB-ENG" },
    { subdivision: "US-CA" },
    { continent: "OC" },
    { cidr: "0.0.0.0/0" },
    { cidr: "2001:db8::/32" },
  ])("may be %j", (one) => {
    expect(location.parse(one)).toEqual(one);
  });

  it.each([
    {},
    { country: "fr" },
    { country: "UK" },
    { country: "ZZ" },
    { subdivision: "CA" },
    { subdivision: "XX-CA" },
    { continent: "EUROPE" },
    { cidr: "203.0.113.1/24" },
    { cidr: "203.0.113.0" },
    { country: "FR", continent: "EU" },
    { city: "Paris" },
    "FR",
  ])("may not be %j", (one) => {
    expect(location.safeParse(one).success).toBe(false);
  });

  it("is given once to a pool, at most 50 of them", () => {
    const ranges = Array.from({ length: 51 }, (_, at) => ({ cidr: `10.0.${at}.0/24` }));
    expect(locations.safeParse(ranges.slice(1)).success).toBe(true);
    expect(locations.safeParse(ranges).success).toBe(false);
    expect(locations.safeParse([{ cidr: "2001:DB8::/32" }, { cidr: "2001:db8::/32" }]).success).toBe(false);
  });

  it("is of a country that the platform knows too", () => {
    const names = new Intl.DisplayNames(["en"], { type: "region", fallback: "none" });
    const codes = [...Array(26 * 26).keys()].map((n) => String.fromCharCode(65 + Math.floor(n / 26), 65 + (n % 26)));
    const ours = codes.filter((country) => location.safeParse({ country }).success);
    expect(ours).toHaveLength(250);
    expect(ours.filter((code) => names.of(code) === undefined)).toEqual([]);
  });
});

const anyAddress = fc.oneof(
  fc.ipV4(),
  fc.integer({ min: 0, max: 255 }).map((last) => `203.0.113.${last}`),
  fc.integer({ min: 0, max: 0xffff }).map((last) => `2001:db8::${last.toString(16)}`),
);
const anyLocation: fc.Arbitrary<Location> = fc.oneof(
  fc.constantFrom<Location>(
    { country: "FR" },
    { country: "US" },
    { subdivision: "US-CA" },
    { continent: "EU" },
    { continent: "NA" },
    { cidr: "203.0.113.0/24" },
    { cidr: "203.0.112.0/22" },
    { cidr: "203.0.113.64/26" },
    { cidr: "2001:db8::/32" },
    { cidr: "2001:db8::8000/113" },
    { cidr: "0.0.0.0/0" },
  ),
);
const anyPlaces = fc
  .array(fc.record({ locations: fc.array(anyLocation, { maxLength: 3 }), own: fc.boolean() }), { maxLength: 6 })
  .map((places) => places.map(({ locations, own }, n) => at(`p${n}`, locations, own)));
const anyClient: fc.Arbitrary<Client> = fc
  .tuple(anyAddress, fc.constantFrom(nowhere, paris, sanFrancisco), fc.boolean())
  .map(([address, place, known]) => ({ ...place, network: known ? from(address).network : null }));

const specificity = (one: Location, client: Client): number | null => {
  if (poolFor([at("x", [one], true)], client) === null) return null;
  if ("cidr" in one) return 100 + Number(one.cidr.split("/")[1]);
  return "subdivision" in one ? 3 : "country" in one ? 2 : 1;
};

describe("properties of the choice", () => {
  it("everybody gets a pool of the plan, unless all that is there is for others alone", () => {
    fc.assert(
      fc.property(anyPlaces, anyClient, (places, client) => {
        const pool = poolFor(places, client);
        if (pool !== null) expect(places.map(({ pool_id }) => pool_id)).toContain(pool);
        else expect(places.every(({ own, locations }) => own && locations.length > 0)).toBe(true);
      }),
    );
  });

  it("no pool that is passed over is more specific, and none that stands before is as specific", () => {
    fc.assert(
      fc.property(anyPlaces, anyClient, (places, client) => {
        const rank = ({ locations, own }: Place) => {
          const ranks = locations.flatMap((one) => specificity(one, client) ?? []);
          return locations.length === 0 ? 0 : ranks.length > 0 ? Math.max(...ranks) : own ? null : -1;
        };
        const chosen = places.findIndex(({ pool_id }) => pool_id === poolFor(places, client));
        if (chosen < 0) return;
        const of = rank(places[chosen] as Place) ?? Number.NaN;
        places.forEach((place, index) => {
          const other = rank(place);
          if (other !== null) expect(index < chosen ? other < of : other <= of).toBe(true);
        });
      }),
    );
  });

  it("whoever shares the scope's bits gets the same pool, as far as ranges decide", () => {
    fc.assert(
      fc.property(anyPlaces, anyAddress, fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (places, address, noise) => {
        const client = from(address);
        const scope = scopeFor(places, client);
        const size = address.includes(":") ? 128 : 32;
        const rest = 2n ** BigInt(size - scope);
        const other = toAddress(((toNumber(address) / rest) * rest) | (noise % rest), size);
        expect(poolFor(places, from(other))).toBe(poolFor(places, client));
      }),
      { numRuns: 500 },
    );
  });
});

function toNumber(address: string): bigint {
  if (!address.includes(":")) return address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n);
  const [head = "", tail = ""] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const zeros = Array<string>(8 - groups(head).length - groups(tail).length).fill("0");
  return [...groups(head), ...zeros, ...groups(tail)].reduce((sum, part) => sum * 65_536n + BigInt(`0x${part}`), 0n);
}

function toAddress(number: bigint, size: number): string {
  const [part, radix, separator] = size === 32 ? [8n, 10, "."] : [16n, 16, ":"];
  const parts: string[] = [];
  for (let left = BigInt(size) - part; left >= 0n; left -= part) parts.push(((number >> left) % 2n ** part).toString(radix));
  return parts.join(separator);
}
