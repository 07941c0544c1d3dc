/**
 * `npm run eval -- alarms [--json]`: the alarm at a fixed threshold, category by category of NAB, and on generated series.
 * Twice: with the defaults, and with threshold and habituation chosen for each category on the others and on generated series
 * (seeds of their own): what a user may expect of series like none of those that the design was chosen on.
 */
import { parseArgs } from "node:util";
import { generate } from "../../../data/series/generate.ts";
import { STYLES, type StyleName } from "../../../data/series/styles.ts";
import type { AlarmOptions } from "../../../models/stream/alarm.ts";
import { univariateScorer } from "../../../models/stream/univariate.ts";
import { type NabFile, nabScore } from "../../../pipelines/learn/measures/nab.ts";
import { dataDir, hasData, nabSeries } from "./data.ts";

interface Case {
  readonly category: string;
  readonly timesMs: Float64Array;
  readonly values: Float64Array;
  readonly windows: readonly (readonly [number, number])[];
}

const THRESHOLDS = [0.9, 1, 1.1, 1.2, 1.3, 1.4];
const HABITS = [0.15, 0.2, 0.25, 0.3];
const { values } = parseArgs({ options: { json: { type: "boolean" } } });
if (!hasData()) {
  process.stderr.write(`no development data in ${dataDir()}; set FAULTWRIGHT_DATA\n`);
  process.exit(1);
}

function alarmsOf({ timesMs, values: series, windows }: Case, options: AlarmOptions): NabFile {
  const bank = univariateScorer(options);
  bank.resize(1);
  const out = { score: new Float64Array(series.length), alarm: new Float64Array(series.length) };
  bank.observe(new Uint32Array(series.length), timesMs, series, out);
  return { score: out.alarm, windows };
}

const nab: Case[] = nabSeries().map((s) => ({
  category: s.category,
  timesMs: Float64Array.from(s.timestamps, (t) => Date.parse(`${t.replace(" ", "T")}Z`)),
  values: s.values,
  windows: s.windows,
}));
const generated = (seed: number): Case[] =>
  (Object.keys(STYLES) as StyleName[]).flatMap((style, k) =>
    [1, 2, 3].map((faults) => ({ category: style, ...generate({ seed: seed + 100 * k + faults, style, faults }) })),
  );
const [chosenOn, fresh] = [generated(1), generated(500_000)];
const categories = [...new Set(nab.map((c) => c.category))];
const median = (xs: readonly number[]) => xs.slice().sort((a, b) => a - b)[xs.length >> 1] ?? Number.NaN;
const row = (name: string, files: readonly NabFile[], note = "") => {
  const r = nabScore(files, 0.5);
  return {
    name,
    standard: r.score,
    windows: r.windows,
    hit: r.windowsHit,
    falsePer1000: r.falseRowsPer1000,
    delay: median(r.delays),
    note,
  };
};

const settings = THRESHOLDS.flatMap((threshold) => HABITS.map((habituation) => ({ threshold, habituation })));
const tried = settings.map((s) => ({
  s,
  nab: nab.map((c) => alarmsOf(c, s)),
  made: chosenOn.map((c) => alarmsOf(c, s)),
}));
/** Mean over the setting and its neighbours, of NAB without the category and of generated series. */
const worth = (category: string) => (t: (typeof tried)[number]) => {
  const near = tried.filter(
    (o) => Math.abs(o.s.threshold - t.s.threshold) < 0.11 && Math.abs(o.s.habituation - t.s.habituation) < 0.051,
  );
  const of = (o: (typeof tried)[number]) =>
    nabScore(
      o.nab.filter((_, i) => nab[i]?.category !== category),
      0.5,
    ).score + nabScore(o.made, 0.5).score;
  return near.reduce((sum, o) => sum + of(o), 0) / near.length;
};

const defaults = nab.map((c) => alarmsOf(c, {}));
const leftOut: NabFile[] = [];
const rows = categories.map((category) => {
  const value = worth(category);
  const best = tried.reduce((a, b) => (value(b) > value(a) ? b : a));
  const files = best.nab.filter((_, i) => nab[i]?.category === category);
  leftOut.push(...files);
  return {
    leftOut: row(category, files, `threshold ${best.s.threshold}, habituation ${best.s.habituation}`),
    fixed: row(
      category,
      defaults.filter((_, i) => nab[i]?.category === category),
    ),
  };
});
const sections = {
  "defaults, each category": [...rows.map((r) => r.fixed), row("all of NAB", defaults)],
  "chosen without the category": [...rows.map((r) => r.leftOut), row("all of NAB", leftOut)],
  "defaults, fresh generated series": [
    row(
      "all styles",
      fresh.map((c) => alarmsOf(c, {})),
    ),
  ],
  "every setting tried, NAB": tried.map((t) =>
    row(`${t.s.threshold} ${t.s.habituation}`, t.nab, `generated ${nabScore(t.made, 0.5).score.toFixed(1)}`),
  ),
};
if (values.json) process.stdout.write(`${JSON.stringify(sections)}\n`);
else
  for (const [title, list] of Object.entries(sections)) {
    process.stdout.write(`\n${title.padEnd(36)} standard  windows  false/1000  median delay (of the window)\n`);
    for (const r of list)
      process.stdout.write(
        `${r.name.padEnd(36)} ${r.standard.toFixed(1).padStart(8)}  ${`${r.hit}/${r.windows}`.padStart(7)}  ${r.falsePer1000.toFixed(2).padStart(10)}  ${r.delay.toFixed(2).padStart(6)}  ${r.note}\n`,
      );
  }
