/** Where decoders write: rows are checked one by one and go into columns. One sink per task, reused for every record. */
import { HistogramColumns, LogColumns, PointColumns, SpanColumns, type SpanRow } from "./columns.ts";
import { type ErrorCode, PipelineError } from "./errors.ts";
import type { RawRecord } from "./records.ts";
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

  /** Rows of the record at hand; they end with the next `begin`. Numeric columns may be longer than `length`. */
  readonly points = new PointColumns();
  readonly histograms = new HistogramColumns();
  readonly logs = new LogColumns();
  readonly spans = new SpanColumns();

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
    this.points.clear();
    this.histograms.clear();
    this.logs.clear();
    this.spans.clear();
    // A record may hold one point: what was not used is not emptied.
    if (this.deploys.length > 0) this.deploys.length = 0;
    if (this.#rejected.size > 0) {
      this.#rejected.clear();
      this.#rejectedRows = 0;
    }
  }

  /** Rows read so far: an exception half way leaves them out by calling `begin` again. */
  get rows(): number {
    return this.points.length + this.histograms.length + this.logs.length + this.spans.length;
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
      [this.points.length, this.points.timeMs],
      [this.histograms.length, this.histograms.timeMs],
      [this.logs.length, this.logs.timeMs],
      [this.spans.length, this.spans.startMs],
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
    this.points.add(seriesId, timeMs, startMs, value);
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
    this.histograms.add(seriesId, timeMs, startMs, count, Number.isFinite(sum) ? sum : 0, upper, counts);
  }

  log(entityId: number, timeMs: number, severity: number, body: string, attributes: Attributes, traceId: string): void {
    if (entityId < 0 || !this.#timeOk(timeMs) || !this.#fits(attributes, 1)) return;
    // A secret may stand across the cut: it is looked for a little beyond.
    const max = this.limits.maxBodyChars;
    const clean = this.redact.text(body.length > max ? body.slice(0, max + BEYOND_CUT) : body);
    const cut = body.length > max ? `${clean.slice(0, max)}…` : clean;
    this.logs.add(entityId, timeMs, severity, cut, this.redact.attributes(attributes), traceId);
  }

  span(span: SpanRow): void {
    if (span.entityId < 0 || !this.#timeOk(span.startMs)) return;
    if (!(span.durationMs >= 0) || !Number.isFinite(span.durationMs))
      return this.refuse("DECODE_BAD_FIELD", "span ends before it starts");
    if (span.operation.length > this.limits.maxAttributeChars) return this.refuse("LABEL_TOO_LONG", "span name");
    this.spans.add(span, this.#operation(span.operation));
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
