/** What training chooses from. */
import { type Tuning, type VectorModelName, vectorModels } from "../../../models/vector-model.ts";

export type Candidate =
  | { readonly kind: "stream"; readonly id: string }
  | {
      readonly kind: "vector";
      readonly id: string;
      readonly model: VectorModelName;
      readonly options: Readonly<Record<string, number | string>>;
      readonly lags: number;
      readonly smoothing: number;
    }
  | { readonly kind: "blend"; readonly id: string; readonly parts: readonly Candidate[] };

/** What a user may ask for by name. */
export type CandidateKind = VectorModelName | "statistics";
export const CANDIDATE_KINDS: readonly CandidateKind[] = [
  "statistics",
  ...(Object.keys(vectorModels) as VectorModelName[]),
];

export type VectorCandidate = Extract<Candidate, { kind: "vector" }>;

/** Values side by side at most. */
const MOST_WIDTH = 128;
const SMOOTHINGS = [1, 10] as const;
const COSTS: Readonly<Record<Tuning<unknown>["cost"], number>> = { quick: 0, moderate: 1, slow: 2 };

/** Whether a kind is taught with labels. */
export const learnsLabels = (name: VectorModelName): boolean => vectorModels[name].learns === "labels";

/**
 * The statistical scorer first, then every registered vector model with its defaults and its own grid. What takes longer
 * and what is further from the defaults comes later, in an order that depends on nothing else: a search that is cut off is
 * the beginning of the whole one. `labelled`: there are incidents to learn from.
 */
export async function candidatesFor(dims: number, labelled: boolean): Promise<Candidate[]> {
  const lagsOf = dims === 1 ? [8, 24] : [1, 3].filter((lags) => dims * lags <= MOST_WIDTH || lags === 1);
  const names = (Object.keys(vectorModels) as VectorModelName[]).filter((name) => labelled || !learnsLabels(name));
  const ranked: { rank: number; cost: number; candidate: VectorCandidate }[] = [];
  for (const model of names) {
    const { cost, grid } = await vectorModels[model].tuning();
    for (const [place, options] of [{}, ...(grid as readonly VectorCandidate["options"][])].entries())
      for (const lags of lagsOf)
        for (const smoothing of SMOOTHINGS) {
          const more = Object.entries(options).map(([k, v]) => `,${k}=${v}`);
          const id = `${model}(lags=${lags},smoothing=${smoothing}${more.join("")})`;
          const rank = COSTS[cost] + Math.min(place, 1);
          ranked.push({
            rank,
            cost: COSTS[cost],
            candidate: { kind: "vector", id, model, options, lags, smoothing },
          });
        }
  }
  // the sort keeps the order of the registry and of the grid among equals
  ranked.sort((a, b) => a.rank - b.rank || a.cost - b.cost);
  return [{ kind: "stream", id: "statistics" }, ...ranked.map((r) => r.candidate)];
}

export const blendOf = (parts: readonly Candidate[]): Candidate => ({
  kind: "blend",
  id: `blend(${parts.map((p) => p.id).join(" + ")})`,
  parts,
});
