/** How far replicas are behind, and how many reads were stale. */
import { wilsonInterval } from "../../../models/survival/intervals.ts";
import { PipelineError } from "../../core/errors.ts";
import type { ReliabilityFigure } from "../../core/reliability.ts";
import { csvRows } from "./csv-rows.ts";

/** One look at one replica; null where the row does not say. */
export interface ReplicaSample {
  /** Behind the primary, s. */
  readonly lagSeconds: number | null;
  readonly reads: { readonly all: number; readonly stale: number } | null;
}

const COLUMNS: readonly (readonly [name: RegExp, what: "lag" | "reads" | "stale", factor: number])[] = [
  [/^(replica|replication)?_?lag(_?s|_?sec|_?seconds)?$/, "lag", 1],
  [/^(replica|replication)?_?lag_?(ms|millis|milliseconds)$/, "lag", 1e-3],
  [/^(all_?)?reads(_?total)?$/, "reads", 1],
  [/^stale(_?reads)?(_?total)?$/, "stale", 1],
];

/**
 * CSV with a header: `lag_s` or `lag_ms`, and `reads` with `stale_reads`; other columns are passed over, empty cells say
 * nothing. @throws PipelineError INPUT_INVALID with the line of what is no number >= 0, or more stale reads than reads
 */
export function readReplicas(text: string, file: string): ReplicaSample[] {
  const rows = csvRows(text.replace(/^\u{feff}/u, ""), file);
  const header = rows.next().value as { cells: string[] } | undefined;
  const columns = new Map<"lag" | "reads" | "stale", { at: number; factor: number }>();
  for (const [at, cell] of (header?.cells ?? []).entries()) {
    const name = cell.trim().toLowerCase().replace(/[ -]+/g, "_");
    const known = COLUMNS.find(([pattern]) => pattern.test(name));
    if (known && !columns.has(known[1])) columns.set(known[1], { at, factor: known[2] });
  }
  if (!columns.has("lag") && !(columns.has("reads") && columns.has("stale")))
    throw new PipelineError("INPUT_INVALID", `${file}:1`, {
      detail: "no column tells a lag, nor reads and stale reads",
      hint: "name them lag_s or lag_ms, reads, stale_reads",
    });
  const samples: ReplicaSample[] = [];
  for (const { cells, line } of rows) {
    const fault = (detail: string) => new PipelineError("INPUT_INVALID", `${file}:${line}`, { detail });
    const value = (what: "lag" | "reads" | "stale") => {
      const column = columns.get(what);
      const cell = column === undefined ? "" : (cells[column.at] ?? "").trim();
      if (cell === "") return null;
      const n = Number(cell) * column!.factor;
      if (!(Number.isFinite(n) && n >= 0)) throw fault(`${JSON.stringify(cell.slice(0, 40))} is no number >= 0`);
      return n;
    };
    const [lagSeconds, all, stale] = [value("lag"), value("reads"), value("stale")];
    if (all !== null && stale !== null && stale > all) throw fault(`${stale} stale of ${all} reads`);
    samples.push({ lagSeconds, reads: all === null || stale === null ? null : { all, stale } });
  }
  return samples;
}

/** @see Bailis et al. 2012, VLDB 5(8), "Probabilistically bounded staleness" */
export function replicaFigures(samples: readonly ReplicaSample[]): ReliabilityFigure[] {
  const lags = samples.flatMap((s) => (s.lagSeconds === null ? [] : [s.lagSeconds])).sort((a, b) => a - b);
  const reads = samples.flatMap((s) => (s.reads === null ? [] : [s.reads]));
  const all = reads.reduce((sum, r) => sum + r.all, 0);
  const stale = reads.reduce((sum, r) => sum + r.stale, 0);
  const at = (q: number) => lags[Math.max(0, Math.ceil(q * lags.length) - 1)] ?? Number.NaN;
  const seconds = (v: number) => `${Number(v.toPrecision(3))} s`;
  return [
    {
      key: "replicaLag",
      name: "Replica lag, 90th percentile",
      definition:
        "How far replicas were behind their primary in nine of ten looks; each look at each replica counts once.",
      source: "PostgreSQL, pg_stat_replication.replay_lag; nearest-rank percentile (Hyndman & Fan 1996, type 1)",
      value: lags.length === 0 ? null : at(0.9) / 3600,
      unit: "h",
      interval: null,
      count: lags.length,
      note:
        lags.length === 0
          ? "no lags were given: --replicas"
          : `${lags.length} looks; median ${seconds(at(0.5))}, largest ${seconds(at(1))}`,
    },
    {
      key: "staleReads",
      name: "Stale-read share",
      definition: "Reads that gave an older value than one already acknowledged, divided by all reads.",
      source: "Bailis et al. 2012, VLDB 5(8); interval: Wilson 1927",
      value: all === 0 ? null : stale / all,
      unit: "1",
      interval: all === 0 ? null : wilsonInterval(stale, all),
      count: all,
      note: all === 0 ? "nobody counted stale reads: --replicas with reads and stale_reads" : `${stale} of ${all}`,
    },
  ];
}
