/** Numbers in [0, 1) that a line of Python makes as well: s = (1664525 s + 1013904223) mod 2^32, s / 2^32. */
export function lcg(n: number, seed: number): Float64Array {
  let s = BigInt(seed);
  return Float64Array.from({ length: n }, () => {
    s = (s * 1664525n + 1013904223n) % 4294967296n;
    return Number(s) / 4294967296;
  });
}
