/** Every decoder by the format name that records carry. */
import { PipelineError } from "../../core/errors.ts";
import type { Decoder } from "../../core/signals.ts";
import { formatName, type TopicConfig } from "../../core/topic-config.ts";
import { csv } from "./csv.ts";
import { filebeat } from "./filebeat.ts";
import { fluentBit } from "./fluent-bit.ts";
import { influx } from "./influx.ts";
import { jsonl } from "./jsonl.ts";
import { logstash } from "./logstash.ts";
import { mappedCsv, mappedJson } from "./mapped.ts";
import { otlpLogsJson } from "./otlp-logs-json.ts";
import { otlpLogsProto } from "./otlp-logs-proto.ts";
import { otlpMetricsJson } from "./otlp-metrics-json.ts";
import { otlpMetricsProto } from "./otlp-metrics-proto.ts";
import { otlpTracesJson } from "./otlp-traces-json.ts";
import { otlpTracesProto } from "./otlp-traces-proto.ts";
import { prometheusJson } from "./prometheus-json.ts";
import { prometheusRemoteWrite } from "./prometheus-remote-write.ts";
import { telegrafJson } from "./telegraf-json.ts";
import { text } from "./text.ts";
import { vectorJson } from "./vector-json.ts";

export const decoders = {
  "otlp-metrics-proto": otlpMetricsProto,
  "otlp-logs-proto": otlpLogsProto,
  "otlp-traces-proto": otlpTracesProto,
  "otlp-metrics-json": otlpMetricsJson,
  "otlp-logs-json": otlpLogsJson,
  "otlp-traces-json": otlpTracesJson,
  "prometheus-remote-write": prometheusRemoteWrite,
  "prometheus-json": prometheusJson,
  influx,
  "telegraf-json": telegrafJson,
  "vector-json": vectorJson,
  "fluent-bit": fluentBit,
  filebeat,
  logstash,
  jsonl,
  csv,
  text,
} satisfies Record<string, Decoder>;

export type DecoderName = keyof typeof decoders;

/**
 * The decoder of a topic or of files, whose `name` is what their records carry as format. A mapping makes one of its own.
 * @throws PipelineError CONFIG_INVALID for a format that nothing reads
 */
export function decoderOf(about: Pick<TopicConfig, "name" | "format" | "mapping">): Decoder {
  const { name, format, mapping } = about;
  if (mapping && format === "json") return mappedJson(mapping, formatName(about));
  if (mapping && format === "csv") return mappedCsv(mapping, formatName(about));
  if (!mapping && Object.hasOwn(decoders, format)) return decoders[format as DecoderName];
  throw new PipelineError("CONFIG_INVALID", `format of ${name}`, {
    detail: mapping
      ? `no mapping goes with ${format}`
      : format === "json"
        ? "json needs a mapping"
        : `there is no decoder ${format}`,
    hint: `there are ${Object.keys(decoders).join(", ")}, and json and csv with a mapping`,
  });
}
