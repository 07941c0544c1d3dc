import { describe, expect, it } from "vitest";
import { parseInterval, parseRule } from "../../../pipelines/cli/agent.ts";

describe("command-line values", () => {
  it.each([
    ["5s", 5000],
    ["500ms", 500],
    ["1.5s", 1500],
  ])("reads the interval %s", (text, ms) => expect(parseInterval(text)).toBe(ms));
  it.each(["5", "0s", "10ms", "2h", "-1s", "", "4000s"])("refuses the interval %j", (text) => {
    expect(() => parseInterval(text)).toThrow("Give a time");
  });
  it("splits a rule at the last equals sign", () => {
    expect(parseRule("--name=(\\w+)=$1")).toEqual({ match: "--name=(\\w+)", service: "$1" });
  });
  it.each(["nginx", "=x", "x=", "(=x"])("refuses the rule %j", (text) => {
    expect(() => parseRule(text)).toThrow("REGEX=SERVICE");
  });
});
