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

it.each([
  ["severity", { severity: ["critical" as const] }, { severity: ["major" as const, "critical" as const] }],
  ["confidence", { confidence: 0.95 }, { confidence: 0.9 }],
  ["a label", { label: "drill*" }, { label: "team-*" }],
  ["a log line", { log: "*deadlock*" }, { log: "*out of memory*" }],
  ["a series", { series: "cpu*" }, { series: "*latency*" }],
])("%s is a condition of a rule", (_, not, fits) => {
  const case1 = incident();
  const log = {
    entity: "shop",
    startMs: 0,
    endMs: 1,
    template: "out of memory: <*>",
    severity: 17,
    count: 1,
    isNew: true,
    sample: "",
    traceId: "",
  };
  const seen = {
    ...case1,
    labels: ["team-a"],
    anomalies: [{ series: "http.latency" }] as never,
    diagnosis: { ...case1.diagnosis!, logs: [log] },
  };
  expect(chooseAction([{ ...not, action: "restore-files" }, { action: "restart" }], seen)).toBe("restart");
  expect(chooseAction([{ ...fits, action: "restore-files" }, { action: "restart" }], seen)).toBe("restore-files");
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
