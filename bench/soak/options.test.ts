import { describe, expect, it } from "vitest";
import { soakOptions } from "./options.ts";

const options = (line: string) => soakOptions(line === "" ? [] : line.split(" "));

describe("the command line of npm run soak", () => {
  it("is the size that must hold, unless it says otherwise", () => {
    const usual = { members: 2_000, hanging: 600, delay: 20, timeout: 2, regions: ["wnam", "enam", "weur"], seconds: 180 };
    expect(options("")).toEqual(usual);
    expect(options("--members 200 --hanging 60 --regions 1")).toEqual({ ...usual, members: 200, hanging: 60, regions: ["wnam"] });
  });

  it.each([
    ["--members many", '--members must be a whole number, got "many"'],
    ["--members 0", "--members must be from 1 to 20000"],
    ["--members 10 --hanging 10", "--hanging must be less than --members"],
    ["--timeout 21", "--timeout must be from 1 to --delay"],
    ["--regions 9", "--regions must be from 1 to 8"],
    ["--seconds 30", "--seconds must be at least three times --delay: a period is lost at each end"],
    ["--size 3", expect.stringContaining("--size")],
  ])("says what is wrong with %s", (line, wrong) => {
    expect(options(line)).toEqual(wrong);
  });
});
