import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { familyOf, isBenign } from "../../pipelines/core/metric-family.ts";
import { attributesKey, entityName, Tables } from "../../pipelines/core/tables.ts";

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
