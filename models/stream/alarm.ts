export interface AlarmOptions {
  /** Surprise above which an unusual row raises an alarm, in powers of ten. */
  threshold?: number;
  /** How much an earlier alarm raises the threshold. */
  habituation?: number;
  /** Rows in which that fades to a third. */
  habituationRows?: number;
  /** An alarm within this many rows of the last is the same event, and only raised again ... */
  refractoryRows?: number;
  /** ... when it is stranger by this much. */
  rise?: number;
  /** Rows at the start that raise no alarm, but count for habituation: all is new there. */
  warmup?: number;
}

const HABIT = 0;
const LAST = 1;
const SINCE = 2;
export const ALARM_DOUBLES = 3;

/**
 * Decides on alarms: 0, or a / (a + threshold) >= 0.5 where a is the surprise less the habit of earlier alarms. A series
 * that often surprises alarms less and less. Gives a function of (state, offset, rows seen, surprise).
 */
export function stepAlarm({
  threshold = 1.3,
  habituation = 0.2,
  habituationRows = 12_000,
  refractoryRows = 80,
  rise = 0.5,
  warmup = 100,
}: AlarmOptions): (data: Float64Array, at: number, seen: number, surprise: number) => number {
  for (const [key, value] of Object.entries({ threshold, habituationRows, refractoryRows }))
    if (!(value > 0)) throw new RangeError(`univariate: ${key} is ${value}; give a number > 0`);
  for (const [key, value] of Object.entries({ habituation, rise, warmup }))
    if (!(value >= 0)) throw new RangeError(`univariate: ${key} is ${value}; give a number >= 0`);
  const fade = Math.exp(-1 / habituationRows);
  return (data, at, seen, surprise) => {
    const habit = data[at + HABIT]! * fade;
    data[at + HABIT] = habit;
    const since = data[at + SINCE]! + 1;
    data[at + SINCE] = since;
    let last = data[at + LAST]!;
    if (since > refractoryRows) {
      last = 0;
      data[at + LAST] = 0;
    }
    const strength = surprise - habituation * habit;
    if (!(strength > threshold && (last === 0 || strength > last + rise))) return 0;
    if (last === 0) data[at + HABIT] = habit + 1;
    data[at + LAST] = strength;
    data[at + SINCE] = 0;
    return seen < warmup ? 0 : strength / (strength + threshold);
  };
}
