import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SignalSink } from "../../pipelines/core/signals.ts";
import { Tables } from "../../pipelines/core/tables.ts";
import { streamTemplates } from "../../pipelines/detect/log-templates.ts";
import { parameterRates } from "../../pipelines/detect/parameter-rates.ts";
import { templateRates } from "../../pipelines/detect/template-rates.ts";
import { histogramQuantile } from "../../pipelines/windows/rates.ts";
import { type ClosedWindow, windows } from "../../pipelines/windows/windows.ts";

const T0 = 1_700_000_000_000;
const OPTIONS = { windowMs: 1000, latenessMs: 2000, forgetMs: 60_000 };

function setUp() {
  const tables = new Tables();
  const sink = new SignalSink(tables);
  const w = windows(sink, OPTIONS, {
    templates: streamTemplates(),
    rates: templateRates(),
    parameters: parameterRates(),
  });
  w.join("s");
  const entityId = tables.internNamed("service", "api");
  return { tables, sink, w, entityId };
}

const values = (closed: readonly ClosedWindow[], tables: Tables, metric: string) =>
  closed.flatMap(({ batch }) =>
    [...batch.seriesIds].flatMap((id, i) =>
      tables.seriesAt(id)?.metric === metric ? [[batch.startMs - T0, batch.value[i]]] : [],
    ),
  );

describe("windows", () => {
  it.each([
    { name: "a steady counter", points: [10, 20, 30, 40], rates: [10, 10, 10] },
    { name: "a counter that restarts", points: [10, 20, 5, 15], rates: [10, 5, 10] },
    { name: "a repeated value", points: [10, 10, 10, 12], rates: [0, 0, 2] },
  ])("turns $name into rates", ({ points, rates }) => {
    const { tables, sink, w, entityId } = setUp();
    const id = tables.internSeries(entityId, "hits", "1", "counter", {});
    const closed: ClosedWindow[] = [];
    for (const [i, v] of points.entries()) {
      sink.begin({ ingestTimeMs: T0 + i * 1000 });
      sink.point(id, T0 + i * 1000, 0, v);
      w.add("s", T0 + i * 1000);
      closed.push(...w.advance());
    }
    w.leave("s");
    w.finish();
    closed.push(...w.advance());
    expect(values(closed, tables, "hits.rate").map(([, v]) => v)).toEqual(rates);
  });

  it("leaves a gap where there was no value and a zero where there were no spans", () => {
    const { tables, sink, w, entityId } = setUp();
    const gauge = tables.internSeries(entityId, "level", "1", "gauge", {});
    const closed: ClosedWindow[] = [];
    for (let i = 0; i < 6; i++) {
      sink.begin({ ingestTimeMs: T0 + i * 1000 + 500 });
      if (i !== 2) sink.point(gauge, T0 + i * 1000, 0, 7);
      if (i < 3) {
        sink.span({
          entityId,
          startMs: T0 + i * 1000,
          durationMs: 5,
          kind: 2,
          error: i === 1,
          traceId: "t",
          spanId: `${i}`,
          parentId: "",
          operation: "GET",
          peer: "",
        });
      } else sink.log(entityId, T0 + i * 1000, 9, "still here", {}, "");
      w.add("s", T0 + i * 1000 + 500);
      closed.push(...w.advance());
    }
    expect(values(closed, tables, "level").map(([t]) => t)).toEqual([0, 1000]);
    w.leave("s");
    w.finish();
    closed.push(...w.advance());
    expect(values(closed, tables, "level").map(([t]) => t)).toEqual([0, 1000, 3000, 4000, 5000]);
    expect(values(closed, tables, "spans.server.rate").map(([, v]) => v)).toEqual([1, 1, 1, 0, 0, 0]);
    expect(values(closed, tables, "spans.server.error_ratio").map(([, v]) => v)).toEqual([0, 1, 0]);
  });

  it("does not let a clock that runs ahead close the windows of others", () => {
    const { tables, sink, w, entityId } = setUp();
    const id = tables.internSeries(entityId, "level", "1", "gauge", {});
    sink.begin({ ingestTimeMs: T0 });
    sink.point(id, T0 + 300_000, 0, 1);
    w.add("s", T0);
    expect([...w.advance()]).toEqual([]);
    expect(w.watermarkMs).toBe(T0 - OPTIONS.latenessMs);
  });

  it("counts what comes after its window has closed", () => {
    const { tables, sink, w, entityId } = setUp();
    const id = tables.internSeries(entityId, "level", "1", "gauge", {});
    for (const t of [0, 5000]) {
      sink.begin({ ingestTimeMs: T0 + t });
      sink.point(id, T0 + t, 0, 1);
      w.add("s", T0 + t);
      [...w.advance()];
    }
    sink.begin({ ingestTimeMs: T0 + 5000 });
    sink.point(id, T0 + 100, 0, 1);
    w.add("s", T0 + 5000);
    expect(sink.rejected).toMatchObject([{ code: "TIME_TOO_LATE", rows: 1 }]);
  });

  it("learns from joined spans who answers at an address, and blames them when nobody does", () => {
    const { tables, sink, w, entityId } = setUp();
    const callee = tables.internNamed("service", "db");
    const call = (i: number, answered: boolean) => {
      const startMs = T0 + i * 1000;
      sink.begin({ ingestTimeMs: startMs + 500 });
      const common = { startMs, traceId: `t${i}`, operation: "q" };
      sink.span({
        ...common,
        entityId,
        durationMs: 20,
        kind: 3,
        error: !answered,
        spanId: `c${i}`,
        parentId: `r${i}`,
        peer: "10.0.0.1:5432",
      });
      if (answered)
        sink.span({
          ...common,
          entityId: callee,
          durationMs: 12,
          kind: 2,
          error: false,
          spanId: `d${i}`,
          parentId: `c${i}`,
          peer: "",
        });
      sink.span({
        ...common,
        entityId,
        durationMs: 30,
        kind: 2,
        error: !answered,
        spanId: `r${i}`,
        parentId: "",
        peer: "",
      });
      w.add("s", startMs + 500);
    };
    call(0, true);
    call(1, true);
    call(2, false);
    w.leave("s");
    w.finish();
    const closed = [...w.advance()];
    expect(closed[2]?.edges).toEqual([{ caller: "api", callee: "db", calls: 1, errorRatio: 1, durationMs: 20 }]);
    expect(values(closed, tables, "spans.self_time").map(([, v]) => v)).toEqual([12, 10, 12, 10, 10]);
  });

  it("counts a sampled span as many times as it stands for", () => {
    const { tables, sink, w, entityId } = setUp();
    sink.begin({ ingestTimeMs: T0 + 500 });
    const common = { entityId, startMs: T0, kind: 2, traceId: "t", parentId: "", operation: "GET", peer: "" };
    sink.span({ ...common, spanId: "a", durationMs: 5, error: false, weight: 4 });
    sink.span({ ...common, spanId: "b", durationMs: 10, error: true });
    w.add("s", T0 + 500);
    w.leave("s");
    w.finish();
    const closed = [...w.advance()];
    const of = (metric: string) => values(closed, tables, metric).map(([, v]) => v);
    expect(of("spans.server.rate")).toEqual([5]);
    expect(of("spans.server.error_ratio")).toEqual([0.2]);
    expect(of("spans.server.duration")).toEqual([6]);
  });

  it("closes the same windows, to the bit, wherever its state was saved and taken up again", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(8000), fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.boolean()), {
          maxLength: 40,
        }),
        fc.nat(40),
        (rows, cut) => {
          const go = (cutAt: number | undefined) => {
            let s = setUp();
            const chunks = new Map<string, Uint8Array>();
            const out: string[] = [];
            for (const [i, [t, v, isCounter]] of rows.entries()) {
              if (i === cutAt) {
                s.w.snapshot((k, b) => (b ? chunks.set(k, b) : chunks.delete(k)));
                const old = s.tables;
                s = setUp();
                s.tables.load(old.dump());
                s.w.restore(chunks);
              }
              const id = s.tables.internSeries(
                s.entityId,
                isCounter ? "c" : "g",
                "1",
                isCounter ? "counter" : "gauge",
                {},
              );
              s.sink.begin({ ingestTimeMs: T0 + 9000 });
              s.sink.point(id, T0 + t, 0, v);
              s.w.add("s", T0 + 9000);
              for (const c of s.w.advance())
                out.push(JSON.stringify([c.batch.startMs, [...c.batch.seriesIds], [...c.batch.value]]));
            }
            s.w.leave("s");
            s.w.finish();
            for (const c of s.w.advance())
              out.push(JSON.stringify([c.batch.startMs, [...c.batch.seriesIds], [...c.batch.value]]));
            return out;
          };
          expect(go(cut)).toEqual(go(undefined));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe("histogramQuantile", () => {
  it.each([
    { q: 0.5, upper: [1, 2, Infinity], counts: [0, 10, 0], value: 1.5 },
    { q: 0.95, upper: [1, 2, Infinity], counts: [10, 0, 0], value: 0.95 },
    { q: 0.99, upper: [1, 2, Infinity], counts: [0, 0, 5], value: 2 },
    { q: 0.5, upper: [1, Infinity], counts: [0, 0], value: undefined },
  ])("gives $value for q $q of $counts", ({ q, upper, counts, value }) => {
    const got = histogramQuantile(q, upper, counts);
    if (value === undefined) expect(got).toBeUndefined();
    else expect(got).toBeCloseTo(value, 12);
  });
});
