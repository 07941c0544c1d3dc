/** How many incidents opened lately: past the limit the rest becomes one digest instead of a page each. */
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import type { FloodLimits } from "./types.ts";

export interface FloodGate extends Stateful {
  readonly limits: FloodLimits;
  opened(nowMs: number): void;
  full(nowMs: number): boolean;
}

/** Memory: a time for each incident of the last `perMs`, no more than the limit. */
export function floodGate({ incidents = 20, perMs = 600_000 }: Partial<FloodLimits>): FloodGate {
  let times: number[] = [];
  let dirty = false;
  return {
    limits: { incidents, perMs },
    opened(nowMs) {
      times = [...times, nowMs].slice(-incidents);
      dirty = true;
    },
    full: (nowMs) => times.length >= incidents && nowMs - (times[0] as number) < perMs,
    snapshot(put, full) {
      if (dirty || full) put("times", toChunk(times));
      dirty = false;
    },
    restore(chunks) {
      const bytes = chunks.get("times");
      if (bytes) times = fromChunk<number[]>(bytes);
    },
  };
}
