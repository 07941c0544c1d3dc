/** What comes at the same hour of every day, and nobody takes up, opens nothing any more; what is more than that does. */
import { describe, expect, it } from "vitest";
import type { Anomaly } from "../../pipelines/core/records.ts";
import { correlator } from "../../pipelines/correlate/correlator.ts";
import { habits } from "../../pipelines/correlate/habits.ts";
import { uniform } from "../models/noise.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/** A Monday. */
const START = Date.UTC(2026, 9, 5);
const LASTS = 2 * HOUR;

const anomaly = (startMs: number, more: Partial<Anomaly> = {}): Anomaly => ({
  id: `A-${startMs}-${more.series ?? "latency"}-${more.entity ?? "shop"}`,
  entity: "shop",
  entityKind: "service",
  series: "latency",
  unit: "ms",
  family: "latency",
  direction: "up",
  startMs,
  detectedMs: startMs + 5 * MINUTE,
  endMs: null,
  p: 1e-15,
  evidence: 15,
  value: 100,
  band: { expected: 50, low: 40, high: 60 },
  detectors: {},
  why: "odd",
  ...more,
});
const morning = (day: number, more: Partial<Anomaly> = {}) => anomaly(START + day * DAY + 8 * HOUR, more);

describe("a habit", () => {
  const seenOn = (days: readonly number[], u = uniform(1)) => {
    const h = habits();
    for (const day of days) {
      // An hour's worth of difference from day to day.
      const startMs = morning(day).startMs + (u() - 0.5) * HOUR;
      h.cameToNothing({ ...morning(day), startMs }, startMs + LASTS);
    }
    return h;
  };
  const at = (a: Anomaly) => a.startMs + HOUR;

  it.each([
    { what: "two mornings", days: [0, 1], on: 2, is: false },
    { what: "three mornings", days: [0, 1, 2], on: 3, is: true },
    { what: "a week's, on the Monday after", days: [0, 1, 2, 3, 4], on: 7, is: true },
    { what: "a week's, after a month", days: [0, 1, 2, 3, 4], on: 35, is: false },
    { what: "two Mondays, on the third", days: [0, 7], on: 14, is: true },
    { what: "two Mondays, on a Tuesday", days: [0, 7], on: 8, is: false },
  ])("$what: $is", ({ days, on, is }) => {
    const a = morning(on);
    expect(seenOn(days).has(a, at(a))).toBe(is);
  });

  const known = seenOn([0, 1, 2, 3]);
  it.each([
    { what: "another hour", a: anomaly(START + 4 * DAY + 11 * HOUR), is: false },
    { what: "another direction", a: morning(4, { direction: "down" }), is: false },
    { what: "another series", a: morning(4, { series: "requests" }), is: false },
    { what: "a little further", a: morning(4, { value: 120 }), is: true },
    { what: "much further", a: morning(4, { value: 140 }), is: false },
  ])("$what: $is", ({ a, is }) => {
    expect(known.has(a, at(a))).toBe(is);
  });

  it("lasts no longer than twice as long as ever, and an hour", () => {
    const a = morning(4);
    expect(known.has(a, a.startMs + 2 * LASTS)).toBe(true);
    expect(known.has(a, a.startMs + 2 * LASTS + 2 * HOUR)).toBe(false);
  });

  it("is none of a series that is as restless at all hours", () => {
    const h = habits();
    for (let i = 0; i < 4 * 12; i++) {
      const a = anomaly(START + i * 2 * HOUR);
      h.cameToNothing(a, a.startMs + HOUR);
    }
    expect(h.has(morning(4), at(morning(4)))).toBe(false);
  });

  it("is forgotten where it was a fault after all, and kept over a restart", () => {
    const h = habits();
    for (const day of [0, 1, 2]) h.cameToNothing(morning(day), morning(day).startMs + LASTS);
    const chunks = new Map<string, Uint8Array>();
    h.snapshot((key, bytes) => void (bytes && chunks.set(key, bytes)));
    const again = habits();
    again.restore(chunks);
    expect(again.has(morning(3), at(morning(3)))).toBe(true);
    again.wasReal(morning(1));
    expect(again.has(morning(3), at(morning(3)))).toBe(false);
  });

  it("holds 10,000 series, the newest", () => {
    const h = habits();
    for (let day = 0; day < 3; day++)
      for (let i = 0; i < 6000; i++) {
        const a = morning(day, { entity: `s-${i}` });
        h.cameToNothing(a, a.startMs + i);
        const b = morning(day, { entity: `once-${day}-${i}` });
        h.cameToNothing(b, b.startMs);
      }
    const chunks: Uint8Array[] = [];
    h.snapshot((_, bytes) => void (bytes && chunks.push(bytes)), true);
    const kept = chunks.flatMap((bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown[]);
    expect(kept.length).toBeLessThanOrEqual(10_000);
    expect(kept.length).toBeGreaterThan(5000);
  });
});

describe("incidents of a system with opening hours", () => {
  /** Latency and traffic of two services rise each morning; gives the days on which an incident opened. */
  function days(
    count: number,
    {
      budget = 1 as number | undefined,
      longDay = -1,
      fault = (): Anomaly[] => [],
      taken = false,
    }: {
      budget?: number | undefined;
      longDay?: number;
      fault?: (timeMs: number) => Anomaly[];
      taken?: boolean;
    } = {},
  ) {
    const c = correlator({ system: "s", windowMs: 5 * MINUTE, falseIncidentsPerWeek: budget });
    const u = uniform(3);
    let open: Anomaly[] = [];
    const opened: { day: number; entities: readonly string[] }[] = [];
    for (let t = START; t < START + count * DAY; t += 5 * MINUTE) {
      c.onWindow(500);
      const lastsMs = Math.floor((t - START) / DAY) === longDay ? 10 * HOUR : LASTS;
      for (const a of open.filter((o) => t - o.startMs >= lastsMs)) c.onAnomaly({ ...a, endMs: t });
      open = open.filter((o) => t - o.startMs < lastsMs);
      const hour = ((t - START) % DAY) / HOUR;
      const fresh = hour === 8 ? ["shop", "mail"].flatMap((entity) => both(t, entity)) : [];
      if (u() < 0.02) fresh.push(anomaly(t, { entity: `s${Math.floor(97 * u())}`, evidence: 6 - Math.log10(u()) }));
      fresh.push(...fault(t));
      for (const a of fresh) c.onAnomaly(a);
      open.push(...fresh);
      for (const { kind, incident } of c.advance(t + 5 * MINUTE)) {
        if (kind !== "opened") continue;
        opened.push({ day: Math.floor((t - START) / DAY), entities: incident.entities });
        if (taken) c.onControl({ kind: "acknowledge", incidentId: incident.id, by: "on-call", timeMs: t });
      }
    }
    return opened.filter((o) => o.entities.some((e) => e === "shop" || e === "mail")).map((o) => o.day);
  }
  const both = (t: number, entity: string, more: Partial<Anomaly> = {}) => [
    anomaly(t, { entity, ...more }),
    anomaly(t, { entity, series: "requests", family: "traffic", ...more }),
  ];

  it("open on the first three mornings and then no more, with a budget or without", () => {
    expect(days(14)).toEqual([0, 1, 2]);
    expect(days(8, { budget: undefined })).toEqual([0, 1, 2]);
  });

  it("open at night, on a morning that is far worse, and where what begins each morning does not end", () => {
    const at = (ms: number, more?: Partial<Anomaly>) => (t: number) => (t === START + ms ? both(t, "shop", more) : []);
    expect(days(12, { fault: at(10 * DAY + 3 * HOUR) })).toEqual([0, 1, 2, 10]);
    expect(days(12, { fault: at(10 * DAY + 8 * HOUR + 5 * MINUTE, { value: 300 }) })).toEqual([0, 1, 2, 10]);
    expect(days(12, { longDay: 10 })).toEqual([0, 1, 2, 10]);
  });

  it("open every day where a service fails gravely", () => {
    const down = {
      series: "http.error_ratio",
      family: "errors",
      value: 0.9,
      band: { expected: 0, low: 0, high: 0.1 },
    } as const;
    const nightly = (t: number) => ((t - START) % DAY === 3 * HOUR ? [anomaly(t, { entity: "shop", ...down })] : []);
    expect(new Set(days(8, { fault: nightly }))).toEqual(new Set([0, 1, 2, 3, 4, 5, 6, 7]));
  });

  it("open every day where somebody takes them up: then they mean something", () => {
    expect(days(6, { taken: true })).toEqual([0, 1, 2, 3, 4, 5]);
  });
});
