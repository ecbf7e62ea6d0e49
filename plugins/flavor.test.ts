/** Where flavors write to, as claims of names know it. */
import { describe, expect, it } from "vitest";
import { placeOf } from "./flavor.ts";

describe("the place of a flavor", () => {
  it.each([
    ["powerdns", "api_url", ""],
    ["designate", "endpoint", ""],
    ["cloudflare_dns", "api_url", "/client/v4"],
    ["cloudflare_lb", "api_url", "/client/v4"],
    ["route53", "endpoint", ""],
  ])("of %s is the same however its URL is spelled", (provider, field, path) => {
    const settings = provider === "cloudflare_lb" ? { account_id: "0123456789abcdef0123456789abcdef" } : {};
    const places = [`https://dns.example.com${path}`, `https://DNS.example.com:443${path}/`].map((url) =>
      placeOf({ provider, settings: { ...settings, [field]: url } }),
    );
    expect(places[0]).toContain("https://dns.example.com");
    expect(places[1]).toBe(places[0]);
  });
});
