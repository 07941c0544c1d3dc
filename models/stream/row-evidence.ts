import { tailBank } from "../statistical/tail.ts";

/** A deviation or an energy below this share of its own usual size teaches no tail. */
const LEAST = 1e-12;

/**
 * How improbable each row is for its own series, in decimal orders, from two views: its deviation from what was expected,
 * and the energy of the last rows. Each is calibrated to the series' own tail; the stranger counts, less log10 2 for having
 * looked twice. `scores` are those of `scorer.observe` with all columns, on the same rows; every row is learned after it
 * was weighed. NaN where the series is cold or the value a gap.
 */
export function rowEvidence({ memory = 20_000 }: { memory?: number } = {}) {
  const [fast, slow] = [tailBank({ memory }), tailBank({ memory })];
  return {
    resize(slots: number): void {
      fast.resize(slots);
      slow.resize(slots);
    },
    observe(
      slots: Uint32Array,
      values: Float64Array,
      scores: { score: Float64Array; expected: Float64Array; scale: Float64Array },
      out: Float64Array,
    ): void {
      const n = slots.length;
      const [z, e, pz, pe] = [0, 1, 2, 3].map(() => new Float64Array(n)) as [
        Float64Array,
        Float64Array,
        Float64Array,
        Float64Array,
      ];
      for (let i = 0; i < n; i++) {
        const scale = scores.scale[i]!;
        z[i] = Math.abs(values[i]! - scores.expected[i]!) / Math.max(scale, LEAST);
        const s = scores.score[i]!;
        e[i] = Number.isNaN(z[i]!) ? Number.NaN : s / Math.max(1 - s, LEAST);
      }
      // a slot's row is learned before its next is weighed: rows go together while their slots rise
      for (let from = 0; from < n; ) {
        let to = from + 1;
        while (to < n && slots[to]! > slots[to - 1]!) to++;
        const own = slots.subarray(from, to);
        for (const [bank, raw, p] of [[fast, z, pz] as const, [slow, e, pe] as const]) {
          bank.score(own, raw.subarray(from, to), p.subarray(from, to));
          bank.learn(own, raw.subarray(from, to));
        }
        from = to;
      }
      for (let i = 0; i < n; i++) out[i] = Math.max(0, -Math.log10(2 * Math.min(pz[i]!, pe[i]!)));
    },
  };
}
