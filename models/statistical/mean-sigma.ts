import type { DetectorBank } from "../bank.ts";
import { type MomentOptions, momentBank } from "./moments.ts";
import { atLeast } from "./scale.ts";

/**
 * Distance from the running mean, in running standard deviations. `memory`: samples; up to then every sample weighs
 * the same, after that old ones fade with time constant `memory`. O(1) a sample; 24 bytes a slot.
 * @see Shewhart 1931, "Economic Control of Quality of Manufactured Product"; Welford 1962, Technometrics 4(3)
 */
export function meanSigma({ memory = 2000, ...rest }: MomentOptions & { memory?: number } = {}): DetectorBank {
  atLeast("mean-sigma", "memory", memory, 2);
  return momentBank("mean-sigma", 1 / memory, rest);
}
