/** An entity that stops talking has crashed or hangs; the errors of its callers confirm it. */
import type { Evidence } from "../../core/records.ts";
import { type CaseSeries, type CaseView, findSeries } from "../case-view.ts";
import { NO_SHIFT, shiftsAt } from "../shift.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "silence";
const AGE = "telemetry.age";
/** Score of an entity that is certainly silent. */
const FULL = 3;
const BY_CALLERS = 1;
/** A series that was seen in this share of the windows before the onset is expected after it. */
const REGULAR = 0.7;
const LOOK_BACK = 30;

/** Series the entity sends by itself; those made from its spans and logs stop when its callers do. */
const ownSeries = (s: CaseSeries): boolean => !/^(spans|logs|http|rpc|telemetry|process\.paused)\b/.test(s.metric);

export const silence: Ranker = {
  name: NAME,
  clock: "windows",
  rank(view, { index: onset }) {
    const shifts = shiftsAt(view, onset);
    const byEntity = new Map<string, number[]>();
    for (const [i, s] of view.series.entries()) {
      const list = byEntity.get(s.entity);
      if (list) list.push(i);
      else byEntity.set(s.entity, [i]);
    }
    const results: RankerResult[] = [];
    for (const { name } of view.entities) {
      const evidence: Evidence[] = [];
      const age = findSeries(view, name, AGE);
      const aged = age === undefined ? 0 : agedBy(view, age, onset);
      if (age !== undefined && aged > 0) {
        const text = `has sent nothing for ${Math.round(longest(view.series[age]!.values, onset))} s`;
        evidence.push({ ranker: NAME, score: FULL * aged, text, series: `${name}/${AGE}` });
      }
      const gone = vanished(view, byEntity.get(name) ?? [], onset);
      if (gone.share >= 0.5 && evidence.length === 0) {
        const text = `${gone.count} of its series have stopped`;
        evidence.push({ ranker: NAME, score: FULL * 0.8 * gone.share, text });
      }
      const paused = findSeries(view, name, "process.paused");
      if (paused !== undefined && (shifts.score[paused] as number) >= 3) {
        const text = "its process was stopped for a while";
        evidence.push({ ranker: NAME, score: FULL * 0.5, text, series: `${name}/process.paused` });
      }
      if (evidence.length > 0) {
        const failing = view.edges.filter(
          (e) => e.callee === name && e.caller !== name && callFails(view, e.caller, name, onset),
        );
        if (failing.length > 0)
          evidence.push({
            ranker: NAME,
            score: BY_CALLERS,
            text: `calls to it fail or hang at ${failing.map((e) => e.caller).join(" and ")}`,
            series: `${failing[0]!.caller}/spans.client.error_ratio{peer=${name}}`,
          });
      }
      results.push({ entity: name, score: evidence.reduce((sum, e) => sum + e.score, 0), for: evidence, against: [] });
    }
    return spoken(results);
  },
};

const longest = (values: Float64Array, onset: number): number => {
  let most = 0;
  for (let i = onset; i < values.length; i++) if ((values[i] as number) > most) most = values[i] as number;
  return most;
};

/** In [0, 1]: how far its silence after the onset exceeds the longest one before, in windows. */
function agedBy(view: CaseView, index: number, onset: number): number {
  const { values } = view.series[index]!;
  let before = 0;
  for (let i = 0; i < Math.min(onset, values.length); i++)
    if ((values[i] as number) > before) before = values[i] as number;
  const stepS = view.stepMs / 1000;
  const after = longest(values, onset);
  if (after < 1.5 * before + 0.5 * stepS) return 0;
  return Math.min(1, (after - before) / (3 * stepS));
}

function vanished(view: CaseView, series: readonly number[], onset: number): { share: number; count: number } {
  if (view.length - onset < 2) return { share: 0, count: 0 };
  let [regular, gone] = [0, 0];
  for (const i of series) {
    const s = view.series[i]!;
    if (!ownSeries(s)) continue;
    const from = Math.max(0, onset - LOOK_BACK);
    let seen = 0;
    for (let k = from; k < onset; k++) if (Number.isFinite(s.values[k])) seen += 1;
    if (onset - from < 4 || seen < REGULAR * (onset - from)) continue;
    regular += 1;
    // The window of the fault itself may be half full.
    let after = 0;
    for (let k = onset + 1; k < view.length; k++) if (Number.isFinite(s.values[k])) after += 1;
    if (after <= 0.3 * (view.length - onset - 1)) gone += 1;
  }
  return regular >= 2 ? { share: gone / regular, count: gone } : { share: 0, count: 0 };
}

function callFails(view: CaseView, caller: string, callee: string, onset: number): boolean {
  return ["spans.client.error_ratio", "spans.client.duration"].some((metric) => {
    const i = findSeries(view, caller, metric, callee);
    const s = i === undefined ? NO_SHIFT : shiftsAt(view, onset).get(i);
    return s.score >= 2 && s.after > s.before;
  });
}
