/** Answers by trying all combinations of events: slow, and hard to get wrong. */
import type { FaultTreeModel, Formula } from "../../../pipelines/measure/fault-tree/model.ts";

export interface Answers {
  readonly events: readonly string[];
  readonly probability: number;
  /** By event: P(top | event) - P(top | no event). */
  readonly birnbaum: Readonly<Record<string, number>>;
  /** Minimal sets of failures that make the top event true while nothing else fails; sorted names, sorted. */
  readonly cutSets: readonly string[];
}

export function bruteForce(model: FaultTreeModel, top: string): Answers {
  const events = [...model.basicEvents.keys()];
  const index = new Map(events.map((e, i) => [e, i]));
  const p = events.map((e) => {
    const x = model.basicEvents.get(e)!.expression;
    if (x?.kind !== "number") throw new Error("constants only");
    return x.value;
  });
  const value = (f: Formula, on: number): boolean => {
    if (f.kind === "constant") return f.value;
    if (f.kind === "ref") {
      const gate = model.gates.get(f.ref);
      if (gate) return value(gate.formula, on);
      const house = model.houseEvents.get(f.ref);
      return house ? house.value : (on >> index.get(f.ref)!) % 2 === 1;
    }
    const args = f.args.map((a) => value(a, on));
    const count = args.filter(Boolean).length;
    switch (f.kind) {
      case "and":
        return count === args.length;
      case "or":
        return count > 0;
      case "not":
        return !args[0];
      case "xor":
        return count % 2 === 1;
      case "iff":
        return args.reduce((a, b) => a === b);
      case "nand":
        return count < args.length;
      case "nor":
        return count === 0;
      case "imply":
        return !args[0] || args[1]!;
      case "atleast":
        return count >= f.min;
      case "cardinality":
        return count >= f.min && count <= f.max;
    }
  };
  const truth = Array.from({ length: 1 << events.length }, (_, on) => value({ kind: "ref", ref: top }, on));
  const chance = (given: (on: number) => boolean, skip = -1) =>
    truth.reduce((s, t, on) => {
      if (!t || !given(on)) return s;
      return s + p.reduce((q, pi, i) => (i === skip ? q : q * ((on >> i) % 2 === 1 ? pi : 1 - pi)), 1);
    }, 0);
  const minimal = truth.flatMap((t, on) => (t ? [on] : [])).sort((a, b) => bits(a) - bits(b));
  const kept: number[] = [];
  for (const on of minimal) if (!kept.some((k) => (k & on) === k)) kept.push(on);
  return {
    events,
    probability: chance(() => true),
    birnbaum: Object.fromEntries(
      events.map((e, i) => [e, chance((on) => (on >> i) % 2 === 1, i) - chance((on) => (on >> i) % 2 === 0, i)]),
    ),
    cutSets: kept
      .map((on) =>
        events
          .filter((_, i) => (on >> i) % 2 === 1)
          .sort()
          .join(" "),
      )
      .sort(),
  };
}

const bits = (n: number) => n.toString(2).replaceAll("0", "").length;
