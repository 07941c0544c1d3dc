/** What training chooses from. */
import { vectorModels } from "../../../models/vector-model.ts";

export type Candidate =
  | { readonly kind: "stream"; readonly id: string }
  | {
      readonly kind: "vector";
      readonly id: string;
      readonly model: string;
      readonly options: Readonly<Record<string, number | string>>;
      readonly lags: number;
      readonly smoothing: number;
    }
  | { readonly kind: "blend"; readonly id: string; readonly parts: readonly Candidate[] };

export type VectorCandidate = Extract<Candidate, { kind: "vector" }>;

/** Parameters tried of a kind besides its defaults; a kind without an entry is tried with these alone. */
const GRIDS: Readonly<Record<string, readonly Readonly<Record<string, number | string>>[]>> = {
  pca: [{}, { explained: 0.8 }, { explained: 0.97 }],
  svc: [{}, { cost: 10 }],
  oneClassSvm: [{}, { nu: 0.01 }],
  randomForest: [{}, { depth: 6 }],
};
/** Kinds that take long come last: what the budget cuts off. */
const SLOW = /autoencoder|recurrent|lstm|gru|forecast|svm|svc/i;
/** Values side by side at most. */
const MOST_WIDTH = 128;
const SMOOTHINGS = [1, 10] as const;

export interface KindOfVector {
  readonly learns?: "quiet" | "labels";
}

/** Whether a kind is taught with labels. */
export const learnsLabels = (name: string): boolean =>
  ((vectorModels as Record<string, unknown>)[name] as KindOfVector).learns === "labels";

/**
 * The statistical scorer first, then every registered vector model, quick ones first, in an order that depends on nothing
 * else: a search that is cut off is the beginning of the whole one. `labelled`: there are incidents to learn from.
 */
export function candidatesFor(dims: number, labelled: boolean): Candidate[] {
  const lagsOf = dims === 1 ? [8, 24] : [1, 3].filter((lags) => dims * lags <= MOST_WIDTH || lags === 1);
  const kinds = Object.keys(vectorModels)
    .filter((name) => labelled || !learnsLabels(name))
    .sort((a, b) => Number(SLOW.test(a)) - Number(SLOW.test(b)));
  const vectors = kinds.flatMap((model) =>
    (GRIDS[model] ?? [{}]).flatMap((options) =>
      lagsOf.flatMap((lags) =>
        SMOOTHINGS.map((smoothing): VectorCandidate => {
          const more = Object.entries(options).map(([k, v]) => `,${k}=${v}`);
          return {
            kind: "vector",
            id: `${model}(lags=${lags},smoothing=${smoothing}${more.join("")})`,
            model,
            options,
            lags,
            smoothing,
          };
        }),
      ),
    ),
  );
  return [{ kind: "stream", id: "statistics" }, ...vectors];
}

export const blendOf = (parts: readonly Candidate[]): Candidate => ({
  kind: "blend",
  id: `blend(${parts.map((p) => p.id).join(" + ")})`,
  parts,
});
