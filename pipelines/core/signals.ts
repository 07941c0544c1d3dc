/** Where decoders write: growable columns, checked row by row. One sink per task, reused for every record. */
import { type ErrorCode, PipelineError } from "./errors.ts";
import { grown } from "./interning.ts";
import type { HistogramBatch, LogBatch, PointBatch, RawRecord, SpanBatch } from "./records.ts";
import { type Redactor, redactor } from "./redact/redactor.ts";
import { type Share, shareOf } from "./share.ts";
import { type Attributes, entityName, type Tables } from "./tables.ts";

export interface SignalLimits {
  /** How far event time may run ahead of arrival, ms. */
  readonly maxFutureMs: number;
  /** Longest attribute key or value, UTF-16 units. */
  readonly maxAttributeChars: number;
  /** Most attributes of a resource, a series or a log line; they are kept as long as the series is. */
  readonly maxAttributes: number;
  /** A log body is cut off here, UTF-16 units. */
  readonly maxBodyChars: number;
}

export const DEFAULT_SIGNAL_LIMITS: SignalLimits = {
  maxFutureMs: 600_000,
  maxAttributeChars: 1024,
  maxAttributes: 128,
  maxBodyChars: 16_384,
};

/** Turns one kind of payload into rows. Throws PipelineError when the payload as a whole is unusable; rejects rows one by one otherwise. */
export interface Decoder {
  readonly name: string;
  decode(record: RawRecord, into: SignalSink): void;
}

/** Rows refused, grouped by reason. */
export interface Rejection {
  readonly code: ErrorCode;
  readonly detail: string;
  rows: number;
}

const MOST_OPERATIONS = 10_000;
const BEYOND_CUT = 1024;

export class SignalSink {
  readonly tables: Tables;
  readonly limits: SignalLimits;
  /** Applied to log lines, operations and resources as they come in: behind here nobody sees a secret. */
  readonly redact: Redactor;
  readonly #identifying: ReadonlySet<string>;
  /** Names of operations repeat. */
  readonly #operations = new Map<string, string>();
  /** Release of each entity, from `service.version`; a new one is a deploy. */
  readonly versions = new Map<number, string>();
  readonly deploys: { readonly entityId: number; readonly from: string; readonly to: string }[] = [];
  /** Latest event time a row may carry; set by `begin`. */
  #maxMs = Number.POSITIVE_INFINITY;
  #rejected = new Map<string, Rejection>();
  #rejectedRows = 0;
  #share: Share | undefined;

  #points = 0;
  #pSeries = new Uint32Array(1024);
  #pTime = new Float64Array(1024);
  #pStart = new Float64Array(1024);
  #pValue = new Float64Array(1024);
  #pView: { -readonly [K in keyof PointBatch]: PointBatch[K] } | undefined;

  #histograms = 0;
  #buckets = 0;
  #hSeries = new Uint32Array(64);
  #hTime = new Float64Array(64);
  #hStart = new Float64Array(64);
  #hCount = new Float64Array(64);
  #hSum = new Float64Array(64);
  #hEnd = new Uint32Array(64);
  #hUpper = new Float64Array(1024);
  #hCounts = new Float64Array(1024);

  #logs = 0;
  #lEntity = new Uint32Array(64);
  #lTime = new Float64Array(64);
  #lSeverity = new Uint8Array(64);
  #lBody: string[] = [];
  #lAttributes: Attributes[] = [];
  #lTrace: string[] = [];

  #spans = 0;
  #sEntity = new Uint32Array(64);
  #sStart = new Float64Array(64);
  #sDuration = new Float64Array(64);
  #sKind = new Uint8Array(64);
  #sError = new Uint8Array(64);
  #sTrace: string[] = [];
  #sId: string[] = [];
  #sParent: string[] = [];
  #sOperation: string[] = [];
  #sPeer: string[] = [];

  constructor(tables: Tables, limits: SignalLimits = DEFAULT_SIGNAL_LIMITS, redact: Redactor = redactor()) {
    this.tables = tables;
    this.limits = limits;
    this.redact = redact;
    this.#identifying = new Set([...tables.rules.flatMap((r) => r.keys), "service.version"]);
  }

  /** Empties the columns for the next record. Views given out by the batch getters end here. */
  begin(record: Pick<RawRecord, "ingestTimeMs" | "share">): void {
    this.#share = record.share;
    this.#maxMs = record.ingestTimeMs + this.limits.maxFutureMs;
    this.#points = 0;
    this.#histograms = 0;
    this.#buckets = 0;
    // A record may hold one point: what was not used is not emptied.
    if (this.deploys.length > 0) this.deploys.length = 0;
    if (this.#logs > 0) {
      this.#logs = 0;
      this.#lBody.length = 0;
      this.#lAttributes.length = 0;
      this.#lTrace.length = 0;
    }
    if (this.#spans > 0) {
      this.#spans = 0;
      this.#sTrace.length = 0;
      this.#sId.length = 0;
      this.#sParent.length = 0;
      this.#sOperation.length = 0;
      this.#sPeer.length = 0;
    }
    if (this.#rejected.size > 0) {
      this.#rejected.clear();
      this.#rejectedRows = 0;
    }
  }

  /** Rows read so far: an exception half way leaves them out by calling `begin` again. */
  get rows(): number {
    return this.#points + this.#histograms + this.#logs + this.#spans;
  }

  /**
   * Counts rows that can't be used, and that nobody can say whose they are. `detail` is cut to 200 characters; at most
   * 20 different reasons are kept apart.
   */
  reject(code: ErrorCode, detail: string, rows = 1): void {
    if (this.#share?.primary !== false) this.refuse(code, detail, rows);
  }

  /** Counts rows that are this task's, and can't be used. */
  refuse(code: ErrorCode, detail: string, rows = 1): void {
    this.#rejectedRows += rows;
    const short = detail.length > 200 ? `${detail.slice(0, 200)}…` : detail;
    const key = `${code} ${short}`;
    const known = this.#rejected.get(key) ?? (this.#rejected.size >= 20 ? this.#rejected.get(`${code} …`) : undefined);
    if (known) known.rows += rows;
    else if (this.#rejected.size < 20) this.#rejected.set(key, { code, detail: short, rows });
    else this.#rejected.set(`${code} …`, { code, detail: "…", rows });
  }

  /** Least and greatest event time of the rows, undefined without any. */
  get timeRangeMs(): readonly [first: number, last: number] | undefined {
    let [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const [n, times] of [
      [this.#points, this.#pTime],
      [this.#histograms, this.#hTime],
      [this.#logs, this.#lTime],
      [this.#spans, this.#sStart],
    ] as const)
      for (let i = 0; i < n; i++) {
        first = Math.min(first, times[i] as number);
        last = Math.max(last, times[i] as number);
      }
    return first <= last ? [first, last] : undefined;
  }

  get rejectedRows(): number {
    return this.#rejectedRows;
  }

  get rejected(): Rejection[] {
    return [...this.#rejected.values()];
  }

  /** Interns an entity; -1 when it is another task's, or (rows counted as rejected) when an attribute is too long or the table is full. */
  entity(resource: Attributes, rows = 1): number {
    if (this.#share && !this.#owns(resource, this.#share)) return -1;
    if (!this.#fits(resource, rows)) return -1;
    const id = this.tables.internEntity(this.#withoutSecrets(resource));
    const version = resource["service.version"];
    if (id >= 0 && version !== undefined) this.#seeVersion(id, version);
    if (id < 0) this.refuse("LIMIT_ENTITIES", `more than ${this.tables.limits.entities} entities`, rows);
    return id;
  }

  /** What an entity is told by stays: the same one must be found in all signals. */
  #withoutSecrets(resource: Attributes): Attributes {
    const clean = this.redact.attributes(resource);
    if (clean === resource) return resource;
    const kept = { ...clean };
    for (const key in resource) if (this.#identifying.has(key)) kept[key] = resource[key] as string;
    return kept;
  }

  #operation(name: string): string {
    const known = this.#operations.get(name);
    if (known !== undefined) return known;
    if (this.#operations.size >= MOST_OPERATIONS) this.#operations.clear();
    const clean = this.redact.text(name);
    this.#operations.set(name, clean);
    return clean;
  }

  /** An entity that `entity` has given before, heard again; `version` as its resource told. */
  entityAgain(id: number, version: string | undefined): void {
    this.tables.hear(id);
    if (version !== undefined) this.#seeVersion(id, version);
  }

  /** Interns a series; -1 (rows counted as rejected) when an attribute is too long or a limit is reached. */
  series(
    entityId: number,
    metric: string,
    unit: string,
    kind: Parameters<Tables["internSeries"]>[3],
    attributes: Attributes,
    rows = 1,
  ): number {
    if (entityId < 0) return -1;
    if (metric.length === 0 || metric.length > this.limits.maxAttributeChars) {
      this.refuse(metric === "" ? "DECODE_BAD_FIELD" : "LABEL_TOO_LONG", "metric name", rows);
      return -1;
    }
    if (!this.#fits(attributes, rows)) return -1;
    const id = this.tables.internSeries(entityId, metric, unit, kind, attributes);
    if (id < 0) {
      const { series, seriesPerEntity } = this.tables.limits;
      const name = this.tables.entities[entityId]?.name ?? "?";
      this.refuse("LIMIT_SERIES", `entity ${name}: at most ${seriesPerEntity} series each, ${series} in all`, rows);
    }
    return id;
  }

  #owns(resource: Attributes, { index, of }: Share): boolean {
    const { kind, name } = entityName(resource, this.tables.rules);
    return shareOf(kind, name, of) === index;
  }

  #seeVersion(entityId: number, version: string): void {
    const before = this.versions.get(entityId);
    if (before === version) return;
    this.versions.set(entityId, version);
    if (before !== undefined) this.deploys.push({ entityId, from: before, to: version });
  }

  #fits(attributes: Attributes, rows: number): boolean {
    const { maxAttributeChars: max, maxAttributes } = this.limits;
    let left = maxAttributes;
    for (const k in attributes) {
      if (left-- <= 0) {
        this.refuse("LIMIT_ATTRIBUTES", `more than ${maxAttributes} attributes`, rows);
        return false;
      }
      if (k.length <= max && (attributes[k] as string).length <= max) continue;
      this.refuse("LABEL_TOO_LONG", `${k.slice(0, 60)}: more than ${max} characters`, rows);
      return false;
    }
    return true;
  }

  #timeOk(timeMs: number): boolean {
    if (timeMs > 0 && timeMs <= this.#maxMs) return true;
    if (timeMs > this.#maxMs) this.refuse("TIME_IN_FUTURE", `more than ${this.limits.maxFutureMs} ms ahead of arrival`);
    else if (timeMs <= 0) this.refuse("TIME_BEFORE_1970", "time is zero or negative");
    else this.refuse("DECODE_BAD_FIELD", "time is not a number");
    return false;
  }

  /** A number of a series from `series()`; ids below 0 are skipped silently (they were counted there). */
  point(seriesId: number, timeMs: number, startMs: number, value: number): void {
    if (seriesId < 0 || !this.#timeOk(timeMs)) return;
    if (!Number.isFinite(value)) return this.refuse("VALUE_NOT_FINITE", String(value));
    const i = this.#points++;
    if (i >= this.#pSeries.length) {
      this.#pSeries = grown(this.#pSeries, i + 1);
      this.#pTime = grown(this.#pTime, i + 1);
      this.#pStart = grown(this.#pStart, i + 1);
      this.#pValue = grown(this.#pValue, i + 1);
      this.#pView = undefined;
    }
    this.#pSeries[i] = seriesId;
    this.#pTime[i] = timeMs;
    this.#pStart[i] = startMs;
    this.#pValue[i] = value;
  }

  /** A histogram: `upper` ascending, last +Infinity, as many as `counts`. */
  histogram(
    seriesId: number,
    timeMs: number,
    startMs: number,
    count: number,
    sum: number,
    upper: ArrayLike<number>,
    counts: ArrayLike<number>,
  ): void {
    if (seriesId < 0 || !this.#timeOk(timeMs)) return;
    if (!Number.isFinite(count) || count < 0) return this.refuse("VALUE_NOT_FINITE", "histogram count");
    if (upper.length !== counts.length) return this.refuse("DECODE_BAD_FIELD", "histogram bounds and counts differ");
    const i = this.#histograms++;
    this.#hSeries = grown(this.#hSeries, i + 1);
    this.#hTime = grown(this.#hTime, i + 1);
    this.#hStart = grown(this.#hStart, i + 1);
    this.#hCount = grown(this.#hCount, i + 1);
    this.#hSum = grown(this.#hSum, i + 1);
    this.#hEnd = grown(this.#hEnd, i + 1);
    this.#hSeries[i] = seriesId;
    this.#hTime[i] = timeMs;
    this.#hStart[i] = startMs;
    this.#hCount[i] = count;
    this.#hSum[i] = Number.isFinite(sum) ? sum : 0;
    const n = upper.length;
    this.#hUpper = grown(this.#hUpper, this.#buckets + n);
    this.#hCounts = grown(this.#hCounts, this.#buckets + n);
    for (let b = 0; b < n; b++) {
      this.#hUpper[this.#buckets + b] = upper[b] as number;
      this.#hCounts[this.#buckets + b] = counts[b] as number;
    }
    this.#buckets += n;
    this.#hEnd[i] = this.#buckets;
  }

  log(entityId: number, timeMs: number, severity: number, body: string, attributes: Attributes, traceId: string): void {
    if (entityId < 0 || !this.#timeOk(timeMs) || !this.#fits(attributes, 1)) return;
    const i = this.#logs++;
    this.#lEntity = grown(this.#lEntity, i + 1);
    this.#lTime = grown(this.#lTime, i + 1);
    this.#lSeverity = grown(this.#lSeverity, i + 1);
    this.#lEntity[i] = entityId;
    this.#lTime[i] = timeMs;
    this.#lSeverity[i] = severity;
    // A secret may stand across the cut: it is looked for a little beyond.
    const max = this.limits.maxBodyChars;
    const clean = this.redact.text(body.length > max ? body.slice(0, max + BEYOND_CUT) : body);
    this.#lBody.push(body.length > max ? `${clean.slice(0, max)}…` : clean);
    this.#lAttributes.push(this.redact.attributes(attributes));
    this.#lTrace.push(traceId);
  }

  span(span: {
    entityId: number;
    startMs: number;
    durationMs: number;
    kind: number;
    error: boolean;
    traceId: string;
    spanId: string;
    parentId: string;
    operation: string;
    peer: string;
  }): void {
    if (span.entityId < 0 || !this.#timeOk(span.startMs)) return;
    if (!(span.durationMs >= 0) || !Number.isFinite(span.durationMs))
      return this.refuse("DECODE_BAD_FIELD", "span ends before it starts");
    if (span.operation.length > this.limits.maxAttributeChars) return this.refuse("LABEL_TOO_LONG", "span name");
    const i = this.#spans++;
    this.#sEntity = grown(this.#sEntity, i + 1);
    this.#sStart = grown(this.#sStart, i + 1);
    this.#sDuration = grown(this.#sDuration, i + 1);
    this.#sKind = grown(this.#sKind, i + 1);
    this.#sError = grown(this.#sError, i + 1);
    this.#sEntity[i] = span.entityId;
    this.#sStart[i] = span.startMs;
    this.#sDuration[i] = span.durationMs;
    this.#sKind[i] = span.kind;
    this.#sError[i] = span.error ? 1 : 0;
    this.#sTrace.push(span.traceId);
    this.#sId.push(span.spanId);
    this.#sParent.push(span.parentId);
    this.#sOperation.push(this.#operation(span.operation));
    this.#sPeer.push(span.peer);
  }

  /** Columns as long as they are: rows end at `length`. Valid until the next row or record. */
  get points(): PointBatch {
    this.#pView ??= {
      length: 0,
      seriesIds: this.#pSeries,
      timeMs: this.#pTime,
      startMs: this.#pStart,
      value: this.#pValue,
    };
    this.#pView.length = this.#points;
    return this.#pView;
  }

  get histograms(): HistogramBatch {
    const n = this.#histograms;
    return {
      length: n,
      seriesIds: this.#hSeries.subarray(0, n),
      timeMs: this.#hTime.subarray(0, n),
      startMs: this.#hStart.subarray(0, n),
      count: this.#hCount.subarray(0, n),
      sum: this.#hSum.subarray(0, n),
      bucketEnd: this.#hEnd.subarray(0, n),
      upper: this.#hUpper.subarray(0, this.#buckets),
      counts: this.#hCounts.subarray(0, this.#buckets),
    };
  }

  get logs(): LogBatch {
    const n = this.#logs;
    return {
      length: n,
      entityIds: this.#lEntity.subarray(0, n),
      timeMs: this.#lTime.subarray(0, n),
      severity: this.#lSeverity.subarray(0, n),
      body: this.#lBody,
      attributes: this.#lAttributes,
      traceId: this.#lTrace,
    };
  }

  get spans(): SpanBatch {
    const n = this.#spans;
    return {
      length: n,
      entityIds: this.#sEntity.subarray(0, n),
      startMs: this.#sStart.subarray(0, n),
      durationMs: this.#sDuration.subarray(0, n),
      kind: this.#sKind.subarray(0, n),
      error: this.#sError.subarray(0, n),
      traceId: this.#sTrace,
      spanId: this.#sId,
      parentId: this.#sParent,
      operation: this.#sOperation,
      peer: this.#sPeer,
    };
  }
}

/** The decoder of a format, or a PipelineError that names those there are. */
export function decoderFor(decoders: Readonly<Record<string, Decoder>>, record: RawRecord): Decoder {
  const decoder = decoders[record.format];
  if (decoder) return decoder;
  throw new PipelineError("DECODE_UNKNOWN_FORMAT", `${record.source}@${record.position}`, {
    detail: record.format,
    hint: `known: ${Object.keys(decoders).join(", ")}`,
  });
}
