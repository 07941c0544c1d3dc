import type { Family } from "../core/records.ts";

/** How much a shift of each kind of series says about its owner: cache, threads and load move with everybody's work. */
export const FAMILY_WEIGHT: Readonly<Record<Family, number>> = {
  cpu: 1,
  memory: 1,
  latency: 1,
  errors: 1,
  network: 0.5,
  disk: 0.5,
  traffic: 0.25,
  other: 0.25,
  silence: 0,
};
