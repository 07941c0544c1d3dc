import { setFlagsFromString } from "node:v8";

/**
 * Keeps the heap of this process close to what lives in it: collected when it has grown by 30 %, the young generation at
 * the megabyte it begins with. Left to itself V8 waits for four times what lives. Costs about a tenth of the time where
 * all lines are new. Flags that V8 reads at each collection, so that they count for a process that runs already.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--heap-growing-percent=30");
  setFlagsFromString("--semi-space-growth-factor=1");
}
