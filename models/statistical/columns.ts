/**
 * State of a bank as columns (struct of arrays): `widths` gives the doubles per slot of each column.
 * Memory: sum(widths) * 8 bytes a slot, at most twice that while growing by doubling.
 */
export interface Columns<K extends string> {
  /** Slots in use; every column holds at least size * width doubles. Replaced by `resize`: do not keep across calls. */
  readonly col: Record<K, Float64Array>;
  size(): number;
  resize(slots: number): void;
  saveBlock(from: number, to: number): Float64Array;
  loadBlock(from: number, to: number, state: Float64Array): void;
  /** Throws `RangeError` unless the columns have one length and each slot is in range. O(rows). */
  check(slots: Uint32Array, ...sides: Float64Array[]): void;
}

export function columns<K extends string>(name: string, widths: Record<K, number>): Columns<K> {
  const keys = Object.keys(widths) as K[];
  const stride = keys.reduce((sum, key) => sum + widths[key], 0);
  const col = Object.fromEntries(keys.map((key) => [key, new Float64Array(0)])) as Record<K, Float64Array>;
  let size = 0;
  let capacity = 0;

  function resize(slots: number): void {
    if (!Number.isSafeInteger(slots) || slots < 0)
      throw new RangeError(`${name}: ${slots} slots; give an integer >= 0`);
    if (slots > capacity) {
      capacity = capacity === 0 ? slots : Math.max(slots, capacity * 2);
      for (const key of keys) {
        const grown = new Float64Array(capacity * widths[key]);
        grown.set(col[key]);
        col[key] = grown;
      }
    }
    size = Math.max(size, slots);
  }

  function range(from: number, to: number): void {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
      throw new RangeError(`${name}: no block [${from}, ${to})`);
  }

  return {
    col,
    size: () => size,
    resize,
    saveBlock(from, to) {
      range(from, to);
      if (to > size) throw new RangeError(`${name}: block [${from}, ${to}) of ${size} slots`);
      const state = new Float64Array((to - from) * stride);
      let at = 0;
      for (let slot = from; slot < to; slot++)
        for (const key of keys) {
          const width = widths[key];
          for (let i = 0; i < width; i++) state[at++] = col[key][slot * width + i]!;
        }
      return state;
    },
    loadBlock(from, to, state) {
      range(from, to);
      if (state.length !== (to - from) * stride)
        throw new RangeError(
          `${name}: block [${from}, ${to}) takes ${(to - from) * stride} doubles, not ${state.length}`,
        );
      resize(Math.max(size, to));
      let at = 0;
      for (let slot = from; slot < to; slot++)
        for (const key of keys) {
          const width = widths[key];
          for (let i = 0; i < width; i++) col[key][slot * width + i] = state[at++]!;
        }
    },
    check(slots, ...sides) {
      for (const side of sides)
        if (side.length !== slots.length)
          throw new RangeError(`${name}: ${slots.length} slots but ${side.length} values; give columns of one length`);
      for (let i = 0; i < slots.length; i++)
        if (slots[i]! >= size) throw new RangeError(`${name}: slot ${slots[i]} of ${size}; call resize first`);
    },
  };
}
