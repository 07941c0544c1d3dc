import { describe, expect, it } from "vitest";
import type { Anomaly, Family } from "../../pipelines/core/records.ts";
import { alertBudget } from "../../pipelines/correlate/alert-budget.ts";
import { correlator } from "../../pipelines/correlate/correlator.ts";
import { uniform } from "../models/noise.ts";

const STEP = 60_000;
const WEEK = (7 * 86_400_000) / STEP;
const DAY = 86_400_000 / STEP;
const ROWS = 500;

const anomaly = (i: number, evidence: number, family: Family = "latency", entity = `s${i % 97}`): Anomaly => ({
  id: `A-${i}-${family}`,
  entity,
  entityKind: "service",
  series: family === "errors" ? "http.errors" : "request.duration",
  unit: "ms",
  family,
  direction: "up",
  startMs: i * STEP,
  detectedMs: (i + 1) * STEP,
  endMs: null,
  p: 1e-6,
  evidence,
  value: 300,
  band: { expected: 100, low: 50, high: 150 },
  detectors: {},
  why: "odd",
});

describe("alertBudget", () => {
  const learned = (falseIncidentsPerWeek: number, { seed = 1, weeks = 8, perWindow = 0.02 } = {}) => {
    const b = alertBudget({ falseIncidentsPerWeek, joinMs: 20 * STEP });
    const u = uniform(seed);
    for (let i = 1; i <= weeks * WEEK; i++) {
      b.pass(i * STEP, ROWS);
      if (u() < perWindow) b.learn(6 - Math.log10(u()));
    }
    return b;
  };

  it("has no opinion on its first day, nor before it has seen enough", () => {
    const b = alertBudget({ falseIncidentsPerWeek: 1, joinMs: 20 * STEP });
    for (let i = 1; i < DAY; i++) {
      b.pass(i * STEP, ROWS);
      b.learn(7);
    }
    expect(b.chancePerWeek([12])).toBeUndefined();
    b.pass((DAY + 2) * STEP, ROWS);
    expect(b.chancePerWeek([12])).toBeDefined();
    const calm = alertBudget({ falseIncidentsPerWeek: 1, joinMs: 20 * STEP });
    for (let i = 1; i < 3 * DAY; i++) calm.pass(i * STEP, ROWS);
    expect(calm.chancePerWeek([12])).toBeUndefined();
  });

  it("asks for an order more where a tenth is allowed", () => {
    // no incident is told of, so the correction works the same on both; the larger budget corrects more
    const [few, many] = [learned(0.05), learned(0.5)];
    expect(few.loneLevel - many.loneLevel).toBeGreaterThan(0.7);
    expect(few.loneLevel - many.loneLevel).toBeLessThan(1.6);
  });

  it("asks less of each of two at once, and no more of one beside a weak one", () => {
    const b = learned(0.1);
    const lone = b.loneLevel;
    expect(b.chancePerWeek([lone - 1])).toBeGreaterThan(0.1);
    expect(b.chancePerWeek([lone - 1, lone - 1])).toBeLessThanOrEqual(0.1);
    expect(b.chancePerWeek([lone + 0.2, 0])).toBeLessThanOrEqual(0.1);
  });

  it("asks more where there are more series", () => {
    const b = learned(0.1);
    const before = b.chancePerWeek([9]) as number;
    for (let i = 1; i <= DAY / 4; i++) b.pass((8 * WEEK + i) * STEP, 100 * ROWS);
    expect(b.chancePerWeek([9])).toBeGreaterThan(10 * before);
  });

  it("forgets what detectors took for odd while they were new", () => {
    const b = alertBudget({ falseIncidentsPerWeek: 1, joinMs: 20 * STEP });
    const u = uniform(2);
    const levels: number[] = [];
    for (let i = 1; i <= 5 * WEEK; i++) {
      b.pass(i * STEP, ROWS);
      if (u() < 0.01) b.learn((i < 2 * DAY ? 11 : 5) - Math.log10(u()));
      if (i === 3 * DAY || i === 5 * WEEK) levels.push(b.loneLevel);
    }
    expect(levels[0]).toBeGreaterThan(11);
    expect(levels[1]).toBeLessThan(9);
  });

  it("learns from too many that it is too lax, and takes it back when they were real", () => {
    const b = learned(10);
    const before = b.chancePerWeek([9]) as number;
    for (let i = 0; i < 20; i++) b.spent();
    expect(b.chancePerWeek([9])).toBeCloseTo(before * Math.E, 6);
    for (let i = 0; i < 20; i++) b.refund();
    expect(b.chancePerWeek([9])).toBeCloseTo(before, 6);
  });

  it("takes quiet for no sign that more should open where all may", () => {
    expect(learned(1000, { weeks: 2 }).correction).toBeCloseTo(0, 1);
    expect(learned(10, { weeks: 2 }).correction).toBeLessThan(-0.5);
  });

  it("is moved most by the first incidents", () => {
    const b = learned(0.01, { weeks: 1 });
    const times = () => {
      const before = b.chancePerWeek([9]) as number;
      b.spent();
      return (b.chancePerWeek([9]) as number) / before;
    };
    expect(times()).toBeGreaterThan(1.25);
    for (let i = 0; i < 30; i++) b.spent();
    for (let i = 0; i < 30; i++) b.refund();
    expect(times()).toBeCloseTo(Math.exp(0.05), 3);
  });

  it("is the same after a restart", () => {
    const one = learned(1);
    const chunks = new Map<string, Uint8Array>();
    one.snapshot((key, bytes) => void chunks.set(key, bytes as Uint8Array));
    const two = alertBudget({ falseIncidentsPerWeek: 1, joinMs: 20 * STEP });
    two.restore(chunks);
    for (const b of [one, two]) {
      b.pass((8 * WEEK + 5) * STEP, ROWS);
      b.learn(8);
    }
    expect(two.chancePerWeek([8, 7])).toBe(one.chancePerWeek([8, 7]));
  });
});

describe("what chance teaches", () => {
  /** An anomaly every hour that stays for so many windows, for three days. */
  const taught = (windows: number, atEnd: number) => {
    const c = correlator({ system: "s", windowMs: STEP, falseIncidentsPerWeek: 10 });
    let open: { a: Anomaly; until: number }[] = [];
    for (let i = 0; i < 3 * DAY; i++) {
      c.onWindow(ROWS);
      for (const { a, until } of open)
        if (until === i) c.onAnomaly({ ...a, evidence: atEnd, endMs: a.detectedMs + windows * STEP });
      open = open.filter((o) => o.until > i);
      if (i % 60 === 0) {
        const a = anomaly(i, 6);
        c.onAnomaly(a);
        open.push({ a, until: i + windows });
      }
      c.advance((i + 1) * STEP);
    }
    return c.budget as NonNullable<typeof c.budget>;
  };

  it("counts what could have opened an incident: what was still there once it was confirmed", () => {
    expect(taught(4, 6).peaks).toBe(0);
    expect(taught(5, 6).peaks).toBeGreaterThan(20);
  });

  it("counts it by what was known of it while it was there", () => {
    expect(taught(5, 12).loneLevel).toBe(taught(5, 6).loneLevel);
  });
});

describe("correlator with an alert budget", () => {
  /** Chance anomalies of six windows each; gives the incidents that opened in each week. */
  function noisy(falseIncidentsPerWeek: number | undefined, weeks: number, more: (i: number) => Anomaly[] = () => []) {
    const c = correlator({ system: "s", windowMs: STEP, falseIncidentsPerWeek });
    const u = uniform(11);
    let open: Anomaly[] = [];
    const opened: { week: number; entities: readonly string[] }[] = [];
    for (let i = 0; i < weeks * WEEK; i++) {
      c.onWindow(ROWS);
      for (const a of open.filter((o) => o.detectedMs <= (i - 5) * STEP)) c.onAnomaly({ ...a, endMs: (i + 1) * STEP });
      open = open.filter((o) => o.detectedMs > (i - 5) * STEP);
      const fresh = [...(u() < 0.02 ? [anomaly(i, 6 - Math.log10(u()))] : []), ...more(i)];
      for (const a of fresh) c.onAnomaly(a);
      open.push(...fresh);
      for (const e of c.advance((i + 1) * STEP))
        if (e.kind === "opened") opened.push({ week: Math.floor(i / WEEK), entities: e.incident.entities });
    }
    return opened;
  }

  it.each([2, 20])("opens about %i a week on chance alone", (budget) => {
    const weeks = budget === 2 ? 24 : 10;
    const judged = noisy(budget, weeks).filter((o) => o.week >= 4).length / (weeks - 4);
    expect(judged).toBeGreaterThan(budget / 2);
    expect(judged).toBeLessThan(budget * 1.6);
  });

  it("still opens at once on a fault that shows in several ways", () => {
    const at = 6 * WEEK + 100;
    const fault = (i: number) =>
      i === at
        ? [anomaly(i, 12, "latency", "db"), anomaly(i, 13, "errors", "db"), anomaly(i, 11, "latency", "web")]
        : [];
    const found = noisy(1, 7, fault).filter((o) => o.entities.includes("db"));
    expect(found).toHaveLength(1);
    expect(found[0]?.week).toBe(6);
  });

  it("opens on a series that is seldom odd where one that often is opens nothing", () => {
    const [restless, fault] = [6 * 60, 6 * WEEK + 100];
    const more = (i: number) => [
      ...(i % restless === 0 ? [anomaly(i, 11, "latency", "restless")] : []),
      ...(i === fault ? [anomaly(i, 11, "latency", "steady")] : []),
    ];
    const last = noisy(1, 7, more).filter((o) => o.week === 6);
    expect(last.filter((o) => o.entities.includes("steady"))).toHaveLength(1);
    expect(last.filter((o) => o.entities.includes("restless")).length).toBeLessThanOrEqual(1);
  });

  it("ends an incident although what only began at the same time goes on and on", () => {
    const c = correlator({ system: "s", windowMs: STEP, falseIncidentsPerWeek: 100 });
    const u = uniform(5);
    const from = 3 * DAY;
    const open: { a: Anomaly; until: number }[] = [];
    const begin = (a: Anomaly, until: number) => {
      c.onAnomaly(a);
      open.push({ a, until });
    };
    let ended = 0;
    for (let i = 0; i < from + 200; i++) {
      c.onWindow(ROWS);
      for (const { a, until } of open) if (until === i) c.onAnomaly({ ...a, endMs: (i + 1) * STEP });
      if (i < from && u() < 0.02) begin(anomaly(i, 6 - Math.log10(u())), i + 6);
      if (i === from) begin(anomaly(i, 14, "latency", "db"), i + 30);
      if (i > from && i % 2 === 0) begin(anomaly(i, 9, "latency", `batch-${i % 18}`), i + 6);
      for (const { kind, incident } of c.advance((i + 1) * STEP))
        if (kind === "resolved" && incident.entities.includes("db")) ended = i - from;
    }
    expect(ended).toBeGreaterThan(29);
    expect(ended).toBeLessThan(60);
  });

  it("goes on opening on frequent faults that nobody labels or takes up", () => {
    const every = DAY / 4;
    const fault = (i: number) => {
      const entity = `s${(i / every) % 97}`;
      return i % every === 0 ? [anomaly(i, 15, "latency", entity), anomaly(i, 15, "traffic", entity)] : [];
    };
    const last = noisy(1, 6, fault).filter((o) => o.week === 5);
    expect(last.length).toBeGreaterThanOrEqual(28);
    expect(last.length).toBeLessThan(28 + 4);
  });

  it("goes by the rule where there is no budget: one odd series is no incident", () => {
    expect(noisy(undefined, 1).filter((o) => o.entities.length === 1)).toHaveLength(0);
  });
});
