/** A folder's files as the view that a diagnosis reads; the stream makes the same view from its history. */
import { familyOf } from "../../core/metric-family.ts";
import type { CallEdge } from "../../core/records.ts";
import type { CaseEntity, CaseSeries, CaseView } from "../../diagnose/case-view.ts";
import { edgesOf } from "../../diagnose/span-stats.ts";
import type { CaseFolder } from "../../ingest/case/case-folder.ts";
import { grownBy } from "./counters.ts";

/** A column `<service>_<metric>` is split at the first underscore. */
function named(column: string): { entity: string; metric: string } {
  const at = column.indexOf("_");
  return at <= 0 ? { entity: column, metric: "" } : { entity: column.slice(0, at), metric: column.slice(at + 1) };
}

/** The column that a series came from. */
export const columnOf = ({ entity, metric }: CaseSeries): string => (metric === "" ? entity : `${entity}_${metric}`);

/** Entities are those of metrics, traces and logs; a topology may know more. */
export function caseViewOf(folder: CaseFolder): CaseView {
  const { metrics, spans, lines } = folder;
  const series: CaseSeries[] = metrics.columns.map(({ name, values }) => {
    const { entity, metric } = named(name);
    return {
      entity,
      name: metric === "" ? name : metric,
      metric,
      unit: "",
      family: familyOf(metric),
      peer: null,
      values: grownBy(metric, values, metrics.timesMs),
    };
  });
  const names = new Set([
    ...series.map((s) => s.entity),
    ...(spans?.owners ?? []),
    ...(lines?.templates ?? []).map((t) => t.entity),
  ]);
  const entities: CaseEntity[] = [...names].map((name) => ({
    name,
    kind: /-slo$/i.test(name) ? "objective" : "service",
  }));
  const told: CallEdge[] = folder.edges.map(([caller, callee]) => ({
    caller,
    callee,
    calls: 0,
    errorRatio: 0,
    durationMs: 0,
  }));
  const { timesMs } = metrics;
  return {
    startMs: timesMs[0] ?? spans?.startMs[0] ?? lines?.timeMs[0] ?? 0,
    stepMs: stepOf(timesMs),
    length: timesMs.length,
    timesMs,
    entities,
    series,
    edges: told.length === 0 && spans ? edgesOf(spans) : told,
    logs: [],
    changes: [],
    anomalies: [],
    onsetHintsMs: [],
    givenOnsetMs: folder.onsetMs,
    spans,
    lines,
  };
}

/** Median distance of samples, ms. */
function stepOf(timesMs: Float64Array): number {
  const steps = timesMs.slice(1).map((t, i) => t - (timesMs[i] as number));
  return steps.sort()[steps.length >> 1] ?? 1;
}
