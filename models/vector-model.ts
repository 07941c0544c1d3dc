/** Trained models of several dimensions at once, by their configuration name. */

import type { InputOptions } from "./linear/inputs.ts";
import type { KMeansOptions } from "./linear/k-means.ts";
import type { PcaOptions } from "./linear/pca.ts";
import type { Teachable, Teaching, Tuning, VectorModel, VectorModelKind } from "./linear/vector.ts";
import type { AutoencoderOptions } from "./neural/autoencoder.ts";
import type { SequenceOptions } from "./neural/sequence-model.ts";
import type { OneClassOptions } from "./svm/one-class.ts";
import type { SvcOptions } from "./svm/svc.ts";
import type { TreeOptions } from "./trees/decision-tree.ts";
import type { HalfSpaceTreesOptions } from "./trees/half-space-trees.ts";
import type { IsolationForestOptions } from "./trees/isolation-forest.ts";
import type { RandomForestOptions } from "./trees/random-forest.ts";

export type {
  Labels,
  Teachable,
  Teaching,
  Tuning,
  VectorModel,
  VectorModelKind,
  VectorState,
} from "./linear/vector.ts";

/** A kind whose file is loaded when it is first used: the name of a neural model must not cost the import of tfjs. */
export interface RegisteredKind<Options> extends Teachable<Options> {
  /** As the kind's own file declares it. */
  tuning(): Promise<Tuning<Options>>;
}

function late<O>(learns: Teaching, load: () => Promise<VectorModelKind<O, VectorModel>>): RegisteredKind<O> {
  return {
    learns,
    tuning: async () => (await load()).tuning,
    fit: async (rows, dims, options, labels) => (await load()).fit(rows, dims, options, labels),
    load: async (state) => (await load()).load(state),
  };
}

/** Every kind by name; options are checked by the kind itself. */
export const vectorModels = {
  pca: late<PcaOptions>("quiet", async () => (await import("./linear/pca.ts")).pca),
  mahalanobis: late<InputOptions>("quiet", async () => (await import("./linear/mahalanobis.ts")).mahalanobis),
  "k-means": late<KMeansOptions>("quiet", async () => (await import("./linear/k-means.ts")).kMeans),
  svc: late<SvcOptions>("labels", async () => (await import("./svm/svc.ts")).svc),
  "one-class-svm": late<OneClassOptions>("quiet", async () => (await import("./svm/one-class.ts")).oneClassSvm),
  "decision-tree": late<TreeOptions>("labels", async () => (await import("./trees/decision-tree.ts")).decisionTree),
  "random-forest": late<RandomForestOptions>(
    "labels",
    async () => (await import("./trees/random-forest.ts")).randomForest,
  ),
  "isolation-forest": late<IsolationForestOptions>(
    "quiet",
    async () => (await import("./trees/isolation-forest.ts")).isolationForest,
  ),
  "half-space-trees": late<HalfSpaceTreesOptions>(
    "quiet",
    async () => (await import("./trees/half-space-trees.ts")).halfSpaceTrees,
  ),
  autoencoder: late<AutoencoderOptions>("quiet", async () => (await import("./neural/autoencoder.ts")).autoencoder),
  "gru-autoencoder": late<SequenceOptions>(
    "quiet",
    async () => (await import("./neural/gru-autoencoder.ts")).gruAutoencoder,
  ),
  forecaster: late<SequenceOptions>("quiet", async () => (await import("./neural/forecaster.ts")).forecaster),
} satisfies Record<string, Teachable<never> & { tuning(): Promise<Tuning<unknown>> }>;

export type VectorModelName = keyof typeof vectorModels;
