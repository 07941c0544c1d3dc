/** One opinion of a model against the model's own past, by the rules that the statistical banks follow. */
import type { LiveOpinion } from "../../../models/learned/live-model.ts";
import { clampValue } from "../../../models/statistical/scale.ts";
import { tailBank } from "../../../models/statistical/tail.ts";
import type { WindowBatch } from "../../core/batches.ts";
import type { Anomaly } from "../../core/records.ts";
import type { Tables } from "../../core/tables.ts";
import { type DetectOptions, GUARD_EVIDENCE, GUARD_P, LEAST_GAIN, MEMORY, WINDOW_CAP } from "../detector.ts";
import { newAnomaly } from "../new-anomaly.ts";
import { FIRST_ODD, frozen, learnable, thawed } from "../patience.ts";
import { type EntityRun, tellOpened, WARM_WINDOWS } from "./entity-run.ts";
import { learnLevels } from "./levels.ts";

export type JudgeOptions = Pick<DetectOptions, "openEvidence" | "closeEvidence" | "freezeWindows">;

/** Below this a window is told as odd. */
const ODD_P = 1e-3;
const LEAST_P = 1e-30;
/** What the last rows together show is at most so many times what the last one shows, in decimal orders. */
const MOST_OVER_LAST = 3;
/** A tail probability that fell to a hundredth is told again. */
const TELL_AGAIN = 100;

/**
 * Two views are calibrated, each to the entity's own tail: the last row (how far the furthest column is from what the
 * model expected of it, or else its energy), and the energy of the last rows. p is their harmonic mean. What is odd is
 * learned only as `patience.ts` says. Means remember a fault long after it has ended: they only count as far as
 * the last row is odd too.
 */
export function judge(model: string, tables: Tables, options: JudgeOptions) {
  const tails = [tailBank(), tailBank()] as const;
  const slot = new Uint32Array(1);
  const one = () => new Float64Array(1);
  const raws = [one(), one()] as const;
  const ps = [one(), one()] as const;

  /** Whether any column is further from its level than anybody cares about. */
  const matters = ({ level, floors }: EntityRun, row: Float64Array): boolean => {
    for (let d = 0; d < row.length; d++)
      if (!(Math.abs(row[d]! - level[d]!) < floors[d]!) && Number.isFinite(row[d]!)) return true;
    return false;
  };
  const furthest = ({ level, spread, floors }: EntityRun, row: Float64Array): number => {
    let [best, most] = [-1, -1];
    for (let d = 0; d < row.length; d++) {
      const off = Math.abs(row[d]! - level[d]!) / Math.max(spread[d]!, floors[d]!, Number.MIN_VALUE);
      if (Number.isFinite(row[d]!) && !(off <= most)) [best, most] = [d, Number.isNaN(off) ? most : off];
    }
    return best;
  };

  const record = (run: EntityRun, w: WindowBatch, row: Float64Array, said: LiveOpinion, p: number): Anomaly => {
    if (said.column < 0) run.model.explain(said);
    const named = said.column >= 0 && Number.isFinite(row[said.column]!) && run.series[said.column]! >= 0;
    const d = named ? said.column : Math.max(0, furthest(run, row));
    const own = named && Number.isFinite(said.expected) && Number.isFinite(said.scale);
    return newAnomaly(tables, {
      seriesId: run.series[d]!,
      about: `model:${model}`,
      startMs: run.course.sinceMs || w.startMs,
      detectedMs: w.endMs,
      p,
      evidence: Math.max(run.course.evidence, run.open?.anomaly.evidence ?? 0),
      value: clampValue(row[d]!),
      expected: clampValue(own ? said.expected : run.level[d]!),
      width: 3 * Math.max(own ? said.scale : run.spread[d]!, run.floors[d]!),
      detectors: { [`model:${model}`]: 1 },
      when: { timeMs: w.startMs, period: own ? said.period : 0, stepMs: w.endMs - w.startMs },
    });
  };

  const close = (run: EntityRun, endMs: number): Anomaly | undefined => {
    const last = run.open;
    run.open = undefined;
    run.course.sinceMs = 0;
    return last && { ...last.anomaly, endMs };
  };

  return {
    resize(slots: number): void {
      for (const tail of tails) tail.resize(slots);
    },
    saveTails: (at: number) => tails.flatMap((tail) => Array.from(tail.saveBlock(at, at + 1))),
    loadTails(at: number, state: readonly number[]): void {
      const each = state.length / tails.length;
      tails.forEach((tail, k) => {
        tail.loadBlock(at, at + 1, Float64Array.from(state.slice(k * each, (k + 1) * each)));
      });
    },
    close,
    /** No value or no opinion: evidence fades, as a gap is no proof of anything. */
    fade(run: EntityRun, w: WindowBatch, out: Anomaly[]): void {
      const { course } = run;
      if (course.evidence === 0 && !run.open) return;
      course.evidence = course.evidence < 1e-9 ? 0 : course.evidence * MEMORY;
      run.dirty = true;
      if (run.open && course.evidence < options.closeEvidence) out.push(close(run, w.endMs)!);
    },
    /** Adds what it leads to: opened, strengthened and closed anomalies. */
    step(run: EntityRun, w: WindowBatch, row: Float64Array, said: LiveOpinion, out: Anomaly[]): void {
      const { course, tally } = run;
      slot[0] = run.slot;
      const column = said.column;
      const off =
        column >= 0 && Number.isFinite(said.expected) && Number.isFinite(row[column]!)
          ? Math.abs(row[column]! - said.expected) / Math.max(said.scale, run.floors[column]!)
          : Number.NaN;
      raws[0][0] = Math.min(Number.isNaN(off) ? said.instant : off, 1e6);
      raws[1][0] = Math.min(said.energy, 1e6);
      let [inverse, opinions] = [0, 0];
      tails.forEach((tail, k) => {
        tail.score(slot, raws[k]!, ps[k]!);
        if (Number.isNaN(ps[k]![0]!)) return;
        inverse += 1 / Math.max(ps[k]![0]!, LEAST_P);
        opinions++;
      });
      const warm = course.learned >= WARM_WINDOWS;
      const p = opinions > 0 && matters(run, row) ? Math.max(LEAST_P, Math.min(1, opinions / inverse)) : 1;
      const last = ps[0]![0]!;
      const orders = Math.min(-Math.log10(p), Number.isNaN(last) ? 30 : -MOST_OVER_LAST * Math.log10(last)) || 0;
      const odd =
        warm && (p < GUARD_P || course.evidence * MEMORY + orders >= GUARD_EVIDENCE || run.open !== undefined);
      const { freezeWindows } = options;
      course.frozen = odd ? frozen(course.frozen, freezeWindows) : thawed(course.frozen);
      if (!odd || learnable(course.frozen, freezeWindows, course.sinceMs, orders, w)) {
        tails.forEach((tail, k) => {
          tail.learn(slot, raws[k]!);
        });
        learnLevels(run.level, run.spread, row, course.learned);
        course.learned++;
      }
      run.odd = warm && p < ODD_P;
      if (!warm) return;
      tally.scored++;
      tally.orders += orders;
      if (run.odd) tally.odd++;
      if (p < tally.leastP) tally.leastP = p;
      const evidence = course.evidence * MEMORY + (orders > LEAST_GAIN ? Math.min(orders, WINDOW_CAP) : 0);
      course.evidence = evidence < 1e-9 ? 0 : evidence;
      if (orders > FIRST_ODD && course.sinceMs === 0) course.sinceMs = w.startMs;
      if (!run.open) {
        if (evidence >= options.openEvidence) {
          const anomaly = record(run, w, row, said, p);
          run.open = { anomaly, emittedP: p };
          tellOpened(run, anomaly);
          out.push(anomaly);
        } else if (evidence < 1) course.sinceMs = 0;
        return;
      }
      if (p < run.open.anomaly.p) {
        const { id, startMs, detectedMs } = run.open.anomaly;
        run.open.anomaly = { ...record(run, w, row, said, p), id, startMs, detectedMs };
        if (p < run.open.emittedP / TELL_AGAIN) {
          run.open.emittedP = p;
          out.push(run.open.anomaly);
        }
      }
      if (evidence < options.closeEvidence) out.push(close(run, w.endMs)!);
    },
  };
}
export type Judge = ReturnType<typeof judge>;
