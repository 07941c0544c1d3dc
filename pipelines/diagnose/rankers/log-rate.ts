/**
 * Templates that are written in more or in fewer requests than before: new, vanished, bursting lines. A request writes
 * many lines that stand and fall together, so it counts once for each template; lines of no known request count alone.
 */
import type { LineTable, SpanTable } from "../../core/case-events.ts";
import type { Evidence } from "../../core/records.ts";
import { rateContrast } from "../rates.ts";
import { spanStats } from "../span-stats.ts";
import { byTime, kept, timedSums } from "../timed-sums.ts";
import { type Ranker, type RankerResult, spoken } from "./ranker.ts";

const NAME = "log-rate";
const WEAK = 1.75;

type Exposure = readonly [before: number, after: number];

/** Requests by template, and by entity whatever it wrote: each where its first line stands. */
const writtenOf = kept((lines: LineTable) => {
  const { templates, template, trace, timeMs: timesMs } = lines;
  const order = byTime(timesMs);
  const entities = [...new Set(templates.map((t) => t.entity))];
  const entityOf = Int32Array.from(templates, (t) => entities.indexOf(t.entity));
  /** Keeps the first line of each trace under a key. */
  const once = (keys: number, keyOf: (i: number) => number) => {
    const seen = new Set<number>();
    const first = (i: number) => {
      const of = trace[i] as number;
      const key = keyOf(i);
      if (of < 0) return key;
      const pair = of * keys + key;
      if (seen.has(pair)) return -1;
      seen.add(pair);
      return key;
    };
    return timedSums({ keys, order, timesMs, keyOf: first });
  };
  return {
    entities,
    byTemplate: once(templates.length, (i) => template[i] as number),
    byEntity: once(entities.length, (i) => entityOf[template[i] as number] as number),
  };
});

/** Requests served, by operation. */
const servedOf = kept((spans: SpanTable) => {
  const { entries, order } = spanStats(spans);
  const served = new Uint8Array(spans.length);
  for (const i of entries) served[i] = 1;
  return timedSums({
    keys: spans.operations.length,
    order,
    timesMs: spans.startMs,
    keyOf: (i) => (served[i] ? (spans.operation[i] as number) : -1),
  });
});

export const logRate: Ranker = {
  name: NAME,
  clock: "events",
  rank({ lines, spans }, { timeMs }) {
    if (!lines) return [];
    const { entities, byTemplate, byEntity } = writtenOf(lines);
    const totals = new Map<string, Exposure>();
    for (const [e, name] of entities.entries()) {
      const before = byEntity.before(e, timeMs);
      totals.set(name, [before, byEntity.total(e) - before]);
    }
    const requests = spans ? requestsOf(spans, timeMs) : new Map<string, Exposure[]>();
    const best = new Map<string, { score: number; text: string }>();
    for (const [t, { entity, sample }] of lines.templates.entries()) {
      const before = byTemplate.before(t, timeMs);
      const after = byTemplate.total(t) - before;
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

/** Requests served before and after by each operation of each entity that has some on both sides. */
function requestsOf(spans: SpanTable, timeMs: number): Map<string, Exposure[]> {
  const served = servedOf(spans);
  const out = new Map<string, Exposure[]>();
  for (const [o, { owner }] of spans.operations.entries()) {
    const before = served.before(o, timeMs);
    const after = served.total(o) - before;
    if (before === 0 || after === 0) continue;
    const name = spans.owners[owner] as string;
    out.set(name, [...(out.get(name) ?? []), [before, after]]);
  }
  return out;
}
