import type { EntityHistory } from "../../core/history.ts";

/** Seeded uniform in [0, 1): mulberry32. */
export function seeded(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const KINDS = ["spike", "shift", "noise", "flat", "trend"] as const;
const SHARE = 0.06;

/**
 * A history without known incidents, with faults put into it and labelled: spikes, level shifts, more noise, a stuck value,
 * a slow drift, in some of its columns, of 2 to 6 usual deviations. The order in which models rank on these tells which to
 * prefer where nothing is labelled.
 * @see Goswami et al. 2023, ICLR, "Unsupervised model selection for time series anomaly detection"
 */
export function withInjectedFaults(history: EntityHistory, seed: number): EntityHistory {
  const random = seeded(seed);
  const dims = history.columns.length;
  const n = history.at.length;
  const values = history.values.slice();
  const length = Math.max(2, Math.min(60, Math.floor((SHARE * n) / KINDS.length)));
  const incidents: EntityHistory["incidents"][number][] = [];
  KINDS.forEach((kind, k) => {
    const slot = Math.floor(n / KINDS.length);
    if (slot <= length + 2) return;
    const from = k * slot + 1 + Math.floor(random() * (slot - length - 2));
    const rows = kind === "spike" ? Math.min(2, length) : length;
    const hit = Array.from({ length: dims }, (_, d) => d).filter(() => random() < 1 / Math.sqrt(dims));
    if (hit.length === 0) hit.push(Math.floor(random() * dims));
    for (const d of hit) {
      const usual = deviationOf(history.values, dims, d);
      const size = (2 + 4 * random()) * (random() < 0.5 ? -1 : 1) * usual;
      const held = values[from * dims + d]!;
      for (let i = 0; i < rows; i++) {
        const at = (from + i) * dims + d;
        if (kind === "flat") values[at] = held;
        else if (kind === "noise") values[at] = values[at]! + size * (random() + random() + random() - 1.5);
        else values[at] = values[at]! + (kind === "trend" ? (size * (i + 1)) / rows : size);
      }
    }
    incidents.push({
      start: history.at[from]!,
      end: history.at[from + rows]!,
      entity: history.entity,
      cause: kind,
    });
  });
  return { ...history, values, incidents: incidents.filter((i) => i.end > i.start) };
}

/** Half the distance from the 16 % to the 84 % quantile; of a column that hardly moves, a share of its level. */
function deviationOf(values: Float64Array, dims: number, d: number): number {
  const column = Float64Array.from({ length: values.length / dims }, (_, i) => values[i * dims + d]!)
    .filter(Number.isFinite)
    .sort();
  if (column.length === 0) return 1;
  const at = (q: number) => column[Math.floor(q * (column.length - 1))]!;
  return (at(0.84) - at(0.16)) / 2 || (at(1) - at(0)) / 4 || Math.abs(at(0.5)) * 0.1 || 1;
}
