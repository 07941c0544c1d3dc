/** The trail of an incident from sources that can be read again: a journal, topics, files. */
import type { LogTrail } from "../../core/log-trail.ts";
import type { Incident } from "../../core/records.ts";
import { type Redactor, redactor } from "../../core/redact/redactor.ts";
import { DEFAULT_SIGNAL_LIMITS, type Decoder, decoderFor, SignalSink } from "../../core/signals.ts";
import type { Source } from "../../core/source.ts";
import { type EntityRule, Tables } from "../../core/tables.ts";
import { collectTrail } from "./collect.ts";
import { recordsOf } from "./open-again.ts";
import { pickLines, trailRange } from "./pick.ts";

export interface TrailOptions {
  readonly sources: readonly Source[];
  readonly decoders: Readonly<Record<string, Decoder>>;
  /** Applied as the stream does: nobody sees a secret here either. */
  readonly redact?: Redactor;
  readonly entityRules?: readonly EntityRule[];
  /** Lines before and after. */
  readonly context?: number;
  /** Time around the incident that is looked through, ms. */
  readonly aroundMs?: number;
  /** Most bytes to read, twice; beyond, the oldest are left out where the source has positions to begin at. */
  readonly maxBytes?: number;
}

/** Records that arrived this long before the range hold nothing of it. */
const EARLY_MS = 60_000;
/** Formats without a line or a span in them. */
const NUMBERS = /metrics|prometheus|influx|telegraf|^control$|^self$/;

/** Reads the sources twice: to choose the lines, then for what stands around them. The caller closes the sources. */
export async function readTrail(incident: Incident, options: TrailOptions): Promise<LogTrail> {
  const { sources, decoders, redact = redactor(), entityRules, context = 3, aroundMs = 60_000 } = options;
  const { maxBytes = Number.POSITIVE_INFINITY } = options;
  const range = trailRange(incident, aroundMs);
  const missing: string[] = [];
  let records = 0;

  const pass = async (add: (sink: SignalSink, source: string, position: string) => void): Promise<void> => {
    const limits = { ...DEFAULT_SIGNAL_LIMITS, maxFutureMs: Number.MAX_SAFE_INTEGER / 2 };
    const sink = new SignalSink(new Tables(undefined, entityRules), limits, redact);
    records = 0;
    missing.length = 0;
    let [bytes, unread] = [0, 0];
    for (const source of sources)
      for await (const record of recordsOf(source)) {
        if (record.ingestTimeMs + EARLY_MS < range.fromMs || NUMBERS.test(record.format)) continue;
        bytes += record.value.length;
        if (bytes > maxBytes) {
          missing.push(`only the first ${Math.round(maxBytes / 2 ** 20)} MiB were looked through`);
          return;
        }
        records++;
        sink.begin(record);
        try {
          decoderFor(decoders, record).decode(record, sink);
        } catch {
          unread++;
          continue;
        }
        add(sink, record.source, record.position);
      }
    if (unread > 0) missing.push(`${unread} records could not be decoded`);
  };

  const picking = pickLines(incident, range);
  await pass(picking.add);
  const collecting = collectTrail(picking.done(), range, context);
  await pass(collecting.add);
  return collecting.done(records, missing);
}
