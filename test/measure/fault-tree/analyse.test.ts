import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { analyseFaultTree } from "../../../pipelines/measure/fault-tree/analyse.ts";
import { readOpenPsa } from "../../../pipelines/measure/fault-tree/open-psa.ts";
import { bruteForce } from "./brute-force.ts";
import { grid, randomTree, trains, vote } from "./generate.ts";

const read = (text: string) => readOpenPsa([{ name: "model.xml", text }]);
const tree = (inside: string) => read(`<opsa-mef><define-fault-tree name="T">${inside}</define-fault-tree></opsa-mef>`);
const events = (p: Record<string, number>) =>
  Object.entries(p)
    .map(([n, v]) => `<define-basic-event name="${n}"><float value="${v}"/></define-basic-event>`)
    .join("");
const e = (name: string) => `<basic-event name="${name}"/>`;

describe("a fault tree", () => {
  const arbitrary = fc.record({
    events: fc.integer({ min: 2, max: 9 }),
    gates: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 2, max: 5 }),
    shared: fc.double({ min: 0, max: 0.7, noNaN: true }),
    seed: fc.integer({ min: 0, max: 2 ** 31 }),
    coherent: fc.boolean(),
  });

  it("gives what trying all combinations gives, coherent or not", () => {
    fc.assert(
      fc.property(arbitrary, (shape) => {
        const model = read(randomTree(shape));
        const a = analyseFaultTree(model, { listed: 100_000, top: "g0" });
        const b = bruteForce(model, "g0");
        expect(a.probability).toBeCloseTo(b.probability, 12);
        expect(a.cutSets.map((c) => [...c.events].sort().join(" ")).sort()).toEqual(b.cutSets);
        expect(a.minimalCutSets).toBe(b.cutSets.length);
        if (shape.coherent) expect(a.coherent).toBe(true);
        for (const id of b.events) {
          const i = a.importance[id];
          expect(i?.birnbaum ?? 0).toBeCloseTo(b.birnbaum[id]!, 12);
          if (!i) continue;
          expect(i.occurrence).toBe(b.cutSets.filter((c) => c.split(" ").includes(id)).length);
        }
      }),
      { numRuns: 400 },
    );
  });

  it("gives the short cut sets alone under a limit, and the same exact probability", () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 1, max: 4 }), (shape, limitOrder) => {
        const model = read(randomTree(shape));
        const all = analyseFaultTree(model, { listed: 100_000, top: "g0" });
        const short = analyseFaultTree(model, { listed: 100_000, top: "g0", limitOrder });
        const sets = (a: typeof all) => a.cutSets.map((c) => [...c.events].sort().join(" ")).sort();
        expect(sets(short)).toEqual(
          sets({ ...all, cutSets: all.cutSets.filter((c) => c.events.length <= limitOrder) }),
        );
        expect(short.probability).toBe(all.probability);
      }),
      { numRuns: 150 },
    );
  });

  it("finds the same short cut sets without a decision diagram", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e9 }), fc.integer({ min: 1, max: 4 }), (seed, limitOrder) => {
        const model = read(randomTree({ events: 40, gates: 40, width: 4, shared: 0.4, seed, p: 0.05 }));
        const exact = analyseFaultTree(model, { top: "g0", limitOrder, listed: 1e6 });
        const direct = analyseFaultTree(model, { top: "g0", limitOrder, listed: 1e6, maxNodes: 12 });
        expect(direct.cutSetsByOrder).toEqual(exact.cutSetsByOrder);
        const sets = (a: typeof exact) => a.cutSets.map((c) => [...c.events].sort().join(" ")).sort();
        expect(sets(direct)).toEqual(sets(exact));
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    { name: "and", text: `<and>${e("a")}${e("b")}</and>`, p: 0.02 },
    { name: "or", text: `<or>${e("a")}${e("b")}</or>`, p: 0.28 },
    { name: "not", text: `<not>${e("a")}</not>`, p: 0.9 },
    {
      name: "xor of three: an odd number",
      text: `<xor>${e("a")}${e("b")}${e("c")}</xor>`,
      p: 0.1 * 0.8 * 0.7 + 0.9 * 0.2 * 0.7 + 0.9 * 0.8 * 0.3 + 0.1 * 0.2 * 0.3,
    },
    { name: "iff", text: `<iff>${e("a")}${e("b")}</iff>`, p: 0.1 * 0.2 + 0.9 * 0.8 },
    { name: "nand", text: `<nand>${e("a")}${e("b")}</nand>`, p: 0.98 },
    { name: "nor", text: `<nor>${e("a")}${e("b")}</nor>`, p: 0.72 },
    { name: "imply", text: `<imply>${e("a")}${e("b")}</imply>`, p: 1 - 0.1 * 0.8 },
    { name: "atleast", text: `<atleast min="2">${e("a")}${e("b")}${e("c")}</atleast>`, p: 0.098 },
    {
      name: "cardinality",
      text: `<cardinality min="1" max="2">${e("a")}${e("b")}${e("c")}</cardinality>`,
      p: 1 - 0.504 - 0.006,
    },
    {
      name: "a formula in a formula",
      text: `<or>${e("a")}<and>${e("b")}<not>${e("c")}</not></and></or>`,
      p: 0.1 + 0.9 * 0.2 * 0.7,
    },
    { name: "a constant", text: `<or>${e("a")}<constant value="false"/></or>`, p: 0.1 },
    { name: "nothing but a reference", text: e("c"), p: 0.3 },
    { name: "certainty", text: `<or>${e("a")}<not>${e("a")}</not></or>`, p: 1 },
    { name: "impossibility", text: `<and>${e("a")}<constant value="false"/></and>`, p: 0 },
  ])("knows $name", ({ text, p }) => {
    const a = analyseFaultTree(
      tree(`<define-gate name="t">${text}</define-gate>${events({ a: 0.1, b: 0.2, c: 0.3 })}`),
    );
    expect(a.probability).toBeCloseTo(p, 12);
  });

  it("gives a house event its value, false where none is written", () => {
    const text = `<define-gate name="t"><or><and>${e("a")}<house-event name="on"/></and><house-event name="off"/></or></define-gate>`;
    const house = `<define-house-event name="on"><constant value="true"/></define-house-event><define-house-event name="off"/>`;
    const a = analyseFaultTree(tree(text + house + events({ a: 0.25 })));
    expect(a.probability).toBe(0.25);
    expect(a.cutSets.map((c) => c.events)).toEqual([["a"]]);
  });

  it("keeps the digits of a very small probability", () => {
    const a = analyseFaultTree(
      tree(
        `<define-gate name="t"><and>${e("a")}${e("b")}${e("c")}</and></define-gate>${events({ a: 1e-9, b: 1e-10, c: 1e-11 })}`,
      ),
    );
    expect(a.probability! / 1e-30).toBeCloseTo(1, 12);
    const n = analyseFaultTree(
      tree(
        `<define-gate name="t"><nor>${e("a")}${e("b")}</nor></define-gate>${events({ a: 1 - 1e-12, b: 1 - 1e-12 })}`,
      ),
    );
    expect(n.probability! / 1e-24).toBeCloseTo(1, 3);
  });

  it("gives no probability where an event has none, and the cut sets all the same", () => {
    const a = analyseFaultTree(
      tree(
        `<define-gate name="t"><or>${e("a")}${e("b")}</or></define-gate><define-basic-event name="b"/>${events({ a: 0.1 })}`,
      ),
    );
    expect([a.probability, a.rareEvent, a.minimalCutSets, a.importance.b?.birnbaum]).toEqual([null, null, 2, null]);
  });

  it("takes the largest of several tops, says so, and another on demand", () => {
    const two = tree(
      `<define-gate name="small">${e("a")}</define-gate><define-gate name="large"><or>${e("a")}${e("b")}</or></define-gate>${events({ a: 0.1, b: 0.2 })}`,
    );
    expect(analyseFaultTree(two)).toMatchObject({ top: "large", warnings: [expect.stringContaining("--top")] });
    expect(analyseFaultTree(two, { top: "small" }).probability).toBe(0.1);
    expect(() => analyseFaultTree(two, { top: "none" })).toThrow(/no gate none/);
  });

  it("says who matters: figures of Dutuit and Rauzy on two trains", () => {
    const p = { v1: 0.5, v2: 0.5, p1: 0.7, p2: 0.7 };
    const a = analyseFaultTree(
      tree(
        `<define-gate name="t"><and><gate name="a"/><gate name="b"/></and></define-gate><define-gate name="a"><or>${e("v1")}${e("p1")}</or></define-gate><define-gate name="b"><or>${e("v2")}${e("p2")}</or></define-gate>${events(p)}`,
      ),
    );
    const i = a.importance.p1!;
    expect(i.birnbaum).toBeCloseTo(0.5 * 0.85, 12);
    expect(i.criticality).toBeCloseTo((0.7 * 0.425) / 0.7225, 12);
    expect(i.fussellVesely).toBeCloseTo((0.7 * 0.85) / 0.7225, 12);
    expect(i.raw).toBeCloseTo(0.85 / 0.7225, 12);
    expect(i.rrw).toBeCloseTo(0.7225 / (0.5 * 0.85), 12);
    expect(i.cutSetShare).toBeCloseTo((0.7 * 0.7 + 0.7 * 0.5) / 1.44, 12);
    expect([a.rareEvent, a.rareEventSum]).toEqual([1, 1.44]);
  });
});

describe("a large fault tree", () => {
  it("of 46,656 cut sets takes less than ten seconds", () => {
    const start = performance.now();
    const a = analyseFaultTree(read(trains(6, 6, 0.01)), { listed: 46_656 });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect([a.minimalCutSets, a.cutSetsByOrder, a.cutSets.length]).toEqual([46_656, { 6: 46_656 }, 46_656]);
    expect(a.probability! / (1 - 0.99 ** 6) ** 6).toBeCloseTo(1, 12);
  });

  it("of 63,840 cut sets without an independent part, too, and lists them most probable first", () => {
    const start = performance.now();
    const a = analyseFaultTree(read(grid(4, 9, 0.01)), { listed: 1000 });
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(a.minimalCutSets).toBeGreaterThan(46_000);
    const chances = a.cutSets.map((c) => c.probability!);
    expect(chances).toEqual([...chances].sort((x, y) => y - x));
    expect(a.rareEvent).toBeGreaterThan(a.probability!);
  });

  it("whose diagram has 250,000 nodes stays under 1 GB", () => {
    const a = analyseFaultTree(read(vote(500, 1000, 0.5)), { listed: 1 });
    expect(a.diagramNodes.bdd).toBeGreaterThan(250_000);
    // P(X >= 500), X binomial(1000, 1/2) = 1/2 + C(1000, 500) / 2^1001.
    expect(a.probability).toBeCloseTo(0.51261250908918, 12);
    expect(process.memoryUsage.rss()).toBeLessThan(1e9);
  });

  it("of thirty thousand gates in a chain is no stack's end", () => {
    const n = 30_000;
    const gates = Array.from({ length: n }, (_, i) => {
      const next = i + 1 < n ? `<gate name="g${i + 1}"/>` : e("last");
      return `<define-gate name="g${i}"><${i % 2 ? "or" : "and"}>${e(`e${i}`)}${next}</${i % 2 ? "or" : "and"}></define-gate>`;
    });
    const basic = Array.from(
      { length: n },
      (_, i) => `<define-basic-event name="e${i}"><float value="0.5"/></define-basic-event>`,
    );
    const a = analyseFaultTree(tree(gates.join("") + basic.join("") + events({ last: 0.5 })), {
      limitOrder: 2,
      listed: 0,
    });
    // P = 1/2 (1/2 + 1/2 P): 1/3.
    expect(a.probability).toBeCloseTo(1 / 3, 12);
  });

  it("says that it is too large instead of taking all memory, and gives its short cut sets", () => {
    const model = read(randomTree({ events: 400, gates: 300, width: 6, shared: 0.5, seed: 5, p: 0.01 }));
    expect(() => analyseFaultTree(model, { top: "g0", maxNodes: 3000 })).toThrow(/MODEL_TOO_LARGE.*--limit-order/);
    const a = analyseFaultTree(model, { top: "g0", maxNodes: 200_000, limitOrder: 3 });
    expect(Object.keys(a.cutSetsByOrder).every((k) => Number(k) <= 3)).toBe(true);
  });
});
