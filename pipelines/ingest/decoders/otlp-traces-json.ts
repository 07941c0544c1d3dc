/** OTLP traces, JSON: the rows that otlp-traces-proto.ts gives for the same data. Throws DECODE_BAD_JSON. */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import {
  eachJsonRow,
  eachRequest,
  enumField,
  hexField,
  integerField,
  type JsonObject,
  objectField,
  readAttributes,
  textField,
} from "./otlp-json.ts";
import { emitSpan, idOf, PEER_KEYS, weightOf } from "./otlp-rows.ts";

const NAMES = { resources: "resourceSpans", scopes: "scopeSpans", rows: "spans" };
const KIND_WORDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const STATUS_WORDS = ["UNSET", "OK", "ERROR"];

export const otlpTracesJson: Decoder = {
  name: "otlp-traces-json",
  decode(record, into) {
    eachRequest(record, into, (root) => tracesFromJson(root, record, into));
  },
};

/** A parsed ExportTraceServiceRequest. */
export function tracesFromJson(root: JsonObject, record: RawRecord, sink: SignalSink): void {
  eachJsonRow(
    root,
    NAMES,
    record,
    sink,
    (entityId, s) => {
      const kind = enumField(s, "kind", "SPAN_KIND_", KIND_WORDS);
      const start = integerField(s, "startTimeUnixNano");
      const end = integerField(s, "endTimeUnixNano");
      const span = {
        entityId,
        startMs: Number(start / 1_000_000n),
        durationMs: Number(end - start) / 1e6,
        kind: kind >= 0 && kind <= 5 ? kind : 0,
        error: enumField(objectField(s, "status") ?? {}, "code", "STATUS_CODE_", STATUS_WORDS) === 2,
        traceId: idOf(hexField(s, "traceId"), 32),
        spanId: idOf(hexField(s, "spanId"), 16),
        parentId: idOf(hexField(s, "parentSpanId"), 16),
        operation: textField(s, "name"),
        weight: weightOf(textField(s, "traceState")),
      };
      emitSpan(sink, span, readAttributes(s.attributes, PEER_KEYS));
    },
    () => 1,
  );
}
