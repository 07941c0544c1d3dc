import { callGraph } from "./call-graph.ts";
import { change } from "./change.ts";
import { logs } from "./logs.ts";
import { metricShift } from "./metric-shift.ts";
import type { Ranker } from "./ranker.ts";
import { silence } from "./silence.ts";

/** All rankers, in order of registration; their weights are in `../fuse.ts`. */
export const RANKERS: readonly Ranker[] = [metricShift, callGraph, silence, logs, change];

export type { Ranker, RankerResult } from "./ranker.ts";
