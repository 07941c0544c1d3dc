/** The exact chance of the top event: through the parts from below, and derivatives back down. */
import { probability, probabilityGradient } from "./probability.ts";
import type { SolvedPart } from "./solve-part.ts";
import type { Structure } from "./structure.ts";

export interface TopChance {
  readonly value: number;
  /** By event: derivative of `value`. Empty where it was not asked for. */
  readonly gradient: Float64Array;
}

/** `p` by event. Every part must be solved. */
export function chanceOfTop(
  { dag, root, parts }: Structure,
  solved: ReadonlyMap<number, SolvedPart | undefined>,
  p: Float64Array,
  { gradient: wanted = true }: { gradient?: boolean } = {},
): TopChance {
  const gradient = new Float64Array(wanted ? p.length : 0);
  if (parts.length === 0) return { value: root === 0 ? 1 : 0, gradient };
  const top = root >> 1;
  /** Of each part's diagram, by its root. */
  const chances = new Map<number, number>();
  const perLevel = (s: SolvedPart) =>
    Float64Array.from(s.order, (leaf) =>
      dag.op[leaf] === "event" && leaf !== s.part.root
        ? p[dag.event[leaf]!]!
        : (chances.get(leaf) ?? p[dag.event[leaf]!]!),
    );
  const inputs = new Map<number, Float64Array>();
  let value = 0;
  for (const part of parts) {
    const s = solved.get(part.root)!;
    const input = perLevel(s);
    inputs.set(part.root, input);
    // The top's own sign decides which of the two to take: never 1 minus a number near 1.
    const sign = part.root === top ? (root & 1) ^ (s.negated ? 1 : 0) : 0;
    value = probability({ ...s.bdd, root: s.bdd.root ^ sign }, input);
    chances.set(part.root, value);
  }
  if (!wanted) return { value, gradient };
  const flow = new Map<number, number>();
  flow.set(top, ((root & 1) ^ (solved.get(top)!.negated ? 1 : 0)) === 1 ? -1 : 1);
  for (const part of [...parts].reverse()) {
    const s = solved.get(part.root)!;
    const w = flow.get(part.root) ?? 0;
    const { byLevel } = probabilityGradient(s.bdd, inputs.get(part.root)!);
    for (const [level, leaf] of s.order.entries()) {
      const d = w * byLevel[level]!;
      if (dag.op[leaf] === "event") gradient[dag.event[leaf]!]! += d;
      else flow.set(leaf, (flow.get(leaf) ?? 0) + d);
    }
  }
  return { value, gradient };
}
