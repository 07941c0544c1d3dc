import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familyOf, isBenign } from "../../pipelines/core/metric-family.ts";
import { attributesKey, entityName, SERIES_KINDS, Tables } from "../../pipelines/core/tables.ts";

describe("tables", () => {
  it("gives equal attributes one key in any order, and different ones different keys", () => {
    const attributes = fc.dictionary(fc.string(), fc.string(), { maxKeys: 5 });
    fc.assert(
      fc.property(attributes, attributes, (a, b) => {
        const shuffled = Object.fromEntries(Object.entries(a).reverse());
        expect(attributesKey(shuffled)).toBe(attributesKey(a));
        const equal = JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
        expect(attributesKey(a) === attributesKey(b)).toBe(equal);
      }),
    );
  });

  it.each([
    [{ "service.name": "api", "host.name": "h" }, "service", "api"],
    [{ "service.name": "api", "service.instance.id": "2" }, "service", "api/2"],
    [{ "host.name": "h" }, "host", "h"],
    [{}, "unknown", "unknown"],
  ])("names %j as %s %s", (attributes, kind, name) => {
    expect(entityName(attributes as Record<string, string>)).toEqual({ kind, name });
  });

  it("refuses a series past the limit and goes on with those it has", () => {
    const t = new Tables({ entities: 2, series: 100, seriesPerEntity: 2 });
    const e = t.internNamed("service", "a");
    expect([0, 1, 2].map((i) => t.internSeries(e, `m${i}`, "", "gauge", {}))).toEqual([0, 1, -1]);
    expect(t.internSeries(e, "m1", "", "gauge", {})).toBe(1);
    expect(t.internNamed("service", "b")).toBe(1);
    expect(t.internNamed("service", "c")).toBe(-1);
  });

  it("gives the ids that a map of whole keys gives, and the rows that were put in", () => {
    const text = fc.constantFrom("", "a", "b", "a=b", "\u0000", "__proto__x", "1");
    const row = fc.record({
      entity: fc.nat(2),
      metric: text,
      kind: fc.constantFrom(...SERIES_KINDS),
      attributes: fc.dictionary(text, text, { maxKeys: 3, noNullPrototype: true }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 300, size: "max" }), (rows) => {
        const limits = { entities: 3, series: 150, seriesPerEntity: 70 };
        const t = new Tables(limits);
        for (const name of ["x", "y", "z"]) t.internNamed("service", name);
        const ids = new Map<string, number>();
        const own = [0, 0, 0];
        for (const [i, r] of rows.entries()) {
          const key = JSON.stringify([r.entity, r.metric, r.kind, Object.entries(r.attributes).sort()]);
          const full = ids.size >= limits.series || own[r.entity]! >= limits.seriesPerEntity;
          if (!ids.has(key) && !full) {
            ids.set(key, ids.size);
            own[r.entity]! += 1;
            expect(t.internSeries(r.entity, r.metric, `u${i}`, r.kind, r.attributes)).toBe(ids.size - 1);
            expect(t.seriesAt(ids.size - 1)).toEqual({
              id: ids.size - 1,
              entityId: r.entity,
              metric: r.metric,
              unit: `u${i}`,
              kind: r.kind,
              attributes: r.attributes,
            });
          } else expect(t.internSeries(r.entity, r.metric, "", r.kind, r.attributes)).toBe(ids.get(key) ?? -1);
        }
        expect(t.seriesCount).toBe(ids.size);
        expect(t.seriesAt(ids.size)).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  it("hands out a large table in parts that join to the whole", () => {
    const t = new Tables();
    const e = t.internEntity({ "service.name": "a" });
    for (let i = 0; i < 9000; i++) t.internSeries(e, `m${i % 7}`, "", "gauge", { i: String(i) });
    const parts = [...t.dumps()];
    expect(parts.map((p) => p.entities.length)).toEqual([1, 0, 0]);
    expect(parts.flatMap((p) => p.series)).toEqual(t.dump().series);
    expect([...t.dumps(1, 9000)]).toEqual([]);
    t.internNamed("service", "b");
    expect([...t.dumps(1, 9000)]).toMatchObject([{ entities: [{ name: "b" }], series: [] }]);
  });

  it("comes back from its dump with the same ids", () => {
    const t = new Tables();
    const e = t.internEntity({ "service.name": "a" });
    t.internSeries(e, "m", "s", "counter", { z: "1", a: "2" });
    const u = new Tables();
    u.load(JSON.parse(JSON.stringify(t.dump())));
    expect(u.dump()).toEqual(t.dump());
    expect(u.internSeries(e, "m", "s", "counter", { a: "2", z: "1" })).toBe(0);
  });
});

describe("metric families", () => {
  it.each([
    ["http.server.request.duration.p95", "latency"],
    ["spans.client.error_ratio", "errors"],
    ["spans.server.rate", "traffic"],
    ["process.cpu.utilization", "cpu"],
    ["process.memory.usage", "memory"],
    ["store.disk.usage", "disk"],
    ["telemetry.age", "silence"],
    ["system.network.io.rate", "network"],
  ])("%s tells of %s", (metric, family) => expect(familyOf(metric)).toBe(family));

  it("knows good news", () => {
    expect(isBenign("request.duration", "down")).toBe(true);
    expect(isBenign("request.duration", "up")).toBe(false);
    expect(isBenign("availability", "up")).toBe(true);
    expect(isBenign("availability", "down")).toBe(false);
  });
});
