/** OTLP logs, protobuf: ExportLogsServiceRequest (opentelemetry-proto, logs/v1/logs.proto). Throws DECODE_BAD_PROTOBUF. */
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { eachRow } from "./otlp-resources.ts";
import { idOf, severityOf } from "./otlp-rows.ts";
import { anyText, readAttribute } from "./otlp-values.ts";
import { ProtobufReader, tagOf } from "./protobuf-reader.ts";

export const otlpLogsProto: Decoder = {
  name: "otlp-logs-proto",
  decode(record, into) {
    const r = new ProtobufReader(record);
    eachRow(
      r,
      into,
      (entityId, end) => logRecord(r, end, entityId, into, record.ingestTimeMs),
      () => 1,
    );
  },
};

function logRecord(r: ProtobufReader, end: number, entityId: number, sink: SignalSink, ingestTimeMs: number): void {
  let timeMs = 0;
  let observedMs = 0;
  let severity = 0;
  let severityText = "";
  let body = "";
  let traceId = "";
  const attributes: Record<string, string> = {};
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case tagOf(1, 1):
        timeMs = r.nanos(end);
        break;
      case tagOf(2, 0):
        severity = r.varint(end);
        break;
      case tagOf(3, 2):
        severityText = r.string(end);
        break;
      case tagOf(5, 2):
        body = anyText(r, r.length(end));
        break;
      case tagOf(6, 2):
        readAttribute(r, end, attributes);
        break;
      case tagOf(9, 2):
        traceId = r.hex(end);
        break;
      case tagOf(11, 1):
        observedMs = r.nanos(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  const time = timeMs || observedMs || ingestTimeMs;
  sink.log(entityId, time, severityOf(severity, severityText), body, attributes, idOf(traceId, 32));
}
