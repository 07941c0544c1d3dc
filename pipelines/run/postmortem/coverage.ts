/** What was there to be seen: rows, refusals and silent stretches, counted in the same atomic unit as everything else. */
import type { RawRecord } from "../../core/records.ts";
import { fromChunk, type Outbox, toChunk } from "../../core/stage.ts";
import type { featuresStage } from "../features-stage.ts";

export interface Coverage {
  rows: number;
  /** Start of the first window and end of the last that had a value. */
  firstMs: number;
  lastMs: number;
  refused: Record<string, number>;
  sources: Record<string, { rows: number; firstMs: number; lastMs: number }>;
  /** Stretches of windows without any value. */
  gaps: { fromMs: number; toMs: number }[];
  anomalies: number;
}

/** The longest are kept. */
const GAPS = 100;
/** Letters that are kept for each reason: the rest is counted. */
const LETTERS = 200;
const KEY = "coverage";

type Features = ReturnType<typeof featuresStage>;

/** The features stage with a counter around it; what the stage gives is not changed, except that like letters are few. */
export function covered(stage: Features) {
  let seen: Coverage = { rows: 0, firstMs: 0, lastMs: 0, refused: {}, sources: {}, gaps: [], anomalies: 0 };

  const onWindow = (startMs: number, endMs: number, length: number) => {
    if (length === 0) return;
    if (seen.firstMs === 0) seen.firstMs = startMs;
    else if (startMs > seen.lastMs) {
      seen.gaps.push({ fromMs: seen.lastMs, toMs: startMs });
      if (seen.gaps.length > GAPS) {
        seen.gaps.sort((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs) || a.fromMs - b.fromMs);
        seen.gaps.length = GAPS;
      }
    }
    seen.lastMs = endMs;
  };
  let counting: { out: Outbox; outer: Outbox } | undefined;
  const countingOutbox = (outer: Outbox): Outbox => {
    if (counting?.outer === outer) return counting.out;
    const out: Outbox = {
      send(message) {
        if (message.type === "windows") onWindow(message.batch.startMs, message.batch.endMs, message.batch.length);
        outer.send(message);
      },
      emit(topic, key, record) {
        if (topic === "anomalies" && (record as { endMs: number | null }).endMs !== null) seen.anomalies += 1;
        if (topic !== "dead-letters") return outer.emit(topic, key, record);
        let few = false;
        for (const { code, rows } of (record as { reasons: readonly { code: string; rows: number }[] }).reasons) {
          const before = seen.refused[code] ?? 0;
          if (before < LETTERS) few = true;
          seen.refused[code] = before + rows;
        }
        if (few) outer.emit(topic, key, record);
      },
    };
    counting = { out, outer };
    return out;
  };

  return {
    name: stage.name,
    version: stage.version,
    get coverage(): Coverage {
      return seen;
    },
    get watermarkMs() {
      return stage.watermarkMs;
    },
    models: stage.models,
    prepare: (input: RawRecord) => stage.prepare(input),
    prepareRestore: (chunks: ReadonlyMap<string, Uint8Array>) => stage.prepareRestore(chunks),
    join: (source: string) => stage.join(source),
    clockOf: (source: string) => stage.clockOf(source),
    process(input: RawRecord | { readonly endOf: string }, outer: Outbox) {
      const before = stage.counts.rows;
      stage.process(input, countingOutbox(outer));
      if ("endOf" in input) return;
      const rows = stage.counts.rows - before;
      if (rows === 0) return;
      seen.rows += rows;
      const clock = stage.clockOf(input.source);
      const own = seen.sources[input.source];
      if (own) {
        own.rows += rows;
        own.lastMs = Math.max(own.lastMs, clock);
      } else seen.sources[input.source] = { rows, firstMs: clock, lastMs: clock };
    },
    snapshot(put: (key: string, value: Uint8Array | undefined) => void, full = false) {
      stage.snapshot(put, full);
      put(KEY, toChunk(seen));
    },
    restore(chunks: ReadonlyMap<string, Uint8Array>) {
      stage.restore(chunks);
      const bytes = chunks.get(KEY);
      if (bytes) seen = fromChunk<Coverage>(bytes);
    },
  };
}
