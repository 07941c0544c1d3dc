/** How much each event matters. */

/** null where it has no value: without probabilities, for an impossible top event, or infinite. */
export interface Importance {
  readonly probability: number | null;
  /** Minimal cut sets that hold the event. */
  readonly occurrence: number;
  /** P(top | event) - P(top | no event): the derivative of P(top). Negative where the event prevents the top event. */
  readonly birnbaum: number | null;
  /** p · birnbaum / P(top). */
  readonly criticality: number | null;
  /** P(event | top): the diagnostic importance, called after Fussell and Vesely. */
  readonly fussellVesely: number | null;
  /** P(top | event) / P(top). */
  readonly raw: number | null;
  /** P(top) / P(top | no event); null where nothing is left without the event: it is infinite. */
  readonly rrw: number | null;
  /** Sum over the cut sets with the event, divided by the sum over all: Fussell-Vesely as tools that work on cut sets give it. */
  readonly cutSetShare: number | null;
}

/** Less than this share of P(top) is rounding, not risk. */
const ROUNDING = 1e-13;

/**
 * By event, most important first; all arrays by event.
 * @see Dutuit & Rauzy 2001, "Efficient algorithms to assess component and gate importance in fault tree analysis",
 * Reliability Engineering & System Safety 72(2); Birnbaum 1969; Fussell 1975, IEEE Trans. Reliability 24(3)
 */
export function importanceOf(options: {
  readonly used: readonly number[];
  readonly p: Float64Array;
  readonly probability: number | null;
  readonly gradient: Float64Array | undefined;
  readonly occurrence: Float64Array;
  readonly share: { readonly sum: number; readonly gradient: Float64Array } | undefined;
}): [event: number, figures: Importance][] {
  const { used, p, probability: top, gradient, occurrence, share } = options;
  const finite = (v: number) => (Number.isFinite(v) ? v : null);
  const rows = used.map((e): [number, Importance] => {
    const q = p[e]!;
    const known = { probability: finite(q), occurrence: occurrence[e]! };
    const cutSetShare = share && share.sum > 0 ? finite((q * share.gradient[e]!) / share.sum) : null;
    if (top === null || !gradient || Number.isNaN(q))
      return [
        e,
        { ...known, birnbaum: null, criticality: null, fussellVesely: null, raw: null, rrw: null, cutSetShare },
      ];
    const birnbaum = gradient[e]!;
    const withIt = top + (1 - q) * birnbaum;
    const withoutIt = top - q * birnbaum;
    const isLeft = withoutIt > ROUNDING * top;
    return [
      e,
      {
        ...known,
        birnbaum,
        criticality: top > 0 ? (q * birnbaum) / top : null,
        fussellVesely: top > 0 ? (q * withIt) / top : null,
        raw: top > 0 ? withIt / top : null,
        rrw: top > 0 && isLeft ? top / withoutIt : null,
        cutSetShare,
      },
    ];
  });
  const rank = (i: Importance) => i.criticality ?? i.occurrence;
  return rows.sort(([a, x], [b, y]) => rank(y) - rank(x) || a - b);
}
