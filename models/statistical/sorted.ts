/** Sorts values[0, n) ascending, and `tags` along with them. For a few values: O(n^2), no allocation. */
export function insertionSort(values: Float64Array, tags: Uint8Array, n: number): void {
  for (let i = 1; i < n; i++) {
    const value = values[i]!;
    const tag = tags[i]!;
    let j = i - 1;
    for (; j >= 0 && values[j]! > value; j--) {
      values[j + 1] = values[j]!;
      tags[j + 1] = tags[j]!;
    }
    values[j + 1] = value;
    tags[j + 1] = tag;
  }
}

/** Median of data[0, n), n >= 1, ascending; for even n the mean of the middle two. */
export function sortedMedian(data: Float64Array, n: number): number {
  const upper = data[n >> 1]!;
  if (n % 2 === 1) return upper;
  const lower = data[(n >> 1) - 1]!;
  return lower + (upper - lower) / 2;
}

/**
 * Median of |x - middle| over data[0, n), ascending with median `middle`, n >= 1. The nearest values are neighbours, so
 * the place where they begin is found by halving: O(log n), no allocation.
 */
export function medianDeviation(data: Float64Array, n: number, middle: number): number {
  return medianDeviationOf((k) => data[k]!, n, middle);
}

/** The same of n values of which `at` gives the k-th smallest. */
export function medianDeviationOf(at: (k: number) => number, n: number, middle: number): number {
  const near = (n >> 1) + 1;
  let low = 0;
  let high = n - near;
  while (low < high) {
    const half = (low + high) >> 1;
    if (middle - at(half) > at(half + near) - middle) low = half + 1;
    else high = half;
  }
  const end = low + near - 1;
  const left = middle - at(low);
  const right = at(end) - middle;
  const upper = left > right ? left : right;
  if (n % 2 === 1) return upper;
  // The farthest of the near ones taken away, the next is again at one of the two ends.
  const lower =
    left > right ? Math.max(right, Math.abs(at(low + 1) - middle)) : Math.max(left, Math.abs(at(end - 1) - middle));
  return lower + (upper - lower) / 2;
}

/** Mean of |x - middle| over data[0, n), n >= 1. O(n). */
export function meanDeviation(data: Float64Array, n: number, middle: number): number {
  let mean = 0;
  for (let i = 0; i < n; i++) mean += Math.abs(data[i]! - middle) / n;
  return mean;
}
