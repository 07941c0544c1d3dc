import { type Filler, loadFiller } from "../linear/filler.ts";
import { type Inputs, loadInputs } from "../linear/inputs.ts";
import { pointwise } from "../linear/pointwise.ts";
import { type VectorModel, type VectorState, valuesOf } from "../linear/vector.ts";
import { FOREST_PARTS, type Forest, loadForest, meanValues, saveForest } from "./forest.ts";

/** A model whose score is `of(mean leaf value over its trees)`. */
export function treeModel(
  name: string,
  inputs: Inputs,
  filler: Filler,
  forest: Forest,
  of: (mean: number) => number = (mean) => mean,
  extra: Record<string, number[]> = {},
): VectorModel {
  const { dims } = inputs;
  return {
    ...pointwise(name, inputs, filler, (z, count, out, at) => {
      meanValues(forest, z, dims, count, out, at);
      for (let i = at; i < at + count; i++) out[i] = of(out[i]!);
    }),
    save: () => ({
      kind: name,
      version: 1,
      inputs: inputs.save(),
      values: { ...saveForest(forest), ...filler.save(), ...extra },
    }),
  };
}

export function readTrees(name: string, state: VectorState): { inputs: Inputs; filler: Filler; forest: Forest } {
  const { fillMean, fillForm, ...parts } = valuesOf(name, state, [...FOREST_PARTS, "fillMean", "fillForm"]);
  const inputs = loadInputs(state.inputs);
  return { inputs, filler: loadFiller({ fillMean, fillForm }), forest: loadForest(name, parts, inputs.dims) };
}
