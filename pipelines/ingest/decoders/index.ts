/** Every decoder by the format name that records carry. */
import type { Decoder } from "../../core/signals.ts";
import { csv } from "./csv.ts";
import { influx } from "./influx.ts";
import { jsonl } from "./jsonl.ts";
import { otlpLogsJson } from "./otlp-logs-json.ts";
import { otlpLogsProto } from "./otlp-logs-proto.ts";
import { otlpMetricsJson } from "./otlp-metrics-json.ts";
import { otlpMetricsProto } from "./otlp-metrics-proto.ts";
import { otlpTracesJson } from "./otlp-traces-json.ts";
import { otlpTracesProto } from "./otlp-traces-proto.ts";
import { prometheusJson } from "./prometheus-json.ts";
import { telegrafJson } from "./telegraf-json.ts";
import { vectorJson } from "./vector-json.ts";

export const decoders = {
  "otlp-metrics-proto": otlpMetricsProto,
  "otlp-logs-proto": otlpLogsProto,
  "otlp-traces-proto": otlpTracesProto,
  "otlp-metrics-json": otlpMetricsJson,
  "otlp-logs-json": otlpLogsJson,
  "otlp-traces-json": otlpTracesJson,
  csv,
  jsonl,
  influx,
  "telegraf-json": telegrafJson,
  "prometheus-json": prometheusJson,
  "vector-json": vectorJson,
} satisfies Record<string, Decoder>;

export type DecoderName = keyof typeof decoders;
