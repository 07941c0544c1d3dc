/** Largest raw score: finite, so that sums and products of scores stay finite. */
export const MAX_SCORE = 1e6;

/** Values beyond this are learned and scored as this: its square is still a finite double. */
export const MAX_VALUE = 1e150;

export function clampValue(value: number): number {
  return value > MAX_VALUE ? MAX_VALUE : value < -MAX_VALUE ? -MAX_VALUE : value;
}

/** max(deviation, relFloor * |level|, absFloor), all in the unit of the series. */
export function flooredScale(deviation: number, level: number, relFloor: number, absFloor: number): number {
  const relative = relFloor * Math.abs(level);
  const scale = deviation > relative ? deviation : relative;
  return scale > absFloor ? scale : absFloor;
}

/** Throws `RangeError` naming bank and option unless least <= value (NaN fails). */
export function atLeast(name: string, option: string, value: number, least: number): void {
  if (!(value >= least)) throw new RangeError(`${name}: ${option} is ${value}; give a number >= ${least}`);
}
