/**
 * Vector's `native_json`: `{"metric":{"name","namespace","tags","timestamp","kind","counter"|"gauge":{"value"}}}` or
 * `{"log":{"message","timestamp","host",…}}`. Counters are cumulative (`absolute`) or since the last one (`incremental`).
 * Other metric types (sets, distributions, histograms) and traces are rejected by name.
 */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { attributesOf, eachLine, plainText } from "./json-lines.ts";
import { BadRow, isObject, type JsonObject, toDouble } from "./otlp-json.ts";
import { severityOf } from "./otlp-rows.ts";
import { resourceOf, timeOf } from "./plain.ts";
import { taggedPoints } from "./tagged.ts";

export const vectorJson: Decoder = {
  name: "vector-json",
  decode(record, into) {
    eachLine(record, into, (row) => {
      if (isObject(row.metric)) metric(row.metric, record, into);
      else if (isObject(row.log)) log(row.log, record, into);
      else throw new BadRow("neither `metric` nor `log`");
    });
  },
};

function metric(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  if (typeof row.name !== "string") throw new BadRow("no `name`");
  const type = isObject(row.counter) ? "counter" : isObject(row.gauge) ? "gauge" : undefined;
  if (type === undefined) throw new BadRow("neither a counter nor a gauge");
  // An incremental gauge is a change of an unknown level.
  if (type === "gauge" && row.kind === "incremental") throw new BadRow("an incremental gauge");
  const kind = type === "counter" && row.kind === "incremental" ? "delta" : type;
  const namespace = plainText(row.namespace);
  const name = namespace === "" ? row.name : `${namespace}_${row.name}`;
  const value = toDouble((row[type] as JsonObject).value, "value");
  const timeMs = row.timestamp === undefined || row.timestamp === null ? record.ingestTimeMs : timeOf(row.timestamp);
  taggedPoints(attributesOf(row.tags, "tags"), timeMs, [{ metric: name, kind, value }], record, sink);
}

function log(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  const { message, timestamp, host, service, level, severity, source_type, ...rest } = row;
  if (message === undefined) throw new BadRow("a log without `message`");
  const resource = resourceOf(plainText(service), plainText(host), "", record.source);
  const timeMs = timestamp === undefined ? record.ingestTimeMs : timeOf(timestamp);
  const number = severityOf(0, plainText(level ?? severity));
  sink.log(sink.entity(resource), timeMs, number, plainText(message), attributesOf(rest), "");
}
