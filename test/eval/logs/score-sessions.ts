/** The measures of session anomalies, as ../shared/eval/eval_logs.py has them. */

export interface Ranked {
  readonly F1: number;
  readonly aucPr: number;
  readonly bestF1: number;
}

/** Of flags (`score > threshold`) and of the ranking; ties are one step. */
export function rank(labels: readonly number[], scores: readonly number[], threshold: number): Ranked {
  const positives = labels.reduce((a, b) => a + b, 0);
  const f1 = (tp: number, flagged: number) => (tp === 0 ? 0 : (2 * tp) / (flagged + positives));
  const order = scores.map((_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  let tp = 0;
  let aucPr = 0;
  let bestF1 = 0;
  for (let i = 0; i < order.length; ) {
    const before = tp;
    const score = scores[order[i]!]!;
    while (i < order.length && scores[order[i]!] === score) tp += labels[order[i++]!]!;
    aucPr += positives > 0 ? ((tp - before) / positives) * (tp / i) : 0;
    bestF1 = Math.max(bestF1, f1(tp, i));
  }
  const flagged = scores.map((s, i) => (s > threshold ? i : -1)).filter((i) => i >= 0);
  return {
    F1: f1(
      flagged.reduce((sum, i) => sum + labels[i]!, 0),
      flagged.length,
    ),
    aucPr,
    bestF1,
  };
}
