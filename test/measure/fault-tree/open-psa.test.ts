import { describe, expect, it } from "vitest";
import { analyseFaultTree } from "../../../pipelines/measure/fault-tree/analyse.ts";
import { readOpenPsa } from "../../../pipelines/measure/fault-tree/open-psa.ts";

const read = (...texts: string[]) => readOpenPsa(texts.map((text, i) => ({ name: `f${i}.xml`, text })));
const tree = (inside: string) =>
  `<opsa-mef>\n<define-fault-tree name="T">\n${inside}\n</define-fault-tree>\n</opsa-mef>`;
const solve = (...texts: string[]) => analyseFaultTree(read(...texts));
const one = (expression: string, rest = "") =>
  solve(
    tree(
      `<define-gate name="t"><basic-event name="a"/></define-gate><define-basic-event name="a">${expression}</define-basic-event>${rest}`,
    ),
  ).probability!;
const f = (v: number) => `<float value="${v}"/>`;
const T = "<system-mission-time/>";

describe("Open-PSA expressions", () => {
  it.each([
    { name: "a constant", xml: f(0.25), p: 0.25 },
    { name: "exponential", xml: `<exponential>${f(1e-4)}${T}</exponential>`, p: 1 - Math.exp(-0.876) },
    {
      name: "GLM without repair is exponential",
      xml: `<GLM>${f(0)}${f(1e-4)}${f(0)}${T}</GLM>`,
      p: 1 - Math.exp(-0.876),
    },
    { name: "GLM settles at λ / (λ + μ)", xml: `<GLM>${f(0.9)}${f(0.01)}${f(0.03)}${f(1e6)}</GLM>`, p: 0.25 },
    { name: "GLM begins at γ", xml: `<GLM>${f(0.3)}${f(0.01)}${f(0.03)}${f(0)}</GLM>`, p: 0.3 },
    { name: "Weibull", xml: `<Weibull>${f(1000)}${f(2)}${f(100)}${f(600)}</Weibull>`, p: 1 - Math.exp(-0.25) },
    { name: "Weibull before its shift", xml: `<Weibull>${f(1000)}${f(2)}${f(700)}${f(600)}</Weibull>`, p: 0 },
    {
      name: "periodic test, repair at once",
      xml: `<periodic-test>${f(1e-3)}${f(100)}${f(50)}${f(275)}</periodic-test>`,
      p: 1 - Math.exp(-0.025),
    },
    {
      name: "periodic test before the first one",
      xml: `<periodic-test>${f(1e-3)}${f(100)}${f(50)}${f(40)}</periodic-test>`,
      p: 1 - Math.exp(-0.04),
    },
    {
      name: "periodic test, fast repair",
      xml: `<periodic-test>${f(1e-3)}${f(1e8)}${f(100)}${f(50)}${f(275)}</periodic-test>`,
      p: 1 - Math.exp(-0.025),
    },
    {
      name: "periodic test with no repair at all: what was found stays down",
      xml: `<periodic-test>${f(1e-3)}${f(0)}${f(100)}${f(50)}${f(275)}</periodic-test>`,
      p: 1 - Math.exp(-0.275),
    },
    {
      name: "periodic test of eleven arguments as that of five",
      xml: `<periodic-test>${[1e-3, 0, 0.02, 100, 50, 0, 0, 1, 1, 0, 275].map(f).join("")}</periodic-test>`,
      // After θ = 50: found ones go to repair. By hand for two tests at 50, 150, 250 and 25 h more.
      p: (() => {
        const [l, m] = [1e-3, 0.02];
        let [w, r] = [Math.exp(-l * 50), 0];
        for (const dt of [100, 100, 25]) {
          r += 1 - w - r;
          const back = (m / (m - l)) * (Math.exp(-l * dt) - Math.exp(-m * dt));
          [w, r] = [w * Math.exp(-l * dt) + r * back, r * Math.exp(-m * dt)];
        }
        return 1 - w;
      })(),
    },
    {
      name: "a test during which it is not available",
      xml: `<periodic-test>${[0, 0, 1, 100, 50, 0, 10, 0, 1, 0, 155].map(f).join("")}</periodic-test>`,
      p: 1,
    },
    {
      name: "lognormal deviate: its mean",
      xml: `<lognormal-deviate>${f(0.01)}${f(3)}${f(0.95)}</lognormal-deviate>`,
      p: 0.01,
    },
    { name: "normal deviate", xml: `<normal-deviate>${f(0.02)}${f(0.001)}</normal-deviate>`, p: 0.02 },
    { name: "uniform deviate", xml: `<uniform-deviate>${f(0.1)}${f(0.3)}</uniform-deviate>`, p: 0.2 },
    { name: "gamma deviate", xml: `<gamma-deviate>${f(2)}${f(0.05)}</gamma-deviate>`, p: 0.1 },
    { name: "beta deviate", xml: `<beta-deviate>${f(1)}${f(3)}</beta-deviate>`, p: 0.25 },
    {
      name: "histogram",
      xml: `<histogram>${f(0)}<bin>${f(0.1)}${f(1)}</bin><bin>${f(0.3)}${f(3)}</bin></histogram>`,
      p: (0.05 + 3 * 0.2) / 4,
    },
    {
      name: "arithmetic",
      xml: `<sub>${f(1)}<exp><mul><neg>${f(1e-4)}</neg>${T}</mul></exp></sub>`,
      p: 1 - Math.exp(-0.876),
    },
    { name: "division of many", xml: `<div>${f(1)}${f(2)}${f(5)}</div>`, p: 0.1 },
    { name: "if then else", xml: `<ite><gt>${T}${f(100)}</gt>${f(0.5)}${f(0.1)}</ite>`, p: 0.5 },
    {
      name: "switch",
      xml: `<switch><case><lt>${T}${f(1)}</lt>${f(0.5)}</case><case><bool value="true"/>${f(0.2)}</case>${f(0.1)}</switch>`,
      p: 0.2,
    },
    {
      name: "the branch that is not taken is not evaluated",
      xml: `<ite><bool value="false"/><div>${f(1)}${f(0)}</div>${f(0.1)}</ite>`,
      p: 0.1,
    },
    {
      name: "min, max, mean, pow, sqrt",
      xml: `<mul><min>${f(0.5)}${f(2)}</min><max>${f(0.5)}${f(2)}</max><mean>${f(0.2)}${f(0.4)}</mean><pow>${f(2)}${f(-1)}</pow><sqrt>${f(0.25)}</sqrt></mul>`,
      p: 0.075,
    },
  ])("know $name", ({ xml, p }) => expect(one(xml)).toBeCloseTo(p, 9));

  it("follow parameters in any order", () => {
    const parameters = `<define-parameter name="l"><mul><parameter name="m"/>${f(2)}</mul></define-parameter><define-parameter name="m">${f(0.1)}</define-parameter>`;
    expect(one(`<parameter name="l"/>`, parameters)).toBeCloseTo(0.2, 12);
  });
});

describe("common-cause groups", () => {
  const group = (model: string, factors: string) =>
    solve(
      tree(
        `<define-gate name="t"><and><basic-event name="a"/><basic-event name="b"/><basic-event name="c"/></and></define-gate>`,
      ).replace(
        "</opsa-mef>",
        `<define-CCF-group name="g" model="${model}"><members><basic-event name="a"/><basic-event name="b"/><basic-event name="c"/></members><distribution>${f(0.1)}</distribution><factors>${factors}</factors></define-CCF-group></opsa-mef>`,
      ),
    );
  const factor = (level: number, v: number) => `<factor level="${level}">${f(v)}</factor>`;

  // By hand: P(all three) with q1 each alone, q2 each pair, q3 all: no q3, and every one of the three hit.
  const byHand = (q1: number, q2: number, q3: number) => {
    let rest = 0;
    for (let pairs = 0; pairs < 8; pairs++)
      for (let alone = 0; alone < 8; alone++) {
        const hit = [0, 1, 2].every((i) => (alone >> i) & 1 || [0, 1, 2].some((j) => j !== i && (pairs >> j) & 1));
        const chance = (n: number, q: number) => [0, 1, 2].reduce((s, i) => s * ((n >> i) & 1 ? q : 1 - q), 1);
        if (hit) rest += chance(pairs, q2) * chance(alone, q1);
      }
    return q3 + (1 - q3) * rest;
  };
  it.each([
    { model: "beta-factor", factors: factor(3, 0.2), q: [0.08, 0, 0.02] },
    { model: "MGL", factors: factor(2, 0.2) + factor(3, 0.1), q: [0.08, (0.2 * 0.9 * 0.1) / 2, 0.2 * 0.1 * 0.1] },
    {
      model: "alpha-factor",
      factors: factor(1, 0.7) + factor(2, 0.2) + factor(3, 0.1),
      q: [0.07 / 1.4, (2 * 0.02) / 2 / 1.4, (3 * 0.01) / 1.4],
    },
    { model: "phi-factor", factors: factor(1, 0.7) + factor(2, 0.2) + factor(3, 0.1), q: [0.07, 0.02, 0.01] },
  ])("of model $model", ({ model, factors, q }) => {
    expect(group(model, factors).probability).toBeCloseTo(byHand(q[0]!, q[1]!, q[2]!), 12);
  });

  it.each([
    { name: "a share above 1", factors: factor(3, 1.2), error: /level 3 is 1.2/ },
    { name: "a level that can't be", factors: factor(4, 0.2), error: /level 4/ },
    { name: "no factor", factors: "", error: /no factor/ },
  ])("refuse $name", ({ factors, error }) => expect(() => group("beta-factor", factors)).toThrow(error));
});

describe("names", () => {
  const inner = `<define-component name="C" role="private"><define-gate name="x"><basic-event name="b"/></define-gate><define-basic-event name="b">${f(0.25)}</define-basic-event></define-component>`;
  it("that are private don't meet those outside, and are found by their path", () => {
    const text = tree(
      `<define-gate name="t"><and><gate name="C.x"/><basic-event name="b"/></and></define-gate><define-basic-event name="b">${f(0.5)}</define-basic-event>${inner}`,
    );
    const a = solve(text);
    expect(a.probability).toBe(0.125);
    expect(Object.keys(a.importance).sort()).toEqual(["T.C.b", "b"]);
  });
  it("reach over files in any order", () => {
    const a = `<opsa-mef><define-fault-tree name="A"><define-gate name="t"><or><gate name="u"/><basic-event name="x"/></or></define-gate></define-fault-tree></opsa-mef>`;
    const b = `<opsa-mef><define-fault-tree name="B"><define-gate name="u"><and><basic-event name="x"/><basic-event name="y"/></and></define-gate></define-fault-tree><model-data><define-basic-event name="x">${f(0.1)}</define-basic-event><define-basic-event name="y">${f(0.1)}</define-basic-event></model-data></opsa-mef>`;
    for (const files of [
      [a, b],
      [b, a],
    ])
      expect(solve(...files)).toMatchObject({ top: "t", probability: 0.1 });
  });
});

describe("a model at fault is refused, with its place:", () => {
  const gate = (name: string, inside: string) => `<define-gate name="${name}">${inside}</define-gate>`;
  const a = `<define-basic-event name="a">${f(0.1)}</define-basic-event>`;
  const ref = (n: string) => `<gate name="${n}"/>`;
  it.each([
    {
      name: "a cycle",
      xml: tree(`${gate("t", ref("u"))}\n${gate("u", ref("v"))}\n${gate("v", ref("u"))}`),
      error: /f0\.xml:5:1: .*u -> v -> u/,
    },
    { name: "a gate of itself", xml: tree(gate("t", ref("t"))), error: /cycle: t -> t/ },
    { name: "an undefined event", xml: tree(gate("t", `\n <basic-event name="q"/>`)), error: /f0\.xml:4:2: .*event q/ },
    {
      name: "an undefined parameter",
      xml: tree(
        `${gate("t", `<basic-event name="b"/>`)}<define-basic-event name="b"><parameter name="z"/></define-basic-event>`,
      ),
      error: /parameter z/,
    },
    {
      name: "a double definition",
      xml: tree(`${gate("t", `<event name="a"/>`)}${a}\n${a}`),
      error: /f0\.xml:4:1: .*basic event a is defined twice.*f0\.xml:3/,
    },
    {
      name: "a gate and an event of one name",
      xml: tree(`${gate("a", `<event name="a"/>`)}${a}`),
      error: /defined twice/,
    },
    { name: "the wrong kind", xml: tree(`${gate("t", ref("a"))}${a}`), error: /a is a basic event, not a gate/ },
    {
      name: "a probability above 1",
      xml: tree(`${gate("t", `<event name="a"/>`)}\n<define-basic-event name="a">${f(1.5)}</define-basic-event>`),
      error: /f0\.xml:4:1: .*is 1\.5/,
    },
    {
      name: "a negative rate",
      xml: tree(
        `${gate("t", `<event name="a"/>`)}<define-basic-event name="a"><exponential>${f(-1)}${T}</exponential></define-basic-event>`,
      ),
      error: /rate must be >= 0/,
    },
    {
      name: "parameters in a cycle",
      xml: tree(
        `${gate("t", `<event name="a"/>`)}${a}<define-parameter name="p"><parameter name="q"/></define-parameter><define-parameter name="q"><parameter name="p"/></define-parameter>`,
      ),
      error: /parameters name each other.*-> /,
    },
    { name: "no gate at all", xml: tree(a), error: /defines no gate/ },
    { name: "an empty gate", xml: tree(gate("t", "")), error: /gate t has no formula/ },
    {
      name: "two formulas",
      xml: tree(`${gate("t", `<event name="a"/><event name="a"/>`)}${a}`),
      error: /more than one formula/,
    },
    {
      name: "an unknown connective",
      xml: tree(`${gate("t", `<maybe><event name="a"/></maybe>`)}${a}`),
      error: /<maybe> is no formula/,
    },
    {
      name: "a name of JavaScript's",
      xml: tree(`${gate("t", `<constructor><event name="a"/></constructor>`)}${a}`),
      error: /<constructor> is no formula/,
    },
    {
      name: "too high a vote",
      xml: tree(`${gate("t", `<atleast min="3"><event name="a"/></atleast>`)}${a}`),
      error: /min is 3, but there are 1/,
    },
    { name: "a substitution", xml: `<opsa-mef><define-substitution/></opsa-mef>`, error: /substitutions/ },
    { name: "another document", xml: "<html/>", error: /<html>; an Open-PSA model is <opsa-mef>/ },
    { name: "a tag that is not closed", xml: "<opsa-mef>\n<define-gate", error: /MODEL_INVALID at f0\.xml:2/ },
    { name: "an unclosed document", xml: "<opsa-mef>", error: /MODEL_INVALID at f0\.xml:1/ },
    { name: "nothing", xml: "", error: /MODEL_INVALID/ },
    {
      name: "no number",
      xml: tree(
        `${gate("t", `<event name="a"/>`)}<define-basic-event name="a"><float value="0x1"/></define-basic-event>`,
      ),
      error: /"0x1" is no number/,
    },
    {
      name: "a billion laughs",
      xml: `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><opsa-mef>&b;</opsa-mef>`,
      error: /declares entities/,
    },
    {
      name: "an outside entity",
      xml: `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><opsa-mef>&a;</opsa-mef>`,
      error: /declares entities/,
    },
    { name: "an entity of nobody", xml: `<opsa-mef>&b;</opsa-mef>`, error: /MODEL_INVALID at f0\.xml:1/ },
    { name: "elements deep in each other", xml: tree(gate("t", "<not>".repeat(100_000))), error: /nested deeper than/ },
  ])("$name", ({ xml, error }) => expect(() => solve(xml)).toThrow(error));

  it("and what is for other analyses is left out, and said", () => {
    const text = tree(`${gate("t", `<event name="a"/>`)}${a}`).replace(
      "</opsa-mef>",
      `<define-event-tree name="e"><x/></define-event-tree></opsa-mef>`,
    );
    expect(solve(text)).toMatchObject({ probability: 0.1, warnings: [expect.stringContaining("define-event-tree")] });
  });
});
