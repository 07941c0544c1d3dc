import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutageRecord } from "../../../pipelines/core/reliability.ts";
import { downSpans, lengthMs } from "../../../pipelines/measure/reliability/downtime.ts";
import { durationFigures } from "../../../pipelines/measure/reliability/durations.ts";
import { forecastNext } from "../../../pipelines/measure/reliability/forecast.ts";
import { readReplicas } from "../../../pipelines/measure/reliability/replicas.ts";
import { reliabilityReport } from "../../../pipelines/measure/reliability/report.ts";
import { reliabilityHtml, reliabilityMarkdown, reliabilityTable } from "../../../pipelines/report/reliability.ts";
import { outageWith } from "../outage.ts";

const H = 3_600_000;
const outage = (startH: number, endH: number | null, more: Partial<OutageRecord> = {}): OutageRecord => {
  const [startMs, resolvedMs] = [startH * H, endH === null ? null : endH * H];
  const usual = { service: "cart", severity: "major", detectedMs: startMs };
  return outageWith({ id: `o${startH}`, startMs, resolvedMs, ...usual, ...more });
};
const figure = (r: ReturnType<typeof reliabilityReport>, key: string) => r.figures.find((f) => f.key === key)!;

describe("downtime", () => {
  it("counts what overlaps once, and what is not over to the end", () => {
    const spans = downSpans([outage(0, 3), outage(1, 2), outage(2, 4), outage(8, null)], 0, 10 * H);
    expect(spans).toEqual([
      [0, 4 * H],
      [8 * H, 10 * H],
    ]);
  });
  it("is never more than the window nor than all outages together", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(100), fc.option(fc.nat(50)))),
        fc.nat(60),
        fc.integer({ min: 61, max: 120 }),
        (rows, from, to) => {
          const all = rows.map(([s, d], i) => outage(s, d === null ? null : s + d, { id: String(i) }));
          const down = lengthMs(downSpans(all, from * H, to * H));
          expect(down).toBeLessThanOrEqual((to - from) * H);
          // Hour by hour, the slow way.
          let hours = 0;
          for (let h = from; h < to; h++)
            if (all.some((o) => o.startMs <= h * H && (o.resolvedMs ?? Number.POSITIVE_INFINITY) > h * H)) hours += 1;
          expect(down).toBe(hours * H);
        },
      ),
    ));
});

describe("reliability figures", () => {
  const four = [
    outage(10, 12, {
      acknowledgedMs: 10.5 * H,
      byChange: true,
      repairs: { attempted: 2, verified: 1 },
      writes: { acknowledged: 1000, lost: 10 },
    }),
    outage(40, 41, { byChange: false, repairs: { attempted: 1, verified: 0 }, injected: true }),
    outage(70, 71, { byChange: false, injected: true, detectedMs: null }),
    outage(95, null, { repairs: { attempted: 0, verified: 0 } }),
  ];
  const r = reliabilityReport(four, { fromMs: 0, toMs: 100 * H, changes: 20, loads: [10, 20, 30], objective: 0.95 });

  it.each([
    ["failureRate", 0.04, 0.04 * 0.2725, 0.04 * 2.5604], // Garwood for 4: 1.0899 to 10.2416
    ["mtbf", 25, 9.764, 91.75],
    ["mttf", 22.75, null, null],
    ["availability", 0.91, null, null],
    ["dataLoss", 0.01, 0.00544, 0.01831],
    ["coverage", 0.5, 0.0945, 0.9055],
    ["recovered", 0.5, 0.0945, 0.9055],
    ["outagesByChange", 1 / 3, 0.0615, 0.7923],
    ["changeFailureRate", 0.05, 0.0089, 0.2361],
    ["loadImbalance", 1.5, null, null],
  ] as const)("%s", (key, value, low, high) => {
    const f = figure(r, key);
    expect(f.value).toBeCloseTo(value, 9);
    if (low !== null) expect(f.interval!.low / low).toBeCloseTo(1, 2);
    if (high !== null) expect(f.interval!.high! / high).toBeCloseTo(1, 2);
    expect(f.definition).not.toBe("");
    expect(f.source).not.toBe("");
  });

  it("know the open outage: at least so long, and never left out", () => {
    expect(r).toMatchObject({ incidents: 4, open: 1 });
    const recover = r.durations.find((d) => d.key === "mttrecover")!;
    expect(recover).toMatchObject({ ended: 3, open: 1, atLeast: true, median: 1, p90: null, max: 5 });
    // Kaplan-Meier: 1/2 left after 1 h, 1/4 after 2 h, to 5 h: 1 + 1/2 + 3/4.
    expect(recover.mean).toBeCloseTo(2.25, 9);
  });

  it("spend the error budget", () => {
    expect(r.errorBudget.allowedHours).toBeCloseTo(5, 9);
    expect(r.errorBudget.remainingShare).toBeCloseTo(1 - 9 / 5, 9);
    expect(r.errorBudget.burnRates.map((b) => [b.windowHours, Number(b.burnRate.toFixed(6))])).toEqual([
      [1, 20],
      [6, Number((5 / 6 / 0.05).toFixed(6))],
      [72, Number((7 / 72 / 0.05).toFixed(6))],
    ]);
  });

  it("say why where they can't be told", () => {
    const none = reliabilityReport([], { fromMs: 0, toMs: 100 * H });
    for (const f of none.figures) if (f.value === null) expect(f.note).not.toBe("");
    expect(figure(none, "failureRate")).toMatchObject({ value: 0, interval: { low: 0 } });
    // No failure in 100 h: the mean is above 100 / 3.689 h.
    expect(figure(none, "mtbf")).toMatchObject({ value: null, interval: { high: null } });
    expect(figure(none, "mtbf").interval!.low).toBeCloseTo(100 / 3.689, 2);
    expect(none.timeBetweenFailures).toMatchObject({ weibull: null, forecast: null, trend: null });
  });

  it("don't count the outage that opens the window as a failure in it", () => {
    const open = reliabilityReport(four, { toMs: 100 * H });
    expect(figure(open, "failureRate").value).toBeCloseTo(3 / 90, 9);
    expect(open.warnings.join()).toContain("opens the window");
  });

  it("leave out what began after the window, and say so; refuse a window that ends before it begins", () => {
    const early = reliabilityReport(four, { fromMs: 0, toMs: 50 * H });
    expect(early.incidents).toBe(2);
    expect(early.warnings.join()).toContain("2 outages began after");
    expect(() => reliabilityReport(four, { fromMs: 5 * H, toMs: 5 * H })).toThrow(/INPUT_INVALID/);
  });

  it("are the same in whatever order outages come", () =>
    fc.assert(
      fc.property(fc.shuffledSubarray(four, { minLength: 4 }), (shuffled) => {
        expect(
          reliabilityReport(shuffled, { fromMs: 0, toMs: 100 * H, changes: 20, loads: [10, 20, 30], objective: 0.95 }),
        ).toEqual(r);
      }),
    ));

  it("stand in table, Markdown and page with their definitions, and no text becomes markup", () => {
    const evil = { ...r, warnings: ["<script>alert(1)</script> | [x](javascript:1)"] };
    for (const text of [reliabilityTable(evil), reliabilityMarkdown(evil), reliabilityHtml(evil)])
      for (const d of [...r.figures, ...r.durations]) expect(text).toContain(d.name);
    const [markdown, html] = [reliabilityMarkdown(evil), reliabilityHtml(evil)];
    for (const f of r.figures) expect(markdown).toContain(f.definition.replaceAll("|", "\\|"));
    expect(html).not.toContain("<script");
    expect(markdown).not.toContain("<script");
  });
});

describe("times that are not over", () => {
  it("say nothing of a moment that nobody wrote down", () => {
    const list = [outage(0, 3, { detectedMs: null }), outage(8, null, { detectedMs: null })];
    const mttd = (of: OutageRecord[]) => durationFigures(of, 10 * H).find((d) => d.key === "mttd")!;
    expect(mttd(list)).toMatchObject({ mean: null, ended: 0, open: 0 });
    expect(mttd([...list, outage(4, 5)])).toMatchObject({ ended: 1, open: 1 });
  });

  it("only ever lengthen the figures", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 40 })), { minLength: 1, maxLength: 15 }),
        fc.nat(14),
        (rows, at) => {
          const all = rows.map(([s, d], i) => outage(s, s + d, { id: String(i) }));
          const open = all.map((o, i) => (i === at % all.length ? { ...o, resolvedMs: null } : o));
          const mean = (list: OutageRecord[]) =>
            durationFigures(list, 100 * H).find((d) => d.key === "mttrecover")!.mean!;
          expect(mean(open)).toBeGreaterThanOrEqual(mean(all) - 1e-9);
        },
      ),
    ));
});

describe("the forecast", () => {
  it("of a constant rate is the predictive law of its count", () => {
    // n failures in T: P(none within h) = (T / (T + h))^n.
    const f = forecastNext({ fit: undefined, failures: 4, exposure: 100, since: 7 })!;
    expect(f.model).toBe("exponential");
    for (const { hours, probability } of f.within) expect(probability).toBeCloseTo(1 - (100 / (100 + hours)) ** 4, 2);
    expect(f.medianHours!).toBeCloseTo(100 * (2 ** (1 / 4) - 1), 0);
    expect(f.lowHours!).toBeLessThan(f.medianHours!);
    expect(f.highHours!).toBeGreaterThan(f.medianHours!);
  });
  it("holds what then happens about as often as it says", () => {
    // 120 systems with gaps of one law; eight seen, the ninth forecast.
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state + 0.5) / 2 ** 32;
    };
    let [inside, all] = [0, 0];
    for (let s = 0; s < 120; s++) {
      const gaps = Array.from({ length: 9 }, () => 100 * (-Math.log(random())) ** (1 / 1.5));
      const starts = [0];
      for (const g of gaps.slice(0, 8)) starts.push(starts.at(-1)! + g);
      const toMs = starts.at(-1)! * H;
      const outages = starts.slice(1).map((t, i) => outage(t, t + 1e-3, { id: `${s}-${i}` }));
      const f = reliabilityReport(outages, { fromMs: 0, toMs }).timeBetweenFailures.forecast!;
      all += 1;
      if (gaps[8]! >= f.lowHours! && gaps[8]! <= f.highHours!) inside += 1;
    }
    expect(inside / all).toBeGreaterThan(0.7);
    expect(inside / all).toBeLessThan(0.9);
  });
});

describe("replicas and changes", () => {
  const report = (replicas: ReturnType<typeof readReplicas>, changes?: number) =>
    reliabilityReport([outage(1, 3, { byChange: true }), outage(5, null, { byChange: true })], {
      ...{ fromMs: 0, toMs: 10 * H, replicas, changes },
    });

  it("lag and stale reads come from whatever columns there are, over BOM, CRLF, other columns and gaps", () => {
    const text = "\u{feff}time,Replica,Lag MS,reads,stale_reads\r\n1,a,500,100,2\r\n2,b,,50,1\r\n3,a,1500,,\r\n";
    const r = report(readReplicas(text, "f.csv"));
    expect(figure(r, "replicaLag")).toMatchObject({ value: 1.5 / 3600, count: 2 });
    expect(figure(r, "staleReads")).toMatchObject({ value: 0.02, count: 150, note: "3 of 150" });
    expect(figure(report(readReplicas("lag_s\n0.25\n", "f.csv")), "staleReads").value).toBeNull();
  });

  it.each([
    ["no column of ours", "a,b\n1,2\n", "f.csv:1"],
    ["what is no number", "lag_s\n1\nfast\n", "f.csv:3"],
    ["a negative lag", "lag_s\n-1\n", "f.csv:2"],
    ["more stale reads than reads", "reads,stale\n5,6\n", "f.csv:2"],
    ["nothing", "", "f.csv:1"],
  ])("refuses %s with its line", (_, text, where) => {
    expect(() => readReplicas(text, "f.csv")).toThrow(`INPUT_INVALID at ${where}`);
  });

  it("the change figures: frequency with its interval, and recovery with what is not over censored", () => {
    const r = report([], 20);
    expect(figure(r, "deploymentFrequency")).toMatchObject({ value: 2, count: 20 });
    expect(r.durations.find((d) => d.key === "changeRecovery")).toMatchObject({ ended: 1, open: 1, median: 2 });
    expect(figure(report([]), "deploymentFrequency").value).toBeNull();
  });
});
