/**
 * JSON lines. A line is a point (`metric`, `value`), a log (`body`, `message` or `msg`), or a whole OTLP/JSON request,
 * as the OpenTelemetry Collector's file exporter writes. Time: `timestamp`, `time`, `timeMs`, `ts` or `@timestamp`.
 * A bad line is rejected and its neighbours kept. Throws only LIMIT_BYTES, for a line that was too long to read.
 */
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import type { Attributes, SeriesKind } from "../../core/tables.ts";
import { attributesOf, eachLine, plainText } from "./json-lines.ts";
import { BadRow, type JsonObject, toDouble } from "./otlp-json.ts";
import { logsFromJson } from "./otlp-logs-json.ts";
import { metricsFromJson } from "./otlp-metrics-json.ts";
import { idOf, severityOf } from "./otlp-rows.ts";
import { tracesFromJson } from "./otlp-traces-json.ts";
import { resourceOf, timeOf } from "./plain.ts";
import { shapesOf } from "./point-shapes.ts";

const TIME_KEYS = ["timestamp", "time", "timeMs", "ts", "@timestamp"];
const POINT_KINDS: readonly string[] = ["gauge", "counter", "delta"] satisfies SeriesKind[];

export const jsonl: Decoder = {
  name: "jsonl",
  decode(record, into) {
    const { value } = record;
    const shapes = shapesOf(into);
    const known = shapes.find(value);
    if (known >= 0) {
      into.entityAgain(into.tables.entityIds[known] as number, undefined);
      into.point(known, shapes.timeMs, 0, shapes.value);
      return;
    }
    let named = false;
    eachLine(record, into, (row) => {
      named =
        row.metric !== undefined && [row.service, row.host, row.entity].some((v) => typeof v === "string" && v !== "");
      oneLine(row, record, into);
    });
    if (named && into.rows === 1 && into.rejectedRows === 0 && into.points.length === 1)
      shapes.put(value, into.points.seriesIds[0] as number);
  },
};

function oneLine(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  if (row.resourceMetrics !== undefined || row.resourceLogs !== undefined || row.resourceSpans !== undefined) {
    try {
      metricsFromJson(row, record, sink);
      logsFromJson(row, record, sink);
      tracesFromJson(row, record, sink);
    } catch (e) {
      if (!(e instanceof PipelineError)) throw e;
      sink.reject(e.code, "a line is not an OTLP request");
    }
    return;
  }
  const body = first(row, ["body", "message", "msg"]);
  if (row.metric !== undefined) point(row, record, sink);
  else if (body !== undefined) log(row, plainText(body), record, sink);
  else throw new BadRow("neither `metric` nor `body`");
}

function first(row: JsonObject, keys: readonly string[]): unknown {
  for (const k of keys) if (row[k] !== undefined && row[k] !== null) return row[k];
  return undefined;
}

function point(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  if (typeof row.metric !== "string") throw new BadRow("metric is not a string");
  const value = toDouble(row.value, "value");
  const kind = row.kind ?? "gauge";
  if (typeof kind !== "string" || !POINT_KINDS.includes(kind)) throw new BadRow(`kind is none of ${POINT_KINDS}`);
  const attributes = attributesOf(row.attributes);
  const entityId = sink.entity(resource(row, record));
  const unit = plainText(row.unit);
  const id = sink.series(entityId, row.metric, unit, kind as SeriesKind, attributes);
  sink.point(id, timeOf(first(row, TIME_KEYS)), 0, value);
}

function log(row: JsonObject, body: string, record: RawRecord, sink: SignalSink): void {
  const time = first(row, TIME_KEYS);
  const level = first(row, ["level", "severity"]);
  const severity = typeof level === "number" ? severityOf(level, "") : severityOf(0, plainText(level));
  const attributes = attributesOf(row.attributes);
  const traceId = idOf(plainText(row.traceId ?? row.trace_id).toLowerCase(), 32);
  const timeMs = time === undefined ? record.ingestTimeMs : timeOf(time);
  sink.log(sink.entity(resource(row, record)), timeMs, severity, body, attributes, traceId);
}

const resource = (row: JsonObject, record: RawRecord): Attributes =>
  resourceOf(plainText(row.service), plainText(row.host), plainText(row.entity), record.source);
