import { callGraph } from "./call-graph.ts";
import { change } from "./change.ts";
import { edgeGap } from "./edge-gap.ts";
import { logRate } from "./log-rate.ts";
import { logs } from "./logs.ts";
import { metricShift } from "./metric-shift.ts";
import type { Ranker } from "./ranker.ts";
import { selfTime } from "./self-time.ts";
import { silence } from "./silence.ts";
import { spanStructure } from "./span-structure.ts";

/** All rankers, in order of registration; their weights are in `../fuse.ts`. */
export const RANKERS: readonly Ranker[] = [
  metricShift,
  callGraph,
  silence,
  logs,
  change,
  edgeGap,
  selfTime,
  spanStructure,
  logRate,
];

export type { Ranker, RankerResult } from "./ranker.ts";
