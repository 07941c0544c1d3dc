/** A series without gaps, and what every reading of it needs. */

export interface Filled {
  readonly x: Float64Array;
  readonly sorted: Float64Array;
  /** Prefix sums of the observed flags. */
  readonly seen: Uint32Array;
  readonly range: number;
  /** Median of every six samples in a row, by the first of them. */
  stretches(): Float64Array;
}

const STRETCH = 6;

/** Gaps carry the last value on, and the first one back; null for a series that never had one. */
export function fill(values: Float64Array, n: number): Filled | null {
  const x = new Float64Array(n);
  const seen = new Uint32Array(n + 1);
  let [last, first] = [Number.NaN, -1];
  for (let i = 0; i < n; i++) {
    const v = values[i] as number;
    seen[i + 1] = seen[i] as number;
    if (Number.isFinite(v)) {
      if (first < 0) first = i;
      seen[i + 1] = (seen[i + 1] as number) + 1;
      last = v;
    }
    x[i] = last;
  }
  if (first < 0) return null;
  for (let i = 0; i < first; i++) x[i] = x[first] as number;
  const sorted = x.slice().sort();
  let medians: Float64Array | undefined;
  const stretches = () => {
    medians ??= runningMedians(x);
    return medians;
  };
  return { x, sorted, seen, range: (sorted[n - 1] as number) - (sorted[0] as number), stretches };
}

function runningMedians(x: Float64Array): Float64Array {
  const out = new Float64Array(Math.max(0, x.length - STRETCH + 1));
  const w = new Float64Array(STRETCH);
  for (let i = 0; i < out.length; i++) {
    for (let j = 0; j < STRETCH; j++) {
      const v = x[i + j] as number;
      let at = j;
      while (at > 0 && (w[at - 1] as number) > v) {
        w[at] = w[at - 1] as number;
        at -= 1;
      }
      w[at] = v;
    }
    out[i] = ((w[2] as number) + (w[3] as number)) / 2;
  }
  return out;
}
