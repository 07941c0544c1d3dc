/** The ranking behind a diagnosis: entities and series, with the onset unknown, or given and half believed. */
import type { Evidence } from "../core/records.ts";
import { type CaseView, caseView } from "./case-view.ts";
import { beliefs } from "./confidence.ts";
import { eventOnsets } from "./event-onsets.ts";
import { FAMILY_WEIGHT } from "./family-weight.ts";
import { fuse, type Opinion } from "./fuse.ts";
import { candidateOnsets, givenOnset, type Onset } from "./onset.ts";
import { RANKERS, type Ranker } from "./rankers/index.ts";
import { allShifts } from "./shift.ts";

export interface Ranked extends Opinion {
  readonly confidence: number;
}
export interface RankedSeries {
  /** Index in the view's series. */
  readonly series: number;
  readonly score: number;
}

export interface Analysis {
  /** In canonical order: what the indexes refer to. */
  readonly view: CaseView;
  /** Best first; empty when nothing was recorded on the grid. */
  readonly onsets: readonly Onset[];
  /** See `OnsetSearch`. */
  readonly strength: number;
  /** All entities, best first. */
  readonly entities: readonly Ranked[];
  /** All series, best first. */
  readonly series: readonly RankedSeries[];
}

/** An onset that somebody gives is often late: alone it loses half the accuracy at two samples off, blended nearly none. */
const GIVEN_SHARE = 0.5;
/** A series counts by its own shift, and much more by whose it is. */
const OWNER = 2.5;
const OWN_GAP = 0.5;
/** Among the series of one owner, those that move with everybody's work come later. */
const PRIOR = 0.5;
/** A slow or failing service whose CPU moved as much: the CPU is the cause, the slowness its effect. */
const EXPLAINED = 0.75;
const EVIDENCE_EACH = 8;

export function analyse(input: CaseView, { rankers = RANKERS }: { rankers?: readonly Ranker[] } = {}): Analysis {
  const view = caseView(input);
  const { onsets, strength } = candidateOnsets(view);
  const searched = fuse(view, rankers, { windows: onsets, events: eventOnsets(view) });
  const searchedSeries = rankSeries(view, onsets, searched);
  const given = view.givenOnsetMs ?? null;
  if (given === null) return finish(view, onsets, strength, searched, searchedSeries, false);
  const onset = givenOnset(view, given);
  const windows = view.length > 0 ? [onset] : [];
  const told = fuse(view, rankers, { windows, events: view.spans || view.lines ? [onset] : [] });
  const opinions = told.map((o, i) => blend(o, searched[i] as Opinion));
  const toldSeries = rankSeries(view, windows, told);
  const series = searchedSeries.map((s, i) => s + GIVEN_SHARE * ((toldSeries[i] as number) - s));
  return finish(view, [onset, ...onsets.filter((o) => o.index !== onset.index)], strength, opinions, series, true);
}

function blend(told: Opinion, searched: Opinion): Opinion {
  const parts: Record<string, number> = {};
  for (const [o, share] of [
    [told, GIVEN_SHARE],
    [searched, 1 - GIVEN_SHARE],
  ] as const)
    for (const [ranker, v] of Object.entries(o.parts)) parts[ranker] = (parts[ranker] ?? 0) + share * v;
  return { ...told, parts, score: GIVEN_SHARE * told.score + (1 - GIVEN_SHARE) * searched.score };
}

/** Score of each series, in the view's order. */
function rankSeries(view: CaseView, onsets: readonly Onset[], opinions: readonly Opinion[]): Float64Array {
  const shifts = new Float64Array(view.series.length);
  for (const [c, table] of allShifts(
    view,
    onsets.map((o) => o.index),
  ).entries())
    for (let k = 0; k < shifts.length; k++)
      shifts[k] = (shifts[k] as number) + (onsets[c] as Onset).weight * (table.score[k] as number);
  const byName = new Map(opinions.map((o) => [o.name, o]));
  const cpu = new Map<string, number>();
  for (const [k, s] of view.series.entries())
    if (s.family === "cpu") cpu.set(s.entity, Math.max(cpu.get(s.entity) ?? 0, shifts[k] as number));
  return shifts.map((v, k) => {
    const s = view.series[k]!;
    const owner = byName.get(s.entity);
    const gap = s.family === "latency" ? (owner?.parts["edge-gap"] ?? 0) : 0;
    const weight = FAMILY_WEIGHT[s.family];
    const felt = s.family === "latency" || s.family === "errors";
    const explained = felt ? Math.min(1, (cpu.get(s.entity) ?? 0) / Math.max(v, 1e-9)) : 0;
    const own = Math.log1p(v * weight) + PRIOR * Math.log(weight + 0.01) - EXPLAINED * explained;
    return own + OWNER * (owner?.score ?? 0) + OWN_GAP * gap;
  });
}

function finish(
  view: CaseView,
  onsets: readonly Onset[],
  strength: number,
  opinions: readonly Opinion[],
  series: Float64Array,
  given: boolean,
): Analysis {
  const sorted = (list: readonly Evidence[], sign: 1 | -1) =>
    [...list].sort((a, b) => sign * (b.score - a.score) || (a.text < b.text ? -1 : 1)).slice(0, EVIDENCE_EACH);
  const entities = [...opinions].sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
  const shares = beliefs(
    entities.map((e) => e.score),
    { given },
  );
  return {
    view,
    onsets,
    strength,
    entities: entities.map((e, i) => ({
      ...e,
      for: sorted(e.for, 1),
      against: sorted(e.against, -1),
      confidence: shares[i] as number,
    })),
    series: Array.from(series, (score, i) => ({ series: i, score })).sort(
      (a, b) => b.score - a.score || a.series - b.series,
    ),
  };
}
