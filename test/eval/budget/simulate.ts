/** Windows without faults through the real detector and correlator, as `run` assembles them; only the diagnosis is left out. */

import type { WindowBatch } from "../../../pipelines/core/batches.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { Tables } from "../../../pipelines/core/tables.ts";
import { correlator } from "../../../pipelines/correlate/correlator.ts";
import { detector } from "../../../pipelines/detect/detector.ts";
import { stageOptions } from "../../../pipelines/run/assemble.ts";

const WEEK_MS = 7 * 86_400_000;

export interface NullRun {
  readonly name: string;
  readonly series: number;
  readonly windowMs: number;
  readonly budget: number;
  readonly weeks: number;
  /** Incidents in the judged weeks, and in those before, in which the rates are learned. */
  readonly found: number;
  readonly learning: number;
  /** In the judged weeks. */
  readonly anomalies: number;
  readonly expected: number;
  readonly ratio: number;
  /** 95 % interval of the ratio, from the Poisson count. */
  readonly interval: readonly [number, number];
  readonly seconds: number;
}

export interface NullCase {
  readonly name: string;
  readonly budget: number;
  readonly windowMs: number;
  readonly learnWeeks: number;
  readonly weeks: number;
  readonly banks?: readonly string[] | undefined;
  /** Interns the series, and gives the windows; fewer than asked for end the run. */
  readonly source: (tables: Tables) => { series: number; window: (i: number) => WindowBatch | undefined };
}

/** Options of the stages as `run` has them. `banks`: by default those that are. */
export const optionsOf = (budget: number, windowMs: number, banks?: readonly string[]) =>
  stageOptions(
    parseConfig(
      JSON.stringify({
        system: "eval",
        falseIncidentsPerWeek: budget,
        windows: { window: windowMs },
        ...(banks ? { detect: { banks } } : {}),
      }),
    ),
  );

export function simulate({ name, budget, windowMs, learnWeeks, weeks, source, banks }: NullCase): NullRun {
  const started = process.cpuUsage();
  const options = optionsOf(budget, windowMs, banks);
  const tables = new Tables({ entities: 1e6, series: 1e6, seriesPerEntity: 1e6 });
  const { series, window } = source(tables);
  const detect = detector(tables, options.detect);
  const correlate = correlator(options.correlate);
  let [found, learning, anomalies] = [0, 0, 0];
  let judgedMs = 0;
  const windows = Math.round(((learnWeeks + weeks) * WEEK_MS) / windowMs);
  for (let i = 0; i < windows; i++) {
    const w = window(i);
    if (!w) break;
    correlate.onWindow(w.length);
    const judged = i * windowMs >= learnWeeks * WEEK_MS;
    if (judged) judgedMs += windowMs;
    for (const a of detect.process(w)) {
      if (judged && a.detectedMs === w.endMs) anomalies += 1;
      correlate.onAnomaly(a);
    }
    for (const e of correlate.advance(w.endMs))
      if (e.kind === "opened") {
        if (judged) found += 1;
        else learning += 1;
      }
  }
  const expected = (budget * judgedMs) / WEEK_MS;
  const { user, system } = process.cpuUsage(started);
  return {
    name,
    series,
    windowMs,
    budget,
    weeks: judgedMs / WEEK_MS,
    found,
    learning,
    anomalies,
    expected,
    ratio: found / expected,
    interval: intervalOf(found, expected),
    seconds: (user + system) / 1e6,
  };
}

/** 95 % interval of found over expected. */
export const intervalOf = (found: number, expected: number): readonly [number, number] => [
  poisson(found, -1) / expected,
  poisson(found, 1) / expected,
];

/** Bounds of a Poisson mean at 95 %, by Byar's approximation. */
function poisson(n: number, side: -1 | 1): number {
  const k = side < 0 ? n : n + 1;
  return k === 0 ? 0 : k * (1 - 1 / (9 * k) + (side * 1.96) / (3 * Math.sqrt(k))) ** 3;
}
