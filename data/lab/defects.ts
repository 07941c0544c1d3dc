import { performance } from "node:perf_hooks";
import type { SwitchName } from "./topology.ts";

const LEAK_CHUNK_BYTES = 3 * 1024 * 1024;
const LEAK_PERIOD_MS = 250;
const LEAK_LIMIT_BYTES = 500 * 1024 * 1024;
const LOCK_SLICE_MS = 130;

/** A lock that requests share and a maintenance job takes alone. */
export interface TableLock {
  /** Waits until the job next lets go; at once when there is no job. */
  enter(): Promise<void>;
  /** Starts the maintenance job, which holds the lock in slices of 130 ms, one right after the other. */
  startMaintenance(): void;
}

/**
 * A request enters three times (index, row, commit). Under maintenance that is one part slice and two whole ones,
 * so 260-390 ms of real queueing.
 */
export function createTableLock(): TableLock {
  let held = false;
  let waiting: (() => void)[] = [];
  return {
    enter: () => (held ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
    startMaintenance: () => {
      if (held) return;
      held = true;
      setInterval(() => {
        const admitted = waiting;
        waiting = [];
        for (const resolve of admitted) resolve();
      }, LOCK_SLICE_MS);
    },
  };
}

/** Busy loops of 40-60 ms with short gaps: about 90 % of the event loop. Runs until the process ends. */
function burnCpu(): void {
  const slice = 40 + Math.random() * 20;
  const end = performance.now() + slice;
  let x = 1;
  while (performance.now() < end) x = Math.sqrt(x + Math.random());
  setTimeout(burnCpu, slice / 9);
}

/** Keeps about 12 MB more each second, every page touched, up to 500 MB. */
function leakMemory(): void {
  const kept: Buffer[] = [];
  const timer = setInterval(() => {
    // A non-zero fill touches each page; a zero fill may stay untouched memory.
    kept.push(Buffer.alloc(LEAK_CHUNK_BYTES, 1 + (kept.length % 255)));
    if (kept.length * LEAK_CHUNK_BYTES >= LEAK_LIMIT_BYTES) clearInterval(timer);
  }, LEAK_PERIOD_MS);
  // Without a lasting reference the buffers could be collected once the timer is cleared.
  leaks.push(kept);
}
const leaks: Buffer[][] = [];

/** Switches one defect on. There is no way back but a new process. */
export function switchOn(name: SwitchName, parts: { lock: TableLock; keepSpills: (() => void) | undefined }): void {
  if (name === "cpu-burn") burnCpu();
  else if (name === "memory-leak") leakMemory();
  else if (name === "latency") parts.lock.startMaintenance();
  else parts.keepSpills?.();
}
