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

/** What the decision takes, and its result: one array, as a number passed through a call may cost an object. */
export const alarm = new Float64Array(3);
/** Rows seen before; surprise of the row; 0 or the alarm. */
export const SEEN = 0;
export const SURPRISE = 1;
export const RAISED = 2;

/**
 * Decides on alarms: 0, or a / (a + threshold) >= 0.5 where a is the surprise less the habit of earlier alarms. A series
 * that often surprises alarms less and less. Gives a function of (state, offset), which works on `alarm`.
 */
export function stepAlarm({
  threshold = 1.3,
  habituation = 0.2,
  habituationRows = 12_000,
  refractoryRows = 80,
  rise = 0.5,
  warmup = 100,
}: AlarmOptions): (data: Float64Array, at: number) => void {
  for (const [key, value] of Object.entries({ threshold, habituationRows, refractoryRows }))
    if (!(value > 0)) throw new RangeError(`univariate: ${key} is ${value}; give a number > 0`);
  for (const [key, value] of Object.entries({ habituation, rise, warmup }))
    if (!(value >= 0)) throw new RangeError(`univariate: ${key} is ${value}; give a number >= 0`);
  const fade = Math.exp(-1 / habituationRows);
  return (data, at) => {
    alarm[RAISED] = 0;
    const habit = data[at + HABIT]! * fade;
    data[at + HABIT] = habit;
    const since = data[at + SINCE]! + 1;
    data[at + SINCE] = since;
    let last = data[at + LAST]!;
    if (since > refractoryRows) {
      last = 0;
      data[at + LAST] = 0;
    }
    const strength = alarm[SURPRISE]! - habituation * habit;
    if (!(strength > threshold && (last === 0 || strength > last + rise))) return;
    if (last === 0) data[at + HABIT] = habit + 1;
    data[at + LAST] = strength;
    data[at + SINCE] = 0;
    if (alarm[SEEN]! >= warmup) alarm[RAISED] = strength / (strength + threshold);
  };
}
