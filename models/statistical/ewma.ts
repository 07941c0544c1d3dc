import type { DetectorBank } from "../bank.ts";
import { type MomentOptions, momentBank } from "./moments.ts";

/**
 * Distance from the exponentially weighted mean, in exponentially weighted deviations. `halfLife`: samples, > 0.
 * The first samples weigh 1/n each until that falls below the steady weight. O(1) a sample; 24 bytes a slot.
 * @see Roberts 1959, Technometrics 1(3)
 */
export function ewma({ halfLife = 60, ...rest }: MomentOptions & { halfLife?: number } = {}): DetectorBank {
  if (!(halfLife > 0)) throw new RangeError(`ewma: halfLife is ${halfLife}; give samples > 0`);
  return momentBank("ewma", 1 - 0.5 ** (1 / halfLife), rest);
}
