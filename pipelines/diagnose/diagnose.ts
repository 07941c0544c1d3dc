/** From a case to a diagnosis: who is to blame, since when, how sure, and what speaks for and against. */
import { formatTime, list } from "../core/format.ts";
import type { Diagnosis, EvidenceChart, Suspect } from "../core/records.ts";
import { type Analysis, analyse } from "./analyse.ts";
import { type CaseView, samplesBefore, timeAt, until } from "./case-view.ts";
import { LEAST_BASELINE, LEAST_CONFIDENCE, LEAST_SCORE, LEAST_STRENGTH } from "./confidence.ts";
import { round } from "./fuse.ts";
import { headline } from "./headline.ts";
import { pathTo, waysTo } from "./paths.ts";
import type { Ranker } from "./rankers/index.ts";
import { shiftsAt } from "./shift.ts";
import { type Signature, signatureOf } from "./signature.ts";

export interface DiagnoseOptions {
  readonly rankers?: readonly Ranker[];
  /** Suspects given, default 10. */
  readonly maxSuspects?: number;
}

const CHARTS = 6;
const CHART_BEFORE = 40;
const CHART_AFTER = 40;
const LOGS = 20;
const CHANGES = 20;
const EDGES = 200;
/** The case is cut here after the last thing that began. */
const AFTER_WINDOWS = 60;
const SHORT_HISTORY = 20;
/** Belief in an onset from which it belongs to the range given. */
const PLAUSIBLE = 0.1;
const SYMPTOMS: ReadonlySet<string> = new Set(["latency", "errors", "silence"]);

/** Pure and deterministic. O(series x windows log windows + onsets x (series x windows + spans + lines)). */
export function diagnose(input: CaseView, options: DiagnoseOptions = {}): Diagnosis {
  return diagnoseAndSign(input, options).diagnosis;
}

/** The same, and what the fault looks like around the first suspect. */
export function diagnoseAndSign(
  input: CaseView,
  { rankers, maxSuspects = 10 }: DiagnoseOptions = {},
): { diagnosis: Diagnosis; signature: Signature | undefined } {
  const starts = [...input.anomalies.map((a) => a.startMs), ...input.onsetHintsMs];
  const cut = starts.length === 0 ? input : until(input, Math.max(...starts) + AFTER_WINDOWS * input.stepMs);
  const analysis = analyse(cut, { rankers });
  const diagnosis = explain(analysis, { maxSuspects, starts });
  const first = diagnosis.suspects[0]?.name;
  return { diagnosis, signature: first === undefined ? undefined : signatureOf(analysis, first) };
}

/** An analysis in words, charts and paths. */
export function explain(
  { view, onsets, strength, entities }: Analysis,
  { maxSuspects = 10, starts = [] }: { maxSuspects?: number; starts?: readonly number[] } = {},
): Diagnosis {
  const best = onsets[0];
  const missing = missingFrom(view, best?.index ?? 0);
  if (!best) return nothing(view, starts, missing);
  const onsetMs = timeAt(view, best.index);
  const plausible = onsets.filter((o) => o.weight >= PLAUSIBLE).map((o) => o.index);
  const onsetRangeMs = [
    timeAt(view, Math.min(...plausible, best.index) - 1),
    timeAt(view, Math.max(...plausible, best.index) + 1),
  ] as const;
  const symptomatic = symptoms(view, best.index);
  const suspects: Suspect[] = entities
    .filter((e) => e.score > 0)
    .slice(0, maxSuspects)
    .map(({ name, kind, score, confidence, for: pro, against }) => ({
      name,
      kind,
      score: round(score),
      confidence: round(confidence),
      for: pro,
      against,
      path: pathTo(name, symptomatic, view.edges),
    }));
  const first = suspects[0];
  const noBaseline = !recordedBefore(view);
  if (noBaseline) missing.push("no baseline: next to nothing was recorded before it began");
  // Where anomalies, spans or lines speak, the strength of the metrics alone decides nothing.
  const quiet = view.anomalies.length === 0 && !view.spans && !view.lines && strength < LEAST_STRENGTH;
  if (quiet) missing.push("no clear change: nothing stands out from what the metrics do anyway");
  if (entities.length === 1) missing.push("only one service: nobody to compare it with");
  const inconclusive =
    !first || quiet || noBaseline || first.confidence < LEAST_CONFIDENCE || first.score < LEAST_SCORE;
  const affected = first
    ? [...waysTo(first.name, view.edges).keys()].filter((e) => e !== first.name && symptomatic.has(e)).sort()
    : [];
  const unsure = suspects.slice(0, 3).map((s) => s.name);
  return {
    onsetMs,
    onsetRangeMs,
    confidence: first?.confidence ?? 0,
    inconclusive,
    headline:
      first && !inconclusive
        ? headline(view, { suspect: first, onset: best.index, onsetMs, affected })
        : `something has been wrong since ${formatTime(onsetMs)}, but the cause is not clear${
            unsure.length > 0 ? `: ${list(unsure)} ${unsure.length > 1 ? "are" : "is"} suspected` : ""
          }`,
    suspects,
    charts: first ? charts(view, best.index, suspects) : [],
    edges: [...view.edges]
      .sort((a, b) => b.calls - a.calls)
      .slice(0, EDGES)
      .map((e) => ({ ...e, errorRatio: round(e.errorRatio), durationMs: round(e.durationMs) })),
    logs: telling(view, onsetMs),
    changes: view.changes.slice(-CHANGES),
    missing,
  };
}

/** False when an onset is given before which neither samples nor events were recorded. */
function recordedBefore(view: CaseView): boolean {
  const { givenOnsetMs = null, spans, lines } = view;
  if (givenOnsetMs === null || samplesBefore(view, givenOnsetMs) >= LEAST_BASELINE) return true;
  return [spans?.startMs, lines?.timeMs].some((times) => times?.some((t) => t < givenOnsetMs));
}

/** Entities that users could complain about: open anomalies, or else a clear shift of a symptom. */
function symptoms(view: CaseView, onset: number): Set<string> {
  const out = new Set<string>();
  for (const a of view.anomalies)
    if (SYMPTOMS.has(a.family) && a.direction === "up" && a.entityKind !== "host") out.add(a.entity);
  if (out.size > 0) return out;
  const shifts = shiftsAt(view, onset);
  for (const [i, s] of view.series.entries()) {
    const shift = shifts.get(i);
    if (SYMPTOMS.has(s.family) && shift.score >= 3 && shift.after > shift.before) out.add(s.entity);
  }
  return out;
}

/** Series named by the evidence first, then the loudest ones along the path; at most six. */
function charts(view: CaseView, onset: number, suspects: readonly Suspect[]): EvidenceChart[] {
  const shifts = shiftsAt(view, onset);
  const first = suspects[0] as Suspect;
  const named = first.for.flatMap((e) => (e.series === undefined ? [] : [e.series]));
  const index = new Map(view.series.map((s, i) => [`${s.entity}/${s.name}`, i]));
  const onPath = new Set(first.path);
  const loud = view.series
    .map((s, i) => ({ i, score: onPath.has(s.entity) ? (shifts.score[i] as number) : 0 }))
    .filter((x) => x.score >= 2)
    .sort((a, b) => b.score - a.score || a.i - b.i)
    .map((x) => x.i);
  const chosen = [...new Set([...named.flatMap((n) => index.get(n) ?? []).slice(0, 4), ...loud])].slice(0, CHARTS);
  const from = Math.max(0, onset - CHART_BEFORE);
  const to = Math.min(view.length, onset + CHART_AFTER);
  return chosen.map((i) => {
    const s = view.series[i]!;
    const { before, scale } = shifts.get(i);
    const expected = Number.isFinite(before) ? before : 0;
    return {
      entity: s.entity,
      series: s.name,
      unit: s.unit,
      startMs: timeAt(view, from),
      stepMs: view.stepMs,
      values: Array.from(s.values.subarray(from, to), (v) => (Number.isFinite(v) ? v : null)),
      band: { expected, low: expected - 3 * scale, high: expected + 3 * scale },
      onsetMs: timeAt(view, onset),
    };
  });
}

/** Worst and newest lines from the onset on, one a template. */
function telling(view: CaseView, onsetMs: number) {
  const seen = new Set<string>();
  return view.logs
    .filter((l) => l.endMs > onsetMs)
    .sort(
      (a, b) =>
        b.severity - a.severity || Number(b.isNew) - Number(a.isNew) || b.count - a.count || a.startMs - b.startMs,
    )
    .filter((l) => {
      const key = `${l.entity}\u0000${l.template}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    })
    .slice(0, LOGS);
}

function missingFrom(view: CaseView, onset: number): string[] {
  const out: string[] = [];
  if (view.length === 0) return ["no windows: nothing was recorded"];
  const has = (test: (metric: string) => boolean) => view.series.some((s) => test(s.metric));
  if (view.edges.length === 0) out.push("no traces: who calls whom is not known");
  if (view.logs.length === 0 && !view.lines && !has((m) => m.startsWith("logs."))) out.push("no logs");
  if (!has((m) => !/^(spans|logs|telemetry)\./.test(m))) out.push("no metrics");
  if (onset < SHORT_HISTORY) out.push(`short history: ${onset} windows before it began`);
  if (view.length - onset < 3) out.push(`only ${view.length - onset} windows since it began`);
  return out;
}

function nothing(view: CaseView, starts: readonly number[], missing: readonly string[]): Diagnosis {
  const onsetMs = starts.length > 0 ? Math.min(...starts) : view.startMs;
  return {
    onsetMs,
    onsetRangeMs: [onsetMs, onsetMs],
    confidence: 0,
    inconclusive: true,
    headline: "nothing was recorded that could explain it",
    suspects: [],
    charts: [],
    edges: [],
    logs: [],
    changes: [],
    missing,
  };
}
