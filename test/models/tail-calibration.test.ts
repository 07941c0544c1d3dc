import { describe, expect, it } from "vitest";
import { harmonicMean } from "../../models/combine/harmonic.ts";
import { statisticalBanks, tailBank } from "../../models/statistical/index.ts";
import { NOISES, noise } from "./noise.ts";

const SERIES = 400;
const SAMPLES = 1500;
const WARM = 60;
/** Between two samples: they last for two months, so that seasons are known. */
const HOUR_MS = 3_600_000;
const slots = Uint32Array.from({ length: SERIES }, (_, i) => i);
const lines: string[] = [];

describe("calibration on pure noise", () => {
  it.each(NOISES)("%s: few tiny p", (kind) => {
    const names = Object.keys(statisticalBanks) as (keyof typeof statisticalBanks)[];
    const sources = Array.from(slots, (slot) => noise(kind, 1000 + slot * 7919));
    const banks = names.map((name) => {
      const detector = statisticalBanks[name]();
      const tail = tailBank();
      detector.resize(SERIES);
      tail.resize(SERIES);
      return { detector, tail, raw: new Float64Array(SERIES), p: new Float64Array(SERIES) };
    });
    const all = new Float64Array(SERIES);
    const columns = [...banks.map((b) => b.p), all];
    const hits = columns.map(() => [0, 0, 0]);
    const values = new Float64Array(SERIES);
    let rows = 0;
    for (let t = 0; t < SAMPLES; t++) {
      for (let s = 0; s < SERIES; s++) values[s] = sources[s]!();
      for (const { detector, tail, raw, p } of banks) {
        detector.score(slots, values, raw, t * HOUR_MS);
        tail.score(slots, raw, p);
        tail.learn(slots, raw);
        detector.learn(slots, values, t * HOUR_MS);
      }
      harmonicMean(columns.slice(0, -1), all);
      if (t < WARM) continue;
      rows += SERIES;
      for (let c = 0; c < columns.length; c++)
        for (const p of columns[c]!) {
          if (p < 1e-2) hits[c]![0]!++;
          if (p < 1e-3) hits[c]![1]!++;
          if (p < 1e-4) hits[c]![2]!++;
        }
    }
    const table = [...names, "harmonic"].map((name, c) => ({ name, share: hits[c]!.map((h) => h / rows) }));
    for (const { name, share } of table)
      lines.push(`${kind.padEnd(10)} ${name.padEnd(12)} ${share.map((s) => s.toExponential(1)).join("  ")}`);
    if (kind === "poisson2") console.log(`noise detector share p<1e-2, <1e-3, <1e-4\n${lines.join("\n")}`);
    for (const { name, share } of table) {
      expect.soft(share[1], `${kind} ${name} p < 1e-3`).toBeLessThanOrEqual(5e-3);
      expect.soft(share[2], `${kind} ${name} p < 1e-4`).toBeLessThanOrEqual(5e-4);
    }
  });
});
