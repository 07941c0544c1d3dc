/** Templates that are written more or less often than the work done explains: new, vanished, bursting lines. */
import type { LineTable, SpanTable } from "../../core/case-events.ts";
import type { Evidence } from "../../core/records.ts";
import { rateContrast } from "../rates.ts";
import { spanStats } from "../span-stats.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "log-rate";
const WEAK = 1.75;

type Exposure = readonly [before: number, after: number];

export const logRate: Ranker = {
  name: NAME,
  clock: "events",
  rank({ lines, spans }, { timeMs }) {
    if (!lines) return [];
    const n0 = new Float64Array(lines.templates.length);
    const n1 = new Float64Array(lines.templates.length);
    for (let i = 0; i < lines.length; i++) {
      const n = (lines.timeMs[i] as number) < timeMs ? n0 : n1;
      const t = lines.template[i] as number;
      n[t] = (n[t] as number) + 1;
    }
    const totals = totalsOf(lines, n0, n1);
    const requests = spans ? requestsOf(spans, timeMs) : new Map<string, Exposure[]>();
    const best = new Map<string, { score: number; text: string }>();
    for (const [t, { entity, sample }] of lines.templates.entries()) {
      const [before, after] = [n0[t] as number, n1[t] as number];
      // A changed mix of requests changes lines too: what any of the exposures explains is explained.
      const exposures = (requests.get(entity) ?? []).filter(([a, b]) => a + b >= 0.5 * (before + after));
      const total = totals.get(entity) as Exposure;
      if (total[0] > 0) exposures.push(total);
      if (exposures.length === 0) continue;
      const score = Math.min(...exposures.map(([a, b]) => rateContrast(before, a, after, b)));
      if (score <= (best.get(entity)?.score ?? WEAK)) continue;
      const what = before === 0 ? `new lines (${after})` : after === 0 ? `no more lines (${before} before)` : null;
      const text = `${what ?? `${after} lines instead of ${before}`}: ${sample}`;
      best.set(entity, { score, text });
    }
    const results: RankerResult[] = [...best].map(([entity, { score, text }]) => {
      const evidence: Evidence[] = [{ ranker: NAME, score: score - WEAK, text }];
      return { entity, score: score - WEAK, for: evidence, against: [] };
    });
    return spoken(results);
  },
};

function totalsOf(lines: LineTable, n0: Float64Array, n1: Float64Array): Map<string, Exposure> {
  const out = new Map<string, [number, number]>();
  for (const [t, { entity }] of lines.templates.entries()) {
    const sum = out.get(entity) ?? [0, 0];
    sum[0] += n0[t] as number;
    sum[1] += n1[t] as number;
    out.set(entity, sum);
  }
  return out;
}

/** Requests served before and after by each operation of each entity that has some on both sides. */
function requestsOf(spans: SpanTable, timeMs: number): Map<string, Exposure[]> {
  const counts = spans.operations.map(() => [0, 0] as [number, number]);
  for (const i of spanStats(spans).entries)
    counts[spans.operation[i] as number]![(spans.startMs[i] as number) < timeMs ? 0 : 1] += 1;
  const out = new Map<string, Exposure[]>();
  for (const [o, count] of counts.entries()) {
    if (count[0] === 0 || count[1] === 0) continue;
    const name = spans.owners[spans.operations[o]!.owner] as string;
    out.set(name, [...(out.get(name) ?? []), count]);
  }
  return out;
}
