/**
 * Telegraf's `json` output: `{"fields":{},"name":"","tags":{},"timestamp":1458229140}`, one a line, or many in a
 * `metrics` array. Numbers are gauges, booleans 1 or 0, strings are left out.
 */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { attributesOf, eachLine } from "./json-lines.ts";
import { attempt, BadRow, isObject, type JsonObject } from "./otlp-json.ts";
import { timeOf } from "./plain.ts";
import { fieldName, type Tagged, taggedPoints } from "./tagged.ts";

export const telegrafJson: Decoder = {
  name: "telegraf-json",
  decode(record, into) {
    eachLine(record, into, (row) => {
      if (!Array.isArray(row.metrics)) return metric(row, record, into);
      for (const m of row.metrics)
        if (isObject(m)) attempt(into, () => metric(m, record, into));
        else into.reject("DECODE_BAD_FIELD", "metrics holds something that is not an object");
    });
  },
};

function metric(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  const { name, fields } = row;
  if (typeof name !== "string" || !isObject(fields)) throw new BadRow("no `name` or `fields`");
  const points: Tagged[] = [];
  for (const [key, v] of Object.entries(fields)) {
    if (typeof v === "string" || v === null) continue;
    if (typeof v !== "number" && typeof v !== "boolean") throw new BadRow(`field ${key.slice(0, 60)}: not a number`);
    points.push({ metric: fieldName(name, key), kind: "gauge", value: Number(v) });
  }
  taggedPoints(attributesOf(row.tags, "tags"), timeOf(row.timestamp), points, record, sink);
}
