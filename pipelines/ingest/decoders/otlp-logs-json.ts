/** OTLP logs, JSON: the rows that otlp-logs-proto.ts gives for the same data. Throws DECODE_BAD_JSON. */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import {
  anyToText,
  eachJsonRow,
  eachRequest,
  enumField,
  hexField,
  type JsonObject,
  nanosField,
  readAttributes,
  textField,
} from "./otlp-json.ts";
import { idOf, severityOf } from "./otlp-rows.ts";

const NAMES = { resources: "resourceLogs", scopes: "scopeLogs", rows: "logRecords" };
const SEVERITY_WORDS = [
  "UNSPECIFIED",
  ...["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"].flatMap((w) => [w, `${w}2`, `${w}3`, `${w}4`]),
];

export const otlpLogsJson: Decoder = {
  name: "otlp-logs-json",
  decode(record, into) {
    eachRequest(record, into, (root) => logsFromJson(root, record, into));
  },
};

/** A parsed ExportLogsServiceRequest. */
export function logsFromJson(root: JsonObject, record: RawRecord, sink: SignalSink): void {
  eachJsonRow(
    root,
    NAMES,
    record,
    sink,
    (entityId, log) => {
      const time = nanosField(log, "timeUnixNano") || nanosField(log, "observedTimeUnixNano") || record.ingestTimeMs;
      const number = enumField(log, "severityNumber", "SEVERITY_NUMBER_", SEVERITY_WORDS);
      const severity = severityOf(number, textField(log, "severityText"));
      const attributes = readAttributes(log.attributes);
      sink.log(entityId, time, severity, anyToText(log.body), attributes, idOf(hexField(log, "traceId"), 32));
    },
    () => 1,
  );
}
