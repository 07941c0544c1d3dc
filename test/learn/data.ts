import type { EntityHistory, KnownIncident } from "../../pipelines/core/history.ts";
import { seeded } from "../../pipelines/learn/train/inject.ts";

export const MINUTE = 60_000;
export const START = Date.UTC(2026, 0, 5);

/** Correlated noise of several columns with level shifts at the incidents, a row every minute. */
export function history({
  rows = 600,
  dims = 3,
  seed = 1,
  at = [300, 420, 540],
  entity = "web",
}: {
  rows?: number;
  dims?: number;
  seed?: number;
  at?: readonly number[];
  entity?: string;
} = {}): EntityHistory {
  const random = seeded(seed);
  const normal = () => random() + random() + random() + random() - 2;
  const values = new Float64Array(rows * dims);
  for (let i = 0; i < rows; i++) {
    const common = normal();
    const odd = at.some((from) => i >= from && i < from + 15);
    for (let d = 0; d < dims; d++) values[i * dims + d] = 10 + common + 0.3 * normal() + (odd && d === 0 ? 4 : 0);
  }
  const times = Float64Array.from({ length: rows }, (_, i) => START + i * MINUTE);
  const incidents: KnownIncident[] = at
    .filter((from) => from < rows)
    .map((from) => ({ start: times[from]!, end: times[from]! + 15 * MINUTE, entity, cause: "shift" }));
  const columns = Array.from({ length: dims }, (_, d) => `c${d}`);
  return { entity, columns, axis: "time", at: times, timesMs: times, values, incidents };
}

export function csvOf(h: EntityHistory, label = false): string {
  const dims = h.columns.length;
  const lines = Array.from(h.at, (at, i) => {
    const odd = h.incidents.some((x) => at >= x.start && at < x.end) ? 1 : 0;
    const cells = Array.from(h.values.subarray(i * dims, (i + 1) * dims), String);
    return [new Date(at).toISOString(), ...cells, ...(label ? [odd] : [])].join(",");
  });
  return `timestamp,${h.columns.join(",")}${label ? ",label" : ""}\n${lines.join("\n")}\n`;
}
