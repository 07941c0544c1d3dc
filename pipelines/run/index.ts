/** The public API of the package: the same stages that the command line runs, and the records they give. */

export { statisticalBanks } from "../../models/statistical/index.ts";
export {
  loadStreamModel,
  type RowScores,
  type StreamModel,
  type StreamModelState,
  streamModel,
} from "../../models/stream/model.ts";
export { univariateScorer } from "../../models/stream/univariate.ts";
export { type VectorModel, type VectorModelName, vectorModels } from "../../models/vector-model.ts";
export { systemClock } from "../core/clock.ts";
export { type Config, parseConfig } from "../core/config.ts";
export { PipelineError } from "../core/errors.ts";
export type * from "../core/records.ts";
export { fileSource } from "../ingest/sources/files.ts";
export { engine } from "../runtime/embedded/engine.ts";
export { openStore } from "../runtime/store/pglite.ts";
export { assemble } from "./assemble.ts";
export type { Stream, StreamOptions } from "./job.ts";
export { scoreFile, scoreTree } from "./score.ts";
export { stream } from "./stream.ts";
