/** What a diagnosis reads, wherever it came from: a stream's recent windows or a folder of files. */
import type { LineTable, SpanTable } from "../core/case-events.ts";
import type { Anomaly, CallEdge, ChangeEvent, Family, LogDigest } from "../core/records.ts";

export interface CaseEntity {
  readonly name: string;
  /** `host` carries everybody's load; `objective` (an SLO) is measured, but is nobody to blame. */
  readonly kind: string;
}

/** One series on the case's window grid; NaN is a gap. */
export interface CaseSeries {
  readonly entity: string;
  /** Name for people, `metric{a=1}`: unique within its entity. */
  readonly name: string;
  readonly metric: string;
  readonly unit: string;
  readonly family: Family;
  /** Callee of a per-edge series, else null. */
  readonly peer: string | null;
  readonly values: Float64Array;
}

/** Window i covers `[startMs + i * stepMs, startMs + (i + 1) * stepMs)`. All lists are in canonical order. */
export interface CaseView {
  readonly startMs: number;
  readonly stepMs: number;
  readonly length: number;
  /** Times of the samples, ascending, where they lie on no even grid; `stepMs` is their median distance then. */
  readonly timesMs?: Float64Array;
  readonly entities: readonly CaseEntity[];
  readonly series: readonly CaseSeries[];
  /** Calls over the whole case, summed. */
  readonly edges: readonly CallEdge[];
  readonly logs: readonly LogDigest[];
  readonly changes: readonly ChangeEvent[];
  readonly anomalies: readonly Anomaly[];
  /** Moments at which something is thought to have begun; empty when nobody knows. */
  readonly onsetHintsMs: readonly number[];
  /** The moment it began, as somebody says who should know. Believed by half. */
  readonly givenOnsetMs?: number | null;
  /** Single spans and lines, where they were recorded. */
  readonly spans?: SpanTable | null;
  readonly lines?: LineTable | null;
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Sorted copies of all lists, edges of one pair summed: no result depends on the order things were seen in. */
export function caseView(parts: CaseView): CaseView {
  return {
    ...parts,
    entities: [...parts.entities].sort((a, b) => compare(a.name, b.name) || compare(a.kind, b.kind)),
    series: [...parts.series].sort((a, b) => compare(a.entity, b.entity) || compare(a.name, b.name)),
    edges: sumEdges(parts.edges),
    logs: [...parts.logs].sort(
      (a, b) => a.startMs - b.startMs || compare(a.entity, b.entity) || compare(a.template, b.template),
    ),
    changes: [...parts.changes].sort((a, b) => a.timeMs - b.timeMs || compare(a.entity, b.entity)),
    anomalies: [...parts.anomalies].sort((a, b) => a.startMs - b.startMs || compare(a.id, b.id)),
    onsetHintsMs: [...parts.onsetHintsMs].sort((a, b) => a - b),
  };
}

/** Ratios and durations weighted by calls. */
export function sumEdges(edges: readonly CallEdge[]): CallEdge[] {
  const sums = new Map<string, { caller: string; callee: string; calls: number; errors: number; ms: number }>();
  const sorted = [...edges].sort(
    (a, b) =>
      compare(a.caller, b.caller) ||
      compare(a.callee, b.callee) ||
      a.calls - b.calls ||
      a.durationMs - b.durationMs ||
      a.errorRatio - b.errorRatio,
  );
  for (const e of sorted) {
    const key = `${e.caller}\u0000${e.callee}`;
    const sum = sums.get(key) ?? { caller: e.caller, callee: e.callee, calls: 0, errors: 0, ms: 0 };
    sum.calls += e.calls;
    sum.errors += e.calls * e.errorRatio;
    sum.ms += e.calls * e.durationMs;
    sums.set(key, sum);
  }
  return [...sums.values()].map(({ caller, callee, calls, errors, ms }) => ({
    caller,
    callee,
    calls,
    errorRatio: calls > 0 ? errors / calls : 0,
    durationMs: calls > 0 ? ms / calls : 0,
  }));
}

/** The case up to a moment: what came later belongs to another story. */
export function until(view: CaseView, endMs: number): CaseView {
  const length = samplesBefore(view, endMs);
  if (length === view.length) return view;
  return {
    ...view,
    length,
    series: view.series.map((s) => ({ ...s, values: s.values.subarray(0, length) })),
    logs: view.logs.filter((l) => l.startMs < endMs),
    changes: view.changes.filter((c) => c.timeMs < endMs),
  };
}

/** Start of a window; goes on beyond both ends of the case in even steps. */
export function timeAt({ startMs, stepMs, length, timesMs }: CaseView, index: number): number {
  if (!timesMs || length === 0) return startMs + index * stepMs;
  if (index < 0) return (timesMs[0] as number) + index * stepMs;
  if (index >= length) return (timesMs[length - 1] as number) + (index - length + 1) * stepMs;
  return timesMs[index] as number;
}
/** The window a moment falls in; may lie outside the case. */
export const indexAt = (view: CaseView, timeMs: number): number =>
  view.timesMs ? samplesBefore(view, timeMs + 1) - 1 : Math.floor((timeMs - view.startMs) / view.stepMs);

/** Number of windows that begin before a moment: the index of the first one that a fault of that moment fills. */
export function samplesBefore(view: CaseView, timeMs: number): number {
  let [low, high] = [0, view.length];
  while (low < high) {
    const at = (low + high) >> 1;
    if (timeAt(view, at) < timeMs) low = at + 1;
    else high = at;
  }
  return low;
}

/** The series of an entity by metric name, first in canonical order; edge series need their peer. */
export function findSeries(
  view: CaseView,
  entity: string,
  metric: string,
  peer: string | null = null,
): number | undefined {
  return indexes(view).get(`${entity}\u0000${metric}\u0000${peer ?? ""}`);
}

const INDEXES = new WeakMap<CaseView, Map<string, number>>();
function indexes(view: CaseView): Map<string, number> {
  const known = INDEXES.get(view);
  if (known) return known;
  const index = new Map<string, number>();
  for (const [i, s] of view.series.entries()) {
    const key = `${s.entity}\u0000${s.metric}\u0000${s.peer ?? ""}`;
    if (!index.has(key)) index.set(key, i);
  }
  INDEXES.set(view, index);
  return index;
}
