/**
 * `npm run eval -- alarms [--json]`: the alarm at a fixed threshold, category by category of NAB, on generated series and on
 * single columns of SMD and ASD. On NAB twice: with the defaults, and with threshold and habituation chosen for each
 * category on the others, on generated series (seeds of their own) and on the columns: what a user may expect of series
 * like none of those.
 */
import { parseArgs } from "node:util";
import { type NabFile, nabScore } from "../../../pipelines/learn/measures/nab.ts";
import { alarmsOf, columnCases, generatedCases, hitsByKind, nabCases } from "./alarm-cases.ts";
import { dataDir, hasData } from "./data.ts";
import { multivariateAlarms } from "./multivariate-alarms.ts";

const THRESHOLDS = [1.2, 1.3, 1.4];
const HABITS = [0.15, 0.2, 0.25];
const { values } = parseArgs({ options: { json: { type: "boolean" } } });
if (!hasData()) {
  process.stderr.write(`no development data in ${dataDir()}; set FAULTWRIGHT_DATA\n`);
  process.exit(1);
}

const [nab, columns, chosenOn, fresh] = [nabCases(), columnCases(), generatedCases(1), generatedCases(500_000)];
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
  made: nabScore(
    chosenOn.map((c) => alarmsOf(c, s)),
    0.5,
  ).score,
  columns: nabScore(
    columns.map((c) => alarmsOf(c, s)),
    0.5,
  ).score,
}));
/** Mean over the setting and its neighbours, of NAB without the category, of generated series and of columns. */
const worth = (category: string) => (t: (typeof tried)[number]) => {
  const near = tried.filter(
    (o) => Math.abs(o.s.threshold - t.s.threshold) < 0.11 && Math.abs(o.s.habituation - t.s.habituation) < 0.051,
  );
  const of = (o: (typeof tried)[number]) =>
    nabScore(
      o.nab.filter((_, i) => nab[i]?.category !== category),
      0.5,
    ).score +
    o.made +
    o.columns;
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
const mean = (of: readonly { standard: number }[]) => {
  const told = of.filter((r) => Number.isFinite(r.standard));
  return (told.reduce((s, r) => s + r.standard, 0) / told.length).toFixed(1);
};
const freshFiles = fresh.map((c) => alarmsOf(c, {}));
const columnFiles = columns.map((c) => alarmsOf(c, {}));
const sections = {
  "defaults, each category": [
    ...rows.map((r) => r.fixed),
    row("all of NAB", defaults, `mean of the categories ${mean(rows.map((r) => r.fixed))}`),
  ],
  "chosen without the category": [
    ...rows.map((r) => r.leftOut),
    row("all of NAB", leftOut, `mean of the categories ${mean(rows.map((r) => r.leftOut))}`),
  ],
  "defaults, fresh generated series": [
    row("all styles", freshFiles),
    row(
      "without the alarm on stillness",
      fresh.map((c) => alarmsOf(c, { stillness: Number.POSITIVE_INFINITY })),
    ),
  ],
  "defaults, columns of SMD and ASD": ["smd", "asd"].map((set) =>
    row(
      set,
      columnFiles.filter((_, i) => columns[i]?.category === set),
    ),
  ),
  "several columns, defaults": (["asd", "smd"] as const).flatMap((set) =>
    [true, false].map((trained) =>
      row(`${set}, ${trained ? "train file" : "no train file"}`, multivariateAlarms(set, trained)),
    ),
  ),
  "every setting tried, NAB": tried.map((t) =>
    row(
      `${t.s.threshold} ${t.s.habituation}`,
      t.nab,
      `generated ${t.made.toFixed(1)}, columns ${t.columns.toFixed(1)}`,
    ),
  ),
};
const kinds = hitsByKind(fresh, freshFiles);
if (values.json) process.stdout.write(`${JSON.stringify({ ...sections, kinds })}\n`);
else {
  for (const [title, list] of Object.entries(sections)) {
    process.stdout.write(`\n${title.padEnd(36)} standard  windows  false/1000  median delay (of the window)\n`);
    for (const r of list)
      process.stdout.write(
        `${r.name.padEnd(36)} ${r.standard.toFixed(1).padStart(8)}  ${`${r.hit}/${r.windows}`.padStart(7)}  ${r.falsePer1000.toFixed(2).padStart(10)}  ${r.delay.toFixed(2).padStart(6)}  ${r.note}\n`,
      );
  }
  const told = Object.entries(kinds).map(([kind, [hit, all]]) => `${kind} ${hit}/${all}`);
  process.stdout.write(`\nfresh generated series, windows hit by kind of fault: ${told.join(", ")}\n`);
}
