/** Buckets a factor of 2^(1/4) wide, from 1 us to 2^32 us. */
const STEPS = 4;
const BUCKETS = 32 * STEPS;

/** Durations in ms by logarithm: quantiles within 9 %. Memory: 128 counts once there is one. */
export class Durations {
  #counts: Float64Array | undefined;
  total = 0;
  sumMs = 0;
  maxMs = 0;

  add(ms: number, weight: number): void {
    this.#counts ??= new Float64Array(BUCKETS);
    const us = ms * 1000;
    const at = us <= 1 ? 0 : Math.min(BUCKETS - 1, Math.floor(Math.log2(us) * STEPS));
    this.#counts[at]! += weight;
    this.total += weight;
    this.sumMs += ms * weight;
    if (ms > this.maxMs) this.maxMs = ms;
  }

  addAll(other: Durations): void {
    if (!other.#counts) return;
    this.#counts ??= new Float64Array(BUCKETS);
    const counts = this.#counts;
    for (let i = 0; i < BUCKETS; i++) counts[i]! += other.#counts[i]!;
    this.total += other.total;
    this.sumMs += other.sumMs;
    this.maxMs = Math.max(this.maxMs, other.maxMs);
  }

  get meanMs(): number {
    return this.total > 0 ? this.sumMs / this.total : 0;
  }

  /** Middle of the bucket in which the quantile lies; 0 without values. */
  quantileMs(q: number): number {
    let left = q * this.total;
    for (let i = 0; i < BUCKETS && this.#counts; i++) {
      left -= this.#counts[i]!;
      if (left <= 0) return Math.min(this.maxMs, 2 ** ((i + 0.5) / STEPS) / 1000);
    }
    return this.maxMs;
  }
}
