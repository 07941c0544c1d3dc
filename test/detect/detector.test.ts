import { describe, expect, it } from "vitest";
import type { WindowBatch } from "../../pipelines/core/batches.ts";
import type { Anomaly } from "../../pipelines/core/records.ts";
import { Tables } from "../../pipelines/core/tables.ts";
import { type BankName, detector } from "../../pipelines/detect/detector.ts";
import { reason } from "../../pipelines/detect/reason.ts";

const OPTIONS = {
  banks: ["robustZ", "meanSigma", "ewma", "changePoint"] as const,
  openEvidence: 9,
  closeEvidence: 2,
  freezeWindows: 180,
  floors: {},
};

/** Deterministic noise, about normal. */
function noise(seed: number) {
  let s = seed >>> 0;
  const u = () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 2 ** 32;
  };
  return () => u() + u() + u() + u() + u() + u() - 3;
}

const atSecond = (i: number, value: readonly number[]): WindowBatch => ({
  startMs: i * 1000,
  endMs: (i + 1) * 1000,
  length: value.length,
  seriesIds: Uint32Array.from(value, (_, k) => k),
  value: Float64Array.from(value),
  count: new Float64Array(value.length).fill(1),
  min: Float64Array.from(value),
  max: Float64Array.from(value),
});

function detectorOf(series: number, metric = "request.duration", unit = "ms", options = {}) {
  const tables = new Tables();
  const e = tables.internNamed("service", "api");
  for (let i = 0; i < series; i++) tables.internSeries(e, metric, unit, "gauge", { i: String(i) });
  return detector(tables, { ...OPTIONS, ...options });
}

/** Of a week: busy by day, idle by night. */
describe("a season", () => {
  const WINDOW_MS = 600_000;
  const hourAt = (i: number) => Math.floor((i * WINDOW_MS) / 3_600_000) % 24;
  const week = (banks: readonly BankName[], value: (i: number, usual: number) => number) => {
    const d = detectorOf(1, "request.rate", "1/s", { banks });
    const n = noise(2);
    const out: Anomaly[] = [];
    for (let i = 0; i < 7 * 144; i++) {
      const usual = (hourAt(i) >= 8 && hourAt(i) < 20 ? 100 : 40) + n();
      out.push(...d.process({ ...atSecond(i, [value(i, usual)]), startMs: i * WINDOW_MS, endMs: (i + 1) * WINDOW_MS }));
    }
    return out.filter((a) => a.startMs > 2 * 144 * WINDOW_MS);
  };
  const [night, noon] = [6 * 144 + 18, 6 * 144 + 72];
  const busyByNight = (i: number, usual: number) => (i >= night && i < night + 12 ? 100 : usual);
  const atOnce = ({ detectedMs }: Anomaly) => detectedMs > night * WINDOW_MS && detectedMs <= (night + 3) * WINDOW_MS;
  const ALL = [...OPTIONS.banks, "seasonal"] as const;

  it("is known to the bank that follows it, alone: usual days are quiet, a day by night is told with its hour", () => {
    expect(week(["seasonal"], (_, usual) => usual)).toEqual([]);
    const [first] = week(["seasonal"], busyByNight) as [Anomaly];
    expect(atOnce(first)).toBe(true);
    expect(first.detectors).toEqual({ seasonal: 1 });
    expect(first.band.expected).toBeCloseTo(40, 0);
    expect(first.why).toMatch(/^2\.\d+ times the usual 03:00 level of 40/);
  });

  it("excuses, with others, what each day brings, so that they stay as keen by night", () => {
    expect(week(OPTIONS.banks, (_, usual) => usual)).not.toEqual([]);
    expect(week(OPTIONS.banks, busyByNight).some(atOnce)).toBe(false);
    expect(week(ALL, (_, usual) => usual)).toEqual([]);
    const found = week(ALL, busyByNight);
    expect(found.filter(atOnce).length).toBeGreaterThan(0);
    expect(new Set(found.map((a) => a.id)).size).toBe(1);
    expect(found.at(-1)?.evidence).toBeGreaterThan(14);
  });

  it("excuses nothing that is odd for its hour too, or where nothing repeats", () => {
    const outage = week(ALL, (i, usual) => (i >= noon && i < noon + 6 ? 40 : usual));
    expect(outage[0]?.direction).toBe("down");
    expect(outage[0]?.startMs).toBe(noon * WINDOW_MS);
    // A random walk: the hour says little, and a jump is a jump.
    const n = noise(5);
    const steps = Array.from({ length: 7 * 144 }, () => 0.3 * n());
    let level = 50;
    const walk = steps.map((step) => (level += step));
    const jump = week(ALL, (i) => walk[i]! + (i >= noon ? 60 : 0));
    expect(jump.some(({ detectedMs: ms }) => ms > noon * WINDOW_MS && ms <= (noon + 3) * WINDOW_MS)).toBe(true);
  });
});

describe("detector", () => {
  it("opens one anomaly with its band and closes it when the value is usual again", () => {
    const d = detectorOf(1);
    const n = noise(1);
    const out: Anomaly[] = [];
    for (let i = 0; i < 160; i++) out.push(...d.process(atSecond(i, [20 + n() + (i >= 100 && i < 115 ? 300 : 0)])));
    expect(new Set(out.map((a) => a.id)).size).toBe(1);
    const [first] = out as [Anomaly, ...Anomaly[]];
    expect(first).toMatchObject({ entity: "api", family: "latency", direction: "up", startMs: 100_000, endMs: null });
    expect(first.detectedMs).toBeLessThanOrEqual(104_000);
    expect(first.band.low).toBeLessThan(20);
    expect(first.band.high).toBeGreaterThan(20);
    expect(first.band.high).toBeLessThan(100);
    expect(first.p).toBeLessThan(1e-3);
    const closed = out.at(-1) as Anomaly;
    expect(closed.endMs).toBeGreaterThan(115_000);
    expect(closed.endMs).toBeLessThan(125_000);
  });

  it("does not hold an anomaly open on values within the band that it shows", () => {
    // A p95 of few requests: one value most of the time, others seldom. After the stall one of the seldom ones stays.
    const usual = (i: number) => {
      const u = ((i * 7919) % 1009) / 1009;
      return u < 0.94 ? 24.3 : u < 0.99 ? 36 : 60;
    };
    const d = detectorOf(1, "http.server.request.duration.p95", "ms");
    const out: Anomaly[] = [];
    for (let i = 0; i < 500; i++)
      out.push(...d.process(atSecond(i, [i === 400 || i === 401 ? 460 : i > 401 && i < 460 ? 36 : usual(i)])));
    const [first] = out.filter((a) => a.detectedMs >= 401_000) as [Anomaly];
    expect([first.direction, first.band.low < 36, 36 < first.band.high]).toEqual(["up", true, true]);
    expect(out.find((a) => a.id === first.id && a.endMs !== null)?.endMs).toBeLessThanOrEqual(410_000);
  });

  it("learns what is odd for hours every day, as a nightly batch is, and still finds what is not", () => {
    const d = detectorOf(1, "request.duration", "ms", { openEvidence: 7 });
    const n = noise(4);
    const daily: number[] = new Array(14).fill(0);
    const day = 288;
    for (let i = 0; i < 13 * day; i++)
      for (const a of d.process(atSecond(i, [20 + n() + (i >= 2 * day && i % day >= 150 && i % day < 250 ? 40 : 0)])))
        if (a.endMs === null) daily[Math.floor(i / day)]! += 1;
    expect(daily.slice(2, 4).some((told) => told > 0)).toBe(true);
    expect(daily.slice(8)).toEqual([0, 0, 0, 0, 0, 0]);
    const out: Anomaly[] = [];
    for (let i = 13 * day; i < 13 * day + 40; i++) out.push(...d.process(atSecond(i, [20 + n() + 300])));
    expect(out.length).toBeGreaterThan(0);
  });

  it("is taught by no second fault soon after the first", () => {
    const d = detectorOf(1);
    const n = noise(5);
    const lengths: number[] = [];
    let from = 0;
    const fault = (i: number) => (i >= 600 && i < 660) || (i >= 760 && i < 820);
    for (let i = 0; i < 1000; i++)
      for (const a of d.process(atSecond(i, [20 + n() + (fault(i) ? 200 : 0)]))) {
        if (a.detectedMs === (i + 1) * 1000 && a.endMs === null) from = i;
        if (a.endMs !== null) lengths.push(i - from);
      }
    expect(lengths).toHaveLength(2);
    for (const length of lengths) expect(length).toBeGreaterThanOrEqual(58);
  });

  it("finds a slow leak", () => {
    const d = detectorOf(1, "process.memory.usage", "By");
    const n = noise(2);
    const out: Anomaly[] = [];
    for (let i = 0; i < 140; i++) out.push(...d.process(atSecond(i, [80e6 + 1e6 * n() + Math.max(0, i - 100) * 12e6])));
    expect(out[0]?.family).toBe("memory");
    expect(out[0]?.detectedMs).toBeLessThan(120_000);
  });

  it.each([
    { name: "a constant series", make: () => () => 5 },
    { name: "zeros", make: () => () => 0 },
    { name: "huge numbers", make: () => () => 1e300 },
  ])("never calls $name anomalous", ({ make }) => {
    const d = detectorOf(1);
    const next = make();
    for (let i = 0; i < 300; i++) expect(d.process(atSecond(i, [next()]))).toEqual([]);
  });

  it("stays quiet on 400 noisy series for 10 minutes", () => {
    const d = detectorOf(400);
    const n = noise(3);
    let opened = 0;
    for (let i = 0; i < 600; i++)
      opened += d.process(
        atSecond(
          i,
          Array.from({ length: 400 }, () => 50 + 10 * n()),
        ),
      ).length;
    expect(opened).toBeLessThanOrEqual(1);
  });

  it("lets evidence fade in a gap", () => {
    const d = detectorOf(1);
    const n = noise(4);
    for (let i = 0; i < 100; i++) d.process(atSecond(i, [20 + n()]));
    for (let i = 100; i < 104; i++) d.process(atSecond(i, [900]));
    expect(d.open).toHaveLength(1);
    const out: Anomaly[] = [];
    for (let i = 104; i < 112; i++) out.push(...d.process(atSecond(i, [])));
    expect(out.at(-1)?.endMs).toBeLessThanOrEqual(112_000);
    expect(d.open).toEqual([]);
  });

  it.each([
    { banks: OPTIONS.banks, windowMs: 1000 },
    { banks: [...OPTIONS.banks, "seasonal"], windowMs: 3_600_000 },
  ])("goes on to the bit from saved state: $banks", ({ banks, windowMs }) => {
    const n = noise(5);
    const rows = Array.from({ length: 200 }, (_, i) => [20 + n() + (i > 120 && i < 150 ? 200 : 0), 5 * n(), 1]);
    const batch = (i: number, value: readonly number[]) => ({
      ...atSecond(i, value),
      ...{ startMs: i * windowMs, endMs: (i + 1) * windowMs },
    });
    const setUp = (series: number) => detectorOf(series, "request.duration", "ms", { banks });
    const whole = setUp(3);
    const expected = rows.flatMap((r, i) => whole.process(batch(i, r)));
    for (const cut of [10, 61, 122, 149]) {
      let d = setUp(3);
      const chunks = new Map<string, Uint8Array>();
      const got: Anomaly[] = [];
      for (const [i, r] of rows.entries()) {
        if (i === cut || i === cut + 20) {
          d.snapshot((k, b) => (b ? chunks.set(k, b) : chunks.delete(k)));
          d = setUp(3);
          d.restore(chunks);
        }
        got.push(...d.process(batch(i, r)));
      }
      expect(got).toEqual(expected);
    }
    expect(expected.length).toBeGreaterThan(1);
  });
});

describe("reason", () => {
  it.each([
    ["ms", 300, 20, "15 times the usual 20 ms"],
    ["ms", 25, 20, "25 % above the usual 20 ms"],
    ["", 5, 10, "50 % below the usual 10"],
    ["1", 0.5, 0, "0.5, where 0 is usual"],
  ])("says it in words", (unit, value, expected, text) => expect(reason(unit, value, expected)).toBe(text));
});
