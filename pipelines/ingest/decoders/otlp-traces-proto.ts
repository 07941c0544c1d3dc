/** OTLP traces, protobuf: ExportTraceServiceRequest (opentelemetry-proto, trace/v1/trace.proto). Throws DECODE_BAD_PROTOBUF. */
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { eachRow } from "./otlp-resources.ts";
import { emitSpan, idOf, PEER_KEYS, weightOf } from "./otlp-rows.ts";
import { readAttribute } from "./otlp-values.ts";
import { nanosToMs, ProtobufReader, tagOf } from "./protobuf-reader.ts";

/** Status.code of a failed span. */
const STATUS_ERROR = 2;

export const otlpTracesProto: Decoder = {
  name: "otlp-traces-proto",
  decode(record, into) {
    const r = new ProtobufReader(record);
    eachRow(
      r,
      into,
      (entityId, end) => span(r, end, entityId, into),
      () => 1,
    );
  },
};

function span(r: ProtobufReader, end: number, entityId: number, sink: SignalSink): void {
  let traceId = "";
  let spanId = "";
  let parentId = "";
  let operation = "";
  let traceState = "";
  let kind = 0;
  let startHigh = 0;
  let startLow = 0;
  let endHigh = 0;
  let endLow = 0;
  let error = false;
  const attributes: Record<string, string> = {};
  while (r.pos < end) {
    const tag = r.tag(end);
    switch (tag) {
      case tagOf(1, 2):
        traceId = r.hex(end);
        break;
      case tagOf(2, 2):
        spanId = r.hex(end);
        break;
      case tagOf(3, 2):
        traceState = r.string(end);
        break;
      case tagOf(4, 2):
        parentId = r.hex(end);
        break;
      case tagOf(5, 2):
        operation = r.string(end);
        break;
      case tagOf(6, 0):
        kind = r.varint(end);
        break;
      case tagOf(7, 1):
        r.fixed64(end);
        startHigh = r.high;
        startLow = r.low;
        break;
      case tagOf(8, 1):
        r.fixed64(end);
        endHigh = r.high;
        endLow = r.low;
        break;
      case tagOf(9, 2):
        readAttribute(r, end, attributes, PEER_KEYS);
        break;
      case tagOf(15, 2):
        error = isError(r, r.length(end));
        break;
      default:
        r.skip(tag, end);
    }
  }
  const startMs = nanosToMs(startHigh, startLow);
  const durationMs = ((endHigh - startHigh) * 4_294_967_296 + (endLow - startLow)) / 1e6;
  emitSpan(
    sink,
    {
      entityId,
      startMs,
      durationMs,
      kind: kind <= 5 ? kind : 0,
      error,
      traceId: idOf(traceId, 32),
      spanId: idOf(spanId, 16),
      parentId: idOf(parentId, 16),
      operation,
      weight: traceState === "" ? 1 : weightOf(traceState),
    },
    attributes,
  );
}

function isError(r: ProtobufReader, end: number): boolean {
  let code = 0;
  while (r.pos < end) {
    const tag = r.tag(end);
    if (tag === tagOf(3, 0)) code = r.varint(end);
    else r.skip(tag, end);
  }
  return code === STATUS_ERROR;
}
