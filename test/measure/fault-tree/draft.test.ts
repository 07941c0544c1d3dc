import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { OutageRecord } from "../../../pipelines/core/reliability.ts";
import { analyseFaultTree } from "../../../pipelines/measure/fault-tree/analyse.ts";
import { draftFaultTree } from "../../../pipelines/measure/fault-tree/draft.ts";
import { readOpenPsa } from "../../../pipelines/measure/fault-tree/open-psa.ts";
import { withIncidents } from "../../../pipelines/measure/fault-tree/signatures.ts";
import { faultTreeSvg } from "../../../pipelines/measure/fault-tree/svg.ts";
import { writeOpenPsa } from "../../../pipelines/measure/fault-tree/write-open-psa.ts";
import { randomTree } from "./generate.ts";

const H = 3_600_000;
const outage = (service: string, mode: string, startH: number, hours: number | null): OutageRecord => ({
  id: `${service}${startH}`,
  service,
  severity: "",
  mode,
  startMs: startH * H,
  detectedMs: null,
  acknowledgedMs: null,
  mitigatedMs: null,
  resolvedMs: hours === null ? null : (startH + hours) * H,
  byChange: null,
  repairs: null,
  writes: null,
  injected: null,
});
const window = { fromMs: 0, toMs: 1000 * H };
const sets = (model: ReturnType<typeof draftFaultTree>) =>
  analyseFaultTree(model)
    .cutSets.map((c) => [...c.events].sort())
    .sort();

describe("a drafted tree", () => {
  it("fails by own faults, by those that are called, and by all replicas", () => {
    const model = draftFaultTree({
      edges: [
        ["web", "cart"],
        ["cart", "db/1"],
        ["cart", "db/2"],
      ],
      outages: [outage("cart", "cpu", 10, 2), outage("cart", "cpu", 500, 4), outage("cart", "change", 700, 1)],
      ...window,
    });
    expect(sets(model)).toEqual([["cart_change"], ["cart_cpu"], ["db_1", "db_2"], ["web"]]);
    const a = analyseFaultTree(model);
    expect(a.top).toBe("system");
    // Jeffreys: 2.5 failures in 1000 h, 3 h each, settled.
    const lambda = 2.5 / 1000;
    expect(a.importance.cart_cpu!.probability).toBeCloseTo(lambda / (lambda + 1 / 3), 9);
  });

  it("takes services that call each other as one, and each own caller as an entry", () => {
    const model = draftFaultTree({
      edges: [
        ["a", "b"],
        ["b", "a"],
        ["x", "a"],
        ["y", "y"],
      ],
      outages: [],
      ...window,
    });
    expect(sets(model)).toEqual([["a"], ["b"], ["x"], ["y"]]);
  });

  it("of any graph and hostile names is a model that reads back and solves the same", () => {
    const name = fc.oneof(fc.constantFrom("a", "b", "c", "d/1", "d/2"), fc.string({ unit: "binary", maxLength: 8 }));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(name, name), { maxLength: 12 }),
        fc.array(fc.tuple(name, name, fc.nat(900)), { maxLength: 6 }),
        (edges, faults) => {
          const outages = faults.map(([s, m, t]) => outage(s, m, t, 1));
          const model = draftFaultTree({ edges, outages, ...window });
          if (model.gates.size === 0) return;
          const again = readOpenPsa([{ name: "draft.xml", text: writeOpenPsa(model, "draft") }]);
          const [x, y] = [analyseFaultTree(model, { limitOrder: 3 }), analyseFaultTree(again, { limitOrder: 3 })];
          expect(y.probability).toBeCloseTo(x.probability!, 12);
          expect(y.cutSetsByOrder).toEqual(x.cutSetsByOrder);
          expect([...again.basicEvents.keys()]).toEqual([...model.basicEvents.keys()]);
        },
      ),
      { numRuns: 80 },
    );
  });

  it("follows live incidents, and leaves events without a signature alone", () => {
    const model = draftFaultTree({ edges: [["web", "cart"]], outages: [outage("cart", "cpu", 10, 2)], ...window });
    const written = writeOpenPsa(model, "draft").replace("</opsa-mef>", "<model-data/></opsa-mef>");
    const read = readOpenPsa([{ name: "d.xml", text: written }]);
    const before = analyseFaultTree(read).importance.cart_cpu!.probability!;
    const more = [1, 2, 3, 4].map((n) => outage("cart", "cpu", 100 * n, n === 4 ? null : 2));
    const { model: live, updated } = withIncidents(read, more, window);
    expect(updated.sort()).toEqual(["cart_cpu", "web"]);
    const after = analyseFaultTree(live).importance.cart_cpu!.probability!;
    expect(after).toBeGreaterThan(10 * before); // the one that is not over has lasted 600 h
    const plain = readOpenPsa([
      { name: "p.xml", text: randomTree({ events: 4, gates: 2, width: 3, shared: 0, seed: 1 }) },
    ]);
    expect(withIncidents(plain, more, window)).toMatchObject({
      updated: [],
      model: { basicEvents: plain.basicEvents },
    });
  });
});

describe("a model that is written", () => {
  it("reads back to the same answers", () =>
    fc.assert(
      fc.property(fc.nat(1e6), fc.boolean(), (seed, coherent) => {
        const model = readOpenPsa([
          { name: "m", text: randomTree({ events: 8, gates: 6, width: 4, shared: 0.4, seed, coherent }) },
        ]);
        const again = readOpenPsa([{ name: "w", text: writeOpenPsa(model, "T") }]);
        expect(analyseFaultTree(again, { top: "g0" })).toEqual(analyseFaultTree(model, { top: "g0" }));
      }),
      { numRuns: 60 },
    ));
});

describe("the picture", () => {
  it("names every gate and event once drawn, is well-formed, and bounds what it draws", async () => {
    const { parseXml } = await import("../../../pipelines/measure/fault-tree/xml.ts");
    fc.assert(
      fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 200 }), (seed, maxNodes) => {
        const model = readOpenPsa([
          { name: "m", text: randomTree({ events: 30, gates: 25, width: 5, shared: 0.3, seed, coherent: false }) },
        ]);
        const svg = faultTreeSvg(model, analyseFaultTree(model, { top: "g0" }), { maxNodes });
        expect(parseXml(svg, "svg").name).toBe("svg");
        expect(svg.match(/<g>/g)!.length).toBeLessThanOrEqual(2 * maxNodes + 1);
        if (maxNodes === 200) for (const id of model.gates.keys()) expect(svg).toContain(`${id}</text>`);
      }),
      { numRuns: 40 },
    );
  });
  it("has no markup from names", () => {
    const model = draftFaultTree({ edges: [["</svg><script>", '"&x']], outages: [], ...window });
    expect(faultTreeSvg(model, analyseFaultTree(model))).not.toContain("<script");
  });
});
