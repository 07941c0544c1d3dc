/** Stage `features`: raw records to windows, anomalies and dead letters. */
import { type Calendars, calendars } from "../core/calendar.ts";
import { ERROR_CODES, type ErrorCode, PipelineError } from "../core/errors.ts";
import type { Anomaly, Control, RawRecord } from "../core/records.ts";
import { type Redactor, redactor } from "../core/redact/redactor.ts";
import { SELF_FORMAT, SELF_METRICS, SELF_RESOURCE, type SelfRecord } from "../core/self.ts";
import { type Decoder, decoderFor, type Rejection, type SignalLimits, SignalSink } from "../core/signals.ts";
import { fromChunk, type Outbox, type Stage, type Stateful, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import { type EntityRule, type TableLimits, type TableRows, Tables } from "../core/tables.ts";
import { type DetectOptions, detector } from "../detect/detector.ts";
import { streamTemplates } from "../detect/log-templates.ts";
import { type LiveModelsOptions, liveModels } from "../detect/models/live-models.ts";
import { parameterRates } from "../detect/parameter-rates.ts";
import { templateRates } from "../detect/template-rates.ts";
import { type WindowOptions, windows } from "../windows/windows.ts";
import { LabelCounts, sourceCounts, type Tally } from "./observe/tally.ts";
import { watchedRows } from "./watched-rows.ts";

export interface FeaturesOptions {
  readonly decoders: Readonly<Record<string, Decoder>>;
  readonly windows: WindowOptions;
  readonly detect: DetectOptions;
  /** Registered models beside the statistics; without, none. */
  readonly models?: Omit<LiveModelsOptions, keyof DetectOptions>;
  readonly tableLimits: TableLimits;
  readonly signalLimits: SignalLimits;
  readonly entityRules?: readonly EntityRule[];
  /** Of those that say so, the values are not looked at. */
  readonly calendars?: Calendars;
  /** Applied to all that the stage keeps or gives out. */
  readonly redact?: Redactor;
  /** A refused record is kept whole up to this size; of a larger one its beginning. */
  readonly deadLetterBytes?: number;
}

/** Enough to see what it was. */
const EXCERPT_BYTES = 256;
const LOOKED_AT_BYTES = 8192;
const DETAIL_CHARS = 1000;

/** The same for each piece of a record on each run, so that a letter that comes again replaces the one before. */
export const letterKey = ({ source, position, part }: { source: string; position: string; part?: number | null }) =>
  `${source}@${position}${part === undefined || part === null ? "" : `#${part}`}`;

const controlOf = (record: RawRecord) => JSON.parse(Buffer.from(record.value).toString("utf8")) as Control;

/** A record, or the end of a source. */
export type FeaturesInput = RawRecord | { readonly endOf: string };

/**
 * One record at a time, the watermark moved after each: the result is the same however records are batched.
 * Windows and anomalies go on to the next stage; each closed window ends with its watermark.
 */
export function featuresStage(options: FeaturesOptions) {
  const tables = new Tables(options.tableLimits, options.entityRules);
  const { redact = redactor() } = options;
  const watched = watchedRows(tables, options.calendars ?? calendars([]));
  const sink = new SignalSink(tables, options.signalLimits, redact);
  const logParts = { templates: streamTemplates(), rates: templateRates(), parameters: parameterRates() };
  const parts = { windows: windows(sink, options.windows, logParts), detect: detector(tables, options.detect) };
  const models = options.models && liveModels(tables, { ...options.detect, ...options.models });
  const stateful: Readonly<Record<string, Stateful>> = { ...parts, ...(models ? { models } : {}) };
  const saved = { entities: 0, series: 0 };
  /** Ids the next stage knows. */
  const told = { entities: 0, series: 0 };
  const counts = { records: 0, rows: 0, deadRows: 0, windows: 0 };
  const sources = sourceCounts();
  const letters = new LabelCounts("letters");
  const letterRows = new LabelCounts("letterRows");
  const anomalies = new LabelCounts("anomalies");

  const { deadLetterBytes = 256 * 1024 } = options;
  const deadLetter = (record: RawRecord, rejected: readonly Rejection[], taken: number, out: Outbox) => {
    const { source, position, part = null, share = null, ingestTimeMs, format, value } = record;
    const rows = rejected.reduce((sum, r) => sum + r.rows, 0);
    counts.deadRows += rows;
    for (const r of rejected) {
      letters.add(r.code);
      letterRows.add(r.code, r.rows);
    }
    const complete = value.length <= deadLetterBytes;
    // A secret that the excerpt's end cuts in two would not be known for one.
    const kept = complete
      ? redact.payload(format, value)
      : redact.payload(format, value.subarray(0, LOOKED_AT_BYTES)).subarray(0, EXCERPT_BYTES);
    out.emit("dead-letters", letterKey(record), {
      source,
      position,
      part,
      share,
      ingestTimeMs,
      format,
      reasons: rejected.map((r) => ({
        code: r.code,
        explanation: ERROR_CODES[r.code],
        detail: redact.text(r.detail),
        rows: r.rows,
      })),
      rows,
      taken,
      sizeBytes: value.length,
      complete,
      payload: Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength).toString("base64"),
    });
  };

  const found = (anomaly: Anomaly, endMs: number, out: Outbox) => {
    const opened = anomaly.detectedMs === endMs;
    anomalies.add(anomaly.endMs !== null ? "closed" : opened ? "opened" : "strengthened");
    out.emit("anomalies", anomaly.id, anomaly);
    out.send({ type: "anomaly", anomaly });
  };

  const closeWindows = (out: Outbox) => {
    if (!parts.windows.due) return;
    for (const { batch, logs, edges } of parts.windows.advance()) {
      counts.windows += 1;
      for (const rows of tables.dumps(told.entities, told.series)) out.send({ type: "tables", ...rows });
      told.entities = tables.entities.length;
      told.series = tables.seriesCount;
      out.send({ type: "windows", batch });
      if (logs.length > 0) out.send({ type: "logs", digests: logs });
      if (edges.length > 0) out.send({ type: "edges", endMs: batch.endMs, edges });
      const seen = watched(batch);
      for (const anomaly of parts.detect.process(seen)) found(anomaly, batch.endMs, out);
      if (models) {
        const verdict = models.process(seen);
        for (const anomaly of verdict.anomalies) found(anomaly, batch.endMs, out);
        for (const { key, record } of verdict.scores) out.emit("scores", key, record);
      }
      out.send({ type: "watermark", timeMs: batch.endMs });
    }
  };

  const control = (record: RawRecord, out: Outbox) => {
    const message = controlOf(record);
    if (message.kind === "model") return models?.decide(message);
    if (message.kind === "mark") return parts.windows.mark(record.source, message.timeMs, message.silent);
    if (message.kind === "tick") parts.windows.tick(record.source, message.timeMs);
    out.send({ type: "control", control: message });
  };

  /** Our own gauges belong to whatever window is open: how far event time has come is for the data to say. */
  const own = (record: RawRecord, out: Outbox) => {
    sink.begin(record);
    try {
      const { gauges } = JSON.parse(Buffer.from(record.value).toString("utf8")) as SelfRecord;
      const entity = sink.entity(SELF_RESOURCE);
      for (const { metric, stage, value } of gauges) {
        if (!Object.hasOwn(SELF_METRICS, metric)) throw new Error(`we have no metric ${String(metric).slice(0, 50)}`);
        const series = sink.series(entity, metric, SELF_METRICS[metric].unit, "gauge", stage === "" ? {} : { stage });
        sink.point(series, record.ingestTimeMs, 0, value);
      }
    } catch (error) {
      sink.begin(record);
      const detail = String((error as Error).message).slice(0, DETAIL_CHARS);
      deadLetter(record, [{ code: "DECODE_BAD_FIELD", detail, rows: 1 }], 0, out);
      return;
    }
    parts.windows.addAside();
  };

  const decode = (record: RawRecord, out: Outbox) => {
    sink.begin(record);
    try {
      decoderFor(options.decoders, record).decode(record, sink);
    } catch (error) {
      // Half a record is worse than none: its rows can't be told from the torn rest.
      sink.begin(record);
      const code: ErrorCode = error instanceof PipelineError ? error.code : "DECODE_BAD_FIELD";
      const detail = String((error as Error).message).slice(0, DETAIL_CHARS);
      deadLetter(record, [{ code, detail, rows: 1 }], 0, out);
      return;
    }
    counts.rows += sink.rows;
    const before = sink.rejectedRows;
    sources.of(record.source).rows += sink.rows;
    for (const change of parts.windows.add(record.source, record.ingestTimeMs)) out.send({ type: "change", change });
    const late = sink.rejectedRows - before;
    if (sink.rejectedRows > 0) deadLetter(record, sink.rejected, Math.max(0, sink.rows - late), out);
  };

  return {
    name: "features",
    version: 4,
    tables,
    models,
    prepare(input) {
      if (!models || "endOf" in input || input.format !== "control") return undefined;
      const message = controlOf(input);
      return message.kind === "model" ? models.prepare(message) : undefined;
    },
    prepareRestore: async (chunks) => models?.prepareRestore(scopedChunks(chunks, "models")),
    counts,
    *tally(): Generator<Tally> {
      yield* sources.tally();
      yield* letters.tally();
      yield* letterRows.tally();
      yield* anomalies.tally();
      yield ["windows", "", counts.windows];
    },
    /** Sources of this task, named before the first record. */
    join: (source: string) => parts.windows.join(source),
    clockOf: (source: string) => parts.windows.clockOf(source),
    get watermarkMs() {
      return parts.windows.watermarkMs;
    },
    /** The source has had nothing for `deltaMs` more: its time goes on, and if it has never spoken it holds nobody up. */
    pass(source: string, deltaMs: number, out: Outbox): void {
      parts.windows.pass(source, deltaMs);
      if (parts.windows.waitsForNobody) out.send({ type: "idle" });
      closeWindows(out);
    },
    process(input, out) {
      if ("endOf" in input) {
        parts.windows.leave(input.endOf);
        if (input.endOf === "") parts.windows.finish();
      } else {
        counts.records += 1;
        sources.of(input.source).records += 1;
        if (input.format === "control") control(input, out);
        else if (input.format === SELF_FORMAT) own(input, out);
        else decode(input, out);
      }
      closeWindows(out);
    },
    snapshot(put, full = false) {
      if (full) saved.entities = saved.series = 0;
      for (const rows of tables.dumps(saved.entities, saved.series)) {
        put(
          `tables/${String(saved.entities).padStart(9, "0")}-${String(saved.series).padStart(9, "0")}`,
          toChunk(rows),
        );
        saved.entities += rows.entities.length;
        saved.series += rows.series.length;
      }
      put("versions", toChunk([...sink.versions]));
      put("told", toChunk(told));
      for (const [name, part] of Object.entries(stateful)) part.snapshot(scoped(put, name), full);
    },
    restore(chunks) {
      const dumps = [...scopedChunks(chunks, "tables")].sort(([a], [b]) => (a < b ? -1 : 1));
      for (const [, bytes] of dumps) tables.load(fromChunk<TableRows>(bytes));
      saved.entities = tables.entities.length;
      saved.series = tables.seriesCount;
      const known = chunks.get("told");
      if (known) Object.assign(told, fromChunk<typeof told>(known));
      const versions = chunks.get("versions");
      if (versions) for (const [id, v] of fromChunk<[number, string][]>(versions)) sink.versions.set(id, v);
      for (const [name, part] of Object.entries(stateful)) part.restore(scopedChunks(chunks, name));
    },
  } satisfies Stage<FeaturesInput> & Record<string, unknown>;
}
