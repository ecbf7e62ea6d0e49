import { describe, expect, it } from "vitest";
import type { CheckTarget } from "../../domain/check.ts";
import { checkPlugins } from "./index.ts";
import { portNeed, privateNeed } from "./needs.ts";

const to = (host: string, port: number | null = null): CheckTarget => ({ host, port, hostHeader: null, endpoint: host });

describe("what a check needs because of its target", () => {
  it.each([
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "::1",
    "fd00::1",
    "::ffff:10.0.0.1",
    "localhost.",
    "db.internal.",
    "printer.local.",
  ])("is a vantage point that may go to %s, which is not public", (host) => {
    expect(privateNeed(to(host))).toEqual(["private"]);
  });

  it.each(["192.0.2.1", "2001:db8::1", "8.8.8.8", "2606:4700::1111", "www.example.com.", "localhost.example.com."])(
    "is nothing more for %s, which is public or only an example",
    (host) => {
      expect(privateNeed(to(host))).toEqual([]);
    },
  );

  it("is nothing more without a target, of which the easiest is meant", () => {
    expect(privateNeed(null)).toEqual([]);
  });

  it("is leave to use port 25, and of no other port", () => {
    expect(portNeed(25)).toEqual(["port_25"]);
    expect([24, 26, 80, 465, 587].flatMap(portNeed)).toEqual([]);
  });

  it.each(["TCP", "HTTP", "HTTPS"])("is asked by %s, of the member's own port first", (type) => {
    const plugin = checkPlugins[type];
    const needs = (port: number, target: CheckTarget | null) => plugin?.needs(plugin.spec.parse({ port }), target);
    expect(needs(25, to("10.0.0.1"))).toEqual(expect.arrayContaining(["private", "port_25"]));
    expect(needs(25, to("www.example.com.", 80))).not.toContain("port_25");
    expect(needs(80, to("www.example.com.", 25))).toContain("port_25");
    expect(needs(25, null)).toContain("port_25");
    expect(needs(80, null)).toHaveLength(1);
  });
});
