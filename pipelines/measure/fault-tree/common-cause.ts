/** Common-cause groups: each member becomes "fails alone, or in one of the sub-groups that it belongs to". */
import { PipelineError } from "../../core/errors.ts";
import type { CcfGroup } from "./model.ts";

/** A basic event that a group gives rise to. */
export interface CommonCause {
  /** `[pump-a pump-b]`: these fail together, and no other member. */
  readonly id: string;
  readonly members: readonly string[];
  /** Share of the group's probability that it has. */
  readonly factor: number;
}

const MOST = 20_000;

function choose(n: number, k: number): number {
  let c = 1;
  for (let i = 1; i <= k; i++) c = (c * (n - k + i)) / i;
  return c;
}

/**
 * Sub-groups of a group of n members with the share of its probability Q that each has:
 * beta-factor: Q1 = (1 - β) Q, Qn = β Q;
 * MGL: Qk = ρ2…ρk (1 - ρk+1) Q / C(n-1, k-1);
 * alpha-factor: Qk = k αk Q / (C(n-1, k-1) Σ i αi);
 * phi-factor: Qk = φk Q.
 * Levels above the last one that is given have none. `factor` gives the value at a level.
 * @throws PipelineError MODEL_INVALID for factors out of range, MODEL_TOO_LARGE for too many sub-groups
 * @see NUREG/CR-5485 (1998), appendix A; Open-PSA MEF 2.0d
 */
export function commonCauses(group: CcfGroup, factor: (level: number) => number): CommonCause[] {
  const n = group.members.length;
  const levels = [...group.factors.keys()].sort((a, b) => a - b);
  const values = new Map(levels.map((l) => [l, factor(l)]));
  const refuse = (detail: string) =>
    new PipelineError("MODEL_INVALID", group.where, { detail: `common-cause group ${group.id}: ${detail}` });
  for (const [level, v] of values)
    if (!(v >= 0 && (v <= 1 || group.model === "alpha-factor"))) throw refuse(`the factor of level ${level} is ${v}`);
  const first = group.model === "MGL" ? 2 : 1;
  if (group.model !== "beta-factor")
    for (const [i, level] of levels.entries())
      if (level !== first + i) throw refuse(`level ${first + i} has no factor; write 0 where there is none`);
  const shares = new Map<number, number>();
  if (group.model === "beta-factor") {
    const [level, beta] = [...values][0]!;
    if (level !== n) throw refuse(`its factor is for level ${level}; it has ${n} members`);
    shares.set(1, 1 - beta).set(n, beta);
  } else if (group.model === "MGL") {
    let together = 1;
    for (let k = 1; k <= levels.length + 1; k++) {
      together *= k === 1 ? 1 : values.get(k)!;
      shares.set(k, (together * (1 - (values.get(k + 1) ?? 0))) / choose(n - 1, k - 1));
    }
  } else {
    let total = 1;
    if (group.model === "alpha-factor") total = levels.reduce((s, k) => s + k * values.get(k)!, 0);
    else {
      const sum = levels.reduce((s, k) => s + values.get(k)!, 0);
      if (Math.abs(sum - 1) > 1e-3) throw refuse(`its phi factors add up to ${sum}, not 1`);
    }
    if (!(total > 0)) throw refuse("its factors are all 0");
    for (const k of levels)
      shares.set(
        k,
        group.model === "phi-factor" ? values.get(k)! : (k * values.get(k)!) / (choose(n - 1, k - 1) * total),
      );
  }
  let events = 0;
  for (const [k, share] of shares) if (share > 0) events += choose(n, k);
  if (events > MOST)
    throw new PipelineError("MODEL_TOO_LARGE", group.where, {
      detail: `common-cause group ${group.id} has ${events} sub-groups`,
      hint: "give factors for fewer levels",
    });
  const causes: CommonCause[] = [];
  for (const [k, share] of shares)
    if (share > 0)
      for (const members of subsets(group.members, k))
        causes.push({ id: `[${members.join(" ")}]`, members, factor: share });
  return causes;
}

function* subsets(of: readonly string[], size: number, from = 0): Generator<string[]> {
  if (size === 0) return void (yield []);
  for (let i = from; i <= of.length - size; i++)
    for (const rest of subsets(of, size - 1, i + 1)) yield [of[i]!, ...rest];
}
