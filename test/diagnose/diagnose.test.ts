import { describe, expect, it } from "vitest";
import { type CaseView, caseView } from "../../pipelines/diagnose/case-view.ts";
import { diagnose } from "../../pipelines/diagnose/diagnose.ts";
import { history } from "../../pipelines/diagnose/history.ts";
import { candidateOnsets } from "../../pipelines/diagnose/onset.ts";
import { RANKERS } from "../../pipelines/diagnose/rankers/index.ts";
import { detect, type Fault, type Made, make, random, SERVICES, STEP } from "./generator.ts";

function fed(made: Made, upTo = made.windows.length) {
  const h = history(made.tables);
  for (const w of made.windows.slice(0, upTo)) feed(h, w);
  return h;
}
function feed(h: ReturnType<typeof history>, w: Made["windows"][number]) {
  h.onWindow(w.batch);
  h.onLogs(w.logs);
  h.onEdges(w.edges, w.batch.endMs);
  for (const c of w.changes) h.onChange(c);
}
const activeAt = (made: Made, upTo: number) => {
  const open = new Map<string, ReturnType<typeof detect>[number][number]>();
  for (const list of detect(made).slice(0, upTo)) for (const a of list) open.set(a.id, a);
  return [...open.values()].filter((a) => a.endMs === null);
};
const caseOf = (made: Made, upTo = made.windows.length): CaseView =>
  fed(made, upTo).view({ anomalies: activeAt(made, upTo) });

const FAULTS: Fault[] = ["cpu", "memory", "latency", "errors", "disk", "crash", "hang"];
const TARGETS = ["payment", "store", "inventory", "orders"];

describe("diagnose", () => {
  for (const fault of FAULTS)
    for (const target of TARGETS)
      it(`names ${target} first for ${fault}`, () => {
        for (const seed of [1, 2, 3]) {
          for (const upTo of fault === "memory" ? [112, 120] : [106, 120]) {
            const d = diagnose(caseOf(make(fault, target, { seed }), upTo));
            const got = d.suspects.map((s) => `${s.name} ${s.score} ${s.confidence}`).join("; ");
            expect(d.suspects[0]?.name, `${upTo} ${got}`).toBe(target);
            expect(d.inconclusive, got).toBe(false);
            expect(d.headline).toContain(target);
          }
        }
      });

  it.each(["orders", "gateway"])("blames %s for being late in its calls, not those it calls", (target) => {
    for (const seed of [1, 2, 3]) {
      const d = diagnose(caseOf(make("busy", target, { seed }), 110));
      expect(d.suspects[0]?.name, JSON.stringify(d.suspects)).toBe(target);
      expect(d.inconclusive).toBe(false);
      expect(d.suspects[0]?.for.map((e) => e.text).join()).toContain("which answer no slower than before");
    }
  });

  it("finds the onset, the path and the charts", () => {
    const made = make("latency", "payment");
    const d = diagnose(caseOf(made, 110));
    expect(Math.abs(d.onsetMs - made.onsetMs)).toBeLessThanOrEqual(STEP);
    expect(d.onsetRangeMs[0]).toBeLessThanOrEqual(made.onsetMs);
    expect(d.onsetRangeMs[1]).toBeGreaterThanOrEqual(made.onsetMs);
    expect(d.suspects[0]?.path).toEqual(["gateway", "orders", "payment"]);
    expect(d.headline).toMatch(
      /^payment has been slow since \d\d:\d\d:\d\d: its own work takes 31\d ms instead of 1\d(\.\d+)? ms, and gateway and orders wait for it/,
    );
    expect(d.charts.length).toBeGreaterThan(0);
    expect(d.charts.length).toBeLessThanOrEqual(6);
    expect(d.charts[0]?.entity).toBe("payment");
    expect(JSON.parse(JSON.stringify(d))).toEqual(d);
    expect(d.suspects.find((s) => s.name === "gateway")?.against.length ?? 1).toBeGreaterThan(0);
  });

  it.each(
    Object.entries({
      "metric-shift": "cpu",
      "call-graph": "latency",
      silence: "hang",
      logs: "errors",
      change: "errors",
    }),
  )("%s alone finds a %s fault, purely, and says nothing of a healthy system", (name, fault) => {
    const ranker = RANKERS.find((r) => r.name === name)!;
    const view = caseOf(make(fault as Fault, "inventory"), 110);
    const onset = candidateOnsets(view).onsets[0]!;
    const results = ranker.rank(view, onset);
    expect([...results].sort((a, b) => b.score - a.score)[0]?.entity).toBe("inventory");
    expect(results.every((r) => Number.isFinite(r.score) && [...r.for, ...r.against].every((e) => e.text))).toBe(true);
    expect(ranker.rank(view, onset)).toEqual(results);
    const healthy = ranker.rank(caseOf(make("none", ""), 110), onset);
    expect(Math.max(0, ...healthy.map((r) => r.score))).toBeLessThan(
      results.find((r) => r.entity === "inventory")!.score,
    );
  });

  it("blames the deploy", () => {
    const d = diagnose(caseOf(make("errors", "inventory"), 110));
    expect(d.suspects[0]?.for.some((e) => e.ranker === "change")).toBe(true);
    expect(d.headline).toContain("deploy (release 1.0.0 to 1.1.0)");
  });

  it("says when it does not know", () => {
    const d = diagnose(caseOf(make("none", ""), 110));
    expect(d.inconclusive).toBe(true);
    const empty = diagnose(history(make("none", "", { length: 1 }).tables).view());
    expect(empty.inconclusive).toBe(true);
    expect(empty.missing.length).toBeGreaterThan(0);
    for (const length of [1, 2, 4, 6]) {
      const short = diagnose(fed(make("latency", "payment", { length, onset: 1 })).view());
      expect(JSON.stringify(short)).not.toContain("NaN");
    }
  });

  it("does not depend on the order of series, entities or edges", () => {
    const view = caseOf(make("hang", "store"), 112);
    const rnd = random(9);
    const shuffled = <T>(list: readonly T[]): T[] =>
      list
        .map((x) => [rnd(), x] as const)
        .sort(([a], [b]) => a - b)
        .map(([, x]) => x);
    const other = {
      ...view,
      series: shuffled(view.series),
      entities: shuffled(view.entities),
      edges: shuffled(view.edges),
      logs: shuffled(view.logs),
      anomalies: shuffled(view.anomalies),
    };
    expect(diagnose(other)).toEqual(diagnose(view));
    const ids = (order: string[]) => diagnose(caseOf(make("cpu", "payment", { order }), 112));
    expect(ids([...SERVICES].reverse())).toEqual(ids(SERVICES));
  });

  it("goes on after a restart as if nothing had happened", () => {
    const made = make("crash", "payment", { length: 230, onset: 215 });
    const whole = fed(made);
    const stored = new Map<string, Uint8Array>();
    const put = (key: string, value: Uint8Array | undefined) => {
      if (value) stored.set(key, value);
      else stored.delete(key);
    };
    let h = history(made.tables);
    for (const [i, w] of made.windows.entries()) {
      feed(h, w);
      if (i % 7 === 0) h.snapshot(put);
      if (i === 203) {
        h.snapshot(put);
        h = history(made.tables);
        h.restore(stored);
      }
    }
    expect(h.view()).toEqual(whole.view());
    h.snapshot(put);
    const full = new Map<string, Uint8Array>();
    h.snapshot((k, v) => v && k !== "changes" && full.set(k, v), true);
    expect([...full.keys()].sort()).toEqual([...stored.keys()].sort());
    expect([...full.keys()].filter((k) => k.startsWith("w/")).length).toBe(180);
  });

  it("stays interactive at 500 series and 180 windows, also on a busy machine", () => {
    const rnd = random(3);
    const base = caseOf(make("latency", "payment", { length: 180, onset: 165 }), 180);
    const more = Array.from({ length: 500 - base.series.length }, (_, i) => {
      const values = Float64Array.from({ length: 180 }, (_, w) => 50 + 5 * rnd() + (i % 10 === 0 && w >= 165 ? 40 : 0));
      return { ...base.series[0]!, entity: SERVICES[i % 5]!, name: `m${i}`, metric: `m${i}`, peer: null, values };
    });
    const times = [1, 2, 3, 4, 5].map(() => {
      const view = caseView({ ...base, series: [...base.series, ...more] });
      const t0 = performance.now();
      diagnose(view);
      return performance.now() - t0;
    });
    expect(Math.min(...times)).toBeLessThan(250);
  });

  it("registers each ranker once, each with a name", () => {
    expect(new Set(RANKERS.map((r) => r.name)).size).toBe(RANKERS.length);
  });
});
