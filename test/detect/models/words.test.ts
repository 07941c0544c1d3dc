import { describe, expect, it } from "vitest";
import { univariateScorer } from "../../../models/stream/univariate.ts";
import { matching } from "../../../pipelines/detect/models/matching.ts";
import { reason } from "../../../pipelines/detect/reason.ts";
import { normal } from "../../models/noise.ts";

const TUESDAY = Date.UTC(2026, 0, 6, 14, 20);
const HOUR = 3_600_000;

describe("what a value was expected to be", () => {
  it.each([
    ["nothing that repeats", 0, HOUR, "42 % above the usual 100 ms"],
    ["the hour of the day", -1, HOUR, "42 % above the usual 14:00 level of 100 ms"],
    ["a learned day", 24.2, HOUR, "42 % above the usual 14:00 level of 100 ms"],
    ["a learned week", 168, HOUR, "42 % above the usual Tuesday 14:00 level of 100 ms"],
    ["another period", 37, 60_000, "42 % above the usual 37 min 0 s cycle level of 100 ms"],
    ["a period in rows", 37, Number.NaN, "42 % above the usual 37-row cycle level of 100 ms"],
  ])("follows %s, and says so", (_, period, stepMs, text) =>
    expect(reason("ms", 142, 100, "latency", { timeMs: TUESDAY, period, stepMs })).toBe(text),
  );

  it.each([
    ["the day where the level follows it", 24, 3, -1],
    ["nothing where it is noise", 24, 0, 0],
  ])("is told by the scorer: %s", (_, hours, swing, period) => {
    const bank = univariateScorer();
    bank.resize(1);
    const z = normal(3);
    const n = 24 * 20;
    const times = Float64Array.from({ length: n }, (_, i) => TUESDAY + i * HOUR);
    const values = Float64Array.from(
      { length: n },
      (_, i) => 10 + swing * Math.sin((2 * Math.PI * i) / hours) + 0.3 * z(),
    );
    const column = () => new Float64Array(n);
    const out = { score: column(), alarm: column(), period: column() };
    bank.observe(new Uint32Array(n), times, values, out);
    const last = out.period.at(-1)!;
    // A learned period of a day is as good as the hour of the day.
    expect(last > 0 ? Math.abs(last - hours) < 1 && period === -1 : last === period).toBe(true);
  });
});

describe("entities of a model", () => {
  const loaded = { columns: [], reference: [], rows: 0, start: () => ({}) as never };
  const version = { entities: new Map([["orders", loaded]]) };
  const entity = (name: string, kind = "service") => ({ id: 0, kind, name, attributes: {} });
  it.each([
    ["its own", { entities: ["*"] }, entity("orders"), true],
    ["one it does not know", { entities: ["*"] }, entity("cart"), false],
    ["one that begins as another", { entities: ["*"], like: "orders" }, entity("cart"), true],
    ["one that is not named", { entities: ["pay*"], like: "orders" }, entity("cart"), false],
    ["a kind", { entities: ["host:*"], like: "orders" }, entity("a.b+c", "host"), true],
    ["a name with signs of patterns", { entities: ["a.b+c"], like: "orders" }, entity("aXb+c"), false],
  ])("%s", (_, config, own, fits) => expect(matching(config)(version, own) !== undefined).toBe(fits));
});
