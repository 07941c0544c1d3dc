import { loadStreamModel, type StreamModel, type StreamModelState } from "../stream/model.ts";
import { type VectorModelName, vectorModels } from "../vector-model.ts";
import { type BlendState, blend } from "./blend.ts";
import { type VectorRowState, vectorRowModel } from "./vector-row-model.ts";

/** What a trained version holds for one entity. */
export type LearnedState = StreamModelState | VectorRowState | BlendState<LearnedState>;
export type LearnedModel = StreamModel<LearnedState>;

/** @throws RangeError on a state that no model takes */
export async function loadLearned(state: LearnedState, depth = 0): Promise<LearnedModel> {
  if (depth > 3) throw new RangeError("learned model: blends of blends of blends are not made");
  if (state?.kind === "vector") {
    const kind = state.model?.kind;
    if (!Object.hasOwn(vectorModels, kind)) throw new RangeError(`learned model: there is no vector model ${kind}`);
    const model = await vectorModels[kind as VectorModelName].load(state.model);
    return vectorRowModel(model, state, state);
  }
  if (state?.kind === "blend") {
    const parts: LearnedModel[] = [];
    for (const part of state.parts) parts.push(await loadLearned(part, depth + 1));
    return blend(parts, state);
  }
  return loadStreamModel(state);
}
