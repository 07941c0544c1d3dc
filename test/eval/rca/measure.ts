/** The measures of `eval_rca.py`: AC@k, Avg@5, MRR; per system and per fault; macro over systems. */

export interface Truth {
  readonly id: string;
  readonly system: string;
  readonly fault_type: string;
  readonly inject_time: number;
  readonly root_cause_service: string;
  readonly root_cause_metrics: readonly string[];
}
export interface Ranks {
  readonly truth: Truth;
  /** From 1; null: not in the list. */
  readonly service: number | null;
  /** Undefined where no metric is known to be true. */
  readonly metric: number | null | undefined;
}
export interface Figures {
  readonly n: number;
  readonly ac: readonly number[];
  readonly avg5: number;
  readonly mrr: number;
}

export function ranksOf(truth: Truth, services: readonly string[], metrics: readonly string[]): Ranks {
  const rank = (list: readonly string[], right: readonly string[]) => {
    const at = [...new Set(list)].findIndex((x) => right.includes(x));
    return at < 0 ? null : at + 1;
  };
  const { root_cause_metrics: known } = truth;
  return {
    truth,
    service: rank(services, [truth.root_cause_service]),
    metric: known.length > 0 ? rank(metrics, known) : undefined,
  };
}

export function figures(ranks: readonly (number | null | undefined)[]): Figures {
  const known = ranks.filter((r): r is number | null => r !== undefined);
  const n = known.length;
  const ac = [1, 2, 3, 4, 5].map((k) => known.filter((r) => r !== null && r <= k).length / Math.max(1, n));
  return {
    n,
    ac,
    avg5: ac.reduce((p, v) => p + v, 0) / 5,
    mrr: known.reduce((p: number, r) => p + (r === null ? 0 : 1 / r), 0) / Math.max(1, n),
  };
}

export function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const out = new Map<string, T[]>();
  for (const item of items) {
    const list = out.get(key(item));
    if (list) list.push(item);
    else out.set(key(item), [item]);
  }
  return new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Plain mean over systems, so that one with many cases does not drown the others. */
export function macro(all: readonly Ranks[], level: "service" | "metric"): number {
  const each = [...grouped(all, (r) => r.truth.system).values()]
    .map((list) => figures(list.map((r) => r[level])))
    .filter((f) => f.n > 0);
  return each.reduce((p, f) => p + f.avg5, 0) / Math.max(1, each.length);
}
