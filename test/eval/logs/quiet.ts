/** False alarms of the log features on quiet streams, and what they find: windows of one service, counted one by one. */
import { CountWindows } from "../../../models/logs/count-windows.ts";
import { ParameterLevels } from "../../../models/logs/parameter-levels.ts";
import { randomOf } from "../../../models/neural/random.ts";

type Random = () => number;

export interface QuietFigures {
  readonly what: string;
  /** Share of quiet windows with p < 0.01 and p < 0.0001. */
  readonly quiet: readonly [hundredth: number, tenThousandth: number];
  /** Share of windows with the fault that have p < 0.0001. */
  readonly found: Readonly<Record<string, number>>;
}

function poisson(random: Random, mean: number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  let left = Math.exp(-mean);
  let n = 0;
  for (let u = random(); u > left && n < 1000; n++) {
    u -= left;
    left *= mean / (n + 1);
  }
  return n;
}
const normal = (random: Random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

/** Counts of 20 templates: load goes up and down by `swing`, in common; the rarest has a line in 50 windows. */
function countsFigures(what: string, swing: number, { services = 20, windows = 2000 } = {}): QuietFigures {
  let [judged, hundredth, tenThousandth] = [0, 0, 0];
  const found: Record<string, number> = { "rate x 5": 0, "regular one silent": 0, "new template": 0, "20 errors": 0 };
  let trials = 0;
  for (let s = 0; s < services; s++) {
    const random = randomOf(100 + s);
    const means = Array.from({ length: 20 }, (_, i) => 40 / (i + 1) ** 2.5 + 0.02);
    const model = new CountWindows();
    const draw = () => {
      const load = Math.exp(swing * normal(random));
      return new Map(means.map((m, i) => [i, poisson(random, m * load)] as const).filter(([, n]) => n > 0));
    };
    for (let w = 0; w < windows; w++) {
      const counts = draw();
      const p = model.score(counts)?.p;
      if (p !== undefined && w > 60) {
        judged++;
        if (p < 0.01) hundredth++;
        if (p < 1e-4) tenThousandth++;
      }
      if (w > windows / 2 && w % 20 === 0) {
        trials++;
        const with_ = (change: (c: Map<number, number>) => void) => {
          const c = draw();
          change(c);
          return (model.score(c)?.p ?? 1) < 1e-4 ? 1 : 0;
        };
        found["rate x 5"]! += with_((c) => c.set(0, poisson(random, 200)));
        found["regular one silent"]! += with_((c) => void c.delete(0));
        found["new template"]! += with_((c) => c.set(999, 3));
        found["20 errors"]! += with_((c) => c.set(12, 20));
      }
      model.learn(counts);
    }
  }
  for (const key of Object.keys(found)) found[key]! /= trials;
  return { what, quiet: [hundredth / judged, tenThousandth / judged], found };
}

/** Thirty values of one parameter a window, the strangest Sidak-corrected, as the stream does. */
function parameterFigures(what: string, draw: (r: Random) => number, { windows = 3000 } = {}): QuietFigures {
  let [judged, hundredth, tenThousandth, trials] = [0, 0, 0, 0];
  const found: Record<string, number> = { "one value x 10": 0, "one value x 100": 0, "all x 3": 0 };
  const median = Array.from({ length: 999 }, (_, i) => draw(randomOf(i))).sort((a, b) => a - b)[499] as number;
  for (let seed = 0; seed < 5; seed++) {
    const random = randomOf(seed);
    const levels = new ParameterLevels();
    const pOf = (values: readonly number[]) => {
      const all = values.flatMap((v) => levels.score(v) ?? []);
      return all.length === 0 ? undefined : 1 - (1 - Math.min(...all)) ** all.length;
    };
    for (let w = 0; w < windows; w++) {
      const values = Array.from({ length: 30 }, () => draw(random));
      const p = pOf(values);
      if (p !== undefined) {
        judged++;
        if (p < 0.01) hundredth++;
        if (p < 1e-4) tenThousandth++;
      }
      if (w > windows / 2 && w % 20 === 0) {
        trials++;
        const hit = (v: readonly number[]) => ((pOf(v) ?? 1) < 1e-4 ? 1 : 0);
        found["one value x 10"]! += hit([...values.slice(1), median * 10]);
        found["one value x 100"]! += hit([...values.slice(1), median * 100]);
        found["all x 3"]! += hit(values.map((v) => v * 3));
      }
      for (const v of values) levels.learn(v);
    }
  }
  for (const key of Object.keys(found)) found[key]! /= trials;
  return { what, quiet: [hundredth / judged, tenThousandth / judged], found };
}

export function quietFigures(): QuietFigures[] {
  return [
    countsFigures("template counts, steady load", 0),
    countsFigures("template counts, load off by a third", 0.3),
    parameterFigures("durations, log-normal (sigma 0.5)", (r) => Math.exp(3 + 0.5 * normal(r))),
    parameterFigures("durations, exponential", (r) => -40 * Math.log(1 - r())),
    parameterFigures("sizes, power law (alpha 2)", (r) => 1000 * (1 - r()) ** -0.5),
  ];
}
