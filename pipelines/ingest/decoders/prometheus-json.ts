/**
 * prometheus-kafka-adapter's JSON: `{"timestamp":"1970-01-01T00:00:00Z","value":"9876","name":"up","labels":{}}`. By the
 * naming rules of Prometheus, `_total`, `_count`, `_sum` and `_bucket` are counters; all else is a gauge. A stale marker
 * (NaN) is a rejected value.
 */
import type { Decoder } from "../../core/signals.ts";
import { attributesOf, eachLine } from "./json-lines.ts";
import { BadRow, toDouble } from "./otlp-json.ts";
import { timeOf } from "./plain.ts";
import { PROMETHEUS_COUNTER, scraped } from "./tagged.ts";

export const prometheusJson: Decoder = {
  name: "prometheus-json",
  decode(record, into) {
    eachLine(record, into, (row) => {
      const { __name__, ...labels } = attributesOf(row.labels, "labels");
      const metric = typeof row.name === "string" ? row.name : __name__;
      if (metric === undefined) throw new BadRow("no `name`");
      const text = typeof row.value === "string" ? row.value.replace(/^\+?(-?)Inf$/, "$1Infinity") : row.value;
      const kind = PROMETHEUS_COUNTER.test(metric) ? "counter" : "gauge";
      const value = toDouble(text, "value");
      const { resource, attributes } = scraped(labels, record.source);
      into.point(into.series(into.entity(resource), metric, "", kind, attributes), timeOf(row.timestamp), 0, value);
    });
  },
};
