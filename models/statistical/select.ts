/**
 * The k-th smallest (from 0) of data[0, n), exactly; reorders `data`. O(n) on average, no allocation.
 * @see Hoare 1961, "Algorithm 65: Find", Commun. ACM 4(7)
 */
export function select(data: Float64Array, n: number, k: number): number {
  let low = 0;
  let high = n - 1;
  while (low < high) {
    const pivot = data[k]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (data[i]! < pivot) i++;
      while (data[j]! > pivot) j--;
      if (i <= j) {
        const held = data[i]!;
        data[i++] = data[j]!;
        data[j--] = held;
      }
    }
    if (j < k) low = i;
    if (k < i) high = j;
  }
  return data[k]!;
}

/** Median of data[0, n), n >= 1; for even n the mean of the middle two. Reorders `data`. O(n) on average. */
export function median(data: Float64Array, n: number): number {
  const half = n >> 1;
  const upper = select(data, n, half);
  if (n % 2 === 1) return upper;
  let lower = data[0]!; // select left everything below `half` at or under the upper middle
  for (let i = 1; i < half; i++) if (data[i]! > lower) lower = data[i]!;
  return lower + (upper - lower) / 2;
}
