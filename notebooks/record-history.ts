/**
 * Records weeks of four services for `train-and-compare.ipynb`, a row every five minutes, from a seed: `metrics.csv`
 * (`timestamp,entity,...`) and `incidents.csv`. By hand: `npx tsx notebooks/record-history.ts DIR`. Same seed, same files.
 *
 * Load follows the hour and the weekday; CPU, latency and queue follow the load. Incidents of three causes come again and
 * again: in a `stall` CPU falls while requests stay, in `retries` requests outrun the queue, in `throttling` latency rises
 * against the load. Each value is one that is seen on other days; what is wrong is how they go together.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

export const HISTORY = { startMs: Date.UTC(2026, 5, 1), stepMs: 300_000, rows: 2600, incidents: 18 };
const SERVICES = ["checkout", "search", "cart", "login"];
const CAUSES = ["stall", "retries", "throttling"] as const;
const COLUMNS = ["requests", "cpu", "latency_ms", "queue", "errors", "threads"];

export interface RecordedHistory {
  readonly metricsCsv: string;
  readonly incidentsCsv: string;
}

/** Uniform in (0, 1), the same for the same seed. */
function uniformOf(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return (s + 0.5) / 2 ** 32;
  };
}

export function history(seed = 1): RecordedHistory {
  const { startMs, stepMs, rows, incidents } = HISTORY;
  const lines = [`timestamp,entity,${COLUMNS.join(",")}`];
  const known = ["start,end,entity,cause"];
  const iso = (row: number) => new Date(startMs + row * stepMs).toISOString();
  SERVICES.forEach((service, k) => {
    const uniform = uniformOf(seed * 1000 + k);
    const z = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
    const faults = Array.from({ length: incidents }, (_, i) => {
      const from = Math.floor(((i + 0.3 + 0.5 * uniform()) * rows) / incidents);
      return { from, to: from + 8 + Math.floor(12 * uniform()), cause: CAUSES[Math.floor(3 * uniform())]! };
    });
    for (const f of faults) known.push(`${iso(f.from)},${iso(f.to)},${service},${f.cause}`);
    let drift = 0;
    for (let i = 0; i < rows; i++) {
      const fault = faults.find((f) => i >= f.from && i < f.to)?.cause;
      const hour = ((i * stepMs) / 3_600_000) % 24;
      const day = Math.floor((i * stepMs) / 86_400_000) % 7;
      drift = 0.97 * drift + 0.06 * z();
      const load = (day > 4 ? 0.7 : 1) * (1 + 0.45 * Math.sin((2 * Math.PI * (hour - 9)) / 24)) * Math.exp(drift);
      const served = fault === "stall" ? 0.45 * load : load;
      const slow = fault === "throttling" ? 14 : 0;
      const values = [
        (80 + 20 * k) * load * (fault === "retries" ? 1.5 : 1) * (1 + 0.03 * z()),
        0.12 + 0.3 * served + 0.015 * z(),
        18 + 12 * load + slow + 1.5 * z(),
        Math.max(0, 2 + 5 * served + 0.4 * z()),
        Math.max(0, 0.4 + 0.6 * load + 0.3 * z()),
        Math.max(4, Math.round(16 + 10 * load + 1.5 * z())),
      ];
      lines.push(`${iso(i)},${service},${values.map((v) => v.toFixed(3)).join(",")}`);
    }
  });
  return { metricsCsv: `${lines.join("\n")}\n`, incidentsCsv: `${known.join("\n")}\n` };
}

/** Writes `metrics.csv` and `incidents.csv` into `dir`. */
export function historyTo(dir: string, seed?: number): RecordedHistory {
  mkdirSync(dir, { recursive: true });
  const recorded = history(seed);
  writeFileSync(join(dir, "metrics.csv"), recorded.metricsCsv);
  writeFileSync(join(dir, "incidents.csv"), recorded.incidentsCsv);
  return recorded;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) historyTo(process.argv[2] ?? "recorded");
