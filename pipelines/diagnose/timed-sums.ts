/** Events by key, each key's in order of time: how many came before a moment, and the sum of their values. */
export interface TimedSums {
  /** Events of a key. */
  total(key: number): number;
  /** Sum of their values; 0 where there are none. */
  sum(key: number): number;
  before(key: number, timeMs: number): number;
  sumBefore(key: number, timeMs: number): number;
}

export interface TimedEvents {
  /** Number of keys. */
  readonly keys: number;
  /** Slots in order of time. */
  readonly order: Int32Array;
  readonly timesMs: Float64Array;
  /** Of a slot, in [0, keys), or -1: it does not count. */
  keyOf(slot: number): number;
  /** Default 0. */
  amountOf?(slot: number): number;
}

/** O(events) once, then O(log events) a question; 16 bytes an event. */
export function timedSums({ keys, order, timesMs, keyOf, amountOf = () => 0 }: TimedEvents): TimedSums {
  const from = new Int32Array(keys + 1);
  const keyAt = Int32Array.from(order, keyOf);
  for (const key of keyAt) if (key >= 0) from[key + 1] = (from[key + 1] as number) + 1;
  for (let k = 0; k < keys; k++) from[k + 1] = (from[k + 1] as number) + (from[k] as number);
  const next = from.slice();
  const times = new Float64Array(from[keys] as number);
  /** Sums of the values up to and with each event, afresh for each key. */
  const sums = new Float64Array(times.length);
  for (const [i, slot] of order.entries()) {
    const key = keyAt[i] as number;
    if (key < 0) continue;
    const at = next[key] as number;
    next[key] = at + 1;
    times[at] = timesMs[slot] as number;
    sums[at] = (at > (from[key] as number) ? (sums[at - 1] as number) : 0) + amountOf(slot);
  }
  const end = (key: number, timeMs: number): number => {
    let [low, high] = [from[key] as number, from[key + 1] as number];
    while (low < high) {
      const at = (low + high) >> 1;
      if ((times[at] as number) < timeMs) low = at + 1;
      else high = at;
    }
    return low;
  };
  const upTo = (key: number, at: number): number => (at > (from[key] as number) ? (sums[at - 1] as number) : 0);
  return {
    total: (key) => (from[key + 1] as number) - (from[key] as number),
    sum: (key) => upTo(key, from[key + 1] as number),
    before: (key, timeMs) => end(key, timeMs) - (from[key] as number),
    sumBefore: (key, timeMs) => upTo(key, end(key, timeMs)),
  };
}

/** Slots in order of time, those of one time in their own order. */
export function byTime(timesMs: Float64Array): Int32Array {
  const order = Int32Array.from(timesMs, (_, i) => i);
  for (let i = 1; i < timesMs.length; i++)
    if ((timesMs[i] as number) < (timesMs[i - 1] as number))
      return order.sort((a, b) => (timesMs[a] as number) - (timesMs[b] as number) || a - b);
  return order;
}

/** Works out once what belongs to a table, and keeps it for as long as the table lives. */
export function kept<K extends object, V>(work: (table: K) => V): (table: K) => V {
  const known = new WeakMap<K, V>();
  return (table) => {
    let value = known.get(table);
    if (value === undefined) {
      value = work(table);
      known.set(table, value);
    }
    return value;
  };
}
