/** Trained models of several dimensions at once, by their configuration name. */

import type { InputOptions } from "./linear/inputs.ts";
import type { PcaOptions } from "./linear/pca.ts";
import type { VectorModel, VectorModelKind } from "./linear/vector.ts";
import type { AutoencoderOptions } from "./neural/autoencoder.ts";

export type { VectorModel, VectorModelKind, VectorState } from "./linear/vector.ts";

/** Loads a kind when it is first used: the name of a neural model must not cost the import of tfjs. */
function late<O, M extends VectorModel>(load: () => Promise<VectorModelKind<O, M>>): VectorModelKind<O, M> {
  return {
    fit: async (rows, dims, options) => (await load()).fit(rows, dims, options),
    load: async (state) => (await load()).load(state),
  };
}

/** Every kind by name; options are checked by the kind itself. */
export const vectorModels = {
  pca: late<PcaOptions, VectorModel>(async () => (await import("./linear/pca.ts")).pca),
  mahalanobis: late<InputOptions, VectorModel>(async () => (await import("./linear/mahalanobis.ts")).mahalanobis),
  autoencoder: late<AutoencoderOptions, VectorModel>(async () => (await import("./neural/autoencoder.ts")).autoencoder),
} satisfies Record<string, VectorModelKind<never>>;

export type VectorModelName = keyof typeof vectorModels;
