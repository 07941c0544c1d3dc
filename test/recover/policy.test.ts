import fc from "fast-check";
import { expect, it } from "vitest";
import { canonicalJson } from "../../pipelines/recover/plan.ts";
import { chooseAction, globMatches } from "../../pipelines/recover/policy.ts";
import { incident } from "./fixtures.ts";

it.each([
  ["*", "", true],
  ["shop-*", "shop-1", true],
  ["*shop", "myshop", true],
  ["a*b*c", "axxbyyc", true],
  ["a*b*c", "ac", false],
  ["ab*ba", "aba", false],
  ["shop", "shop2", false],
  [".*", "x", false],
])("%s against %s is %s", (pattern, text, fits) => expect(globMatches(pattern, text)).toBe(fits));

it("takes the first rule that fits, and none means none", () => {
  const rules = [{ name: "pay*", action: "none" }, { kind: "host", action: "reboot" }, { action: "restart" }];
  expect(chooseAction(rules, incident({ suspect: "payment" }))).toBeNull();
  expect(chooseAction(rules, incident())).toBe("restart");
  expect(chooseAction(rules.slice(0, 2), incident())).toBeNull();
});

it("canonical JSON does not depend on the order of keys", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (o) => {
      expect(canonicalJson(Object.fromEntries(Object.entries(o).reverse()))).toBe(canonicalJson(o));
    }),
  );
  expect(JSON.parse(canonicalJson({ b: [1, { d: null, c: "x" }], a: undefined }))).toEqual({
    b: [1, { c: "x", d: null }],
  });
});
