/**
 * Beats' Kafka output, Elastic Common Schema as JSON. Filebeat: `@timestamp`, `message`, `log.level`, `service.name`,
 * `host.name`, `trace.id`, nested or with dots. Metricbeat: every number below the module's own object is a series named
 * by its path (`system.cpu.total.pct`); names and mount points there, and the process, set series apart.
 * @see https://www.elastic.co/docs/reference/ecs
 */
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import { eachLine, leavesOf, numbersOf, textAt } from "./json-lines.ts";
import { BadRow, isObject, type JsonObject } from "./otlp-json.ts";
import { has, shipperLog, shipperResource, shipperTime } from "./shipper.ts";

const TIMES = ["@timestamp"];
const BODIES = ["message", "event.original", "error.message"];
/** Words that tell what is measured, not how it is. */
const IDENTITY = /(?:^|\.)(?:name|id|mount_point|device_name|interface|path)$/;
/** Metricbeat says no kinds: these only ever grow. */
const COUNTER = /^(?:system|docker)\.(?:network|diskio)\.(?!.*\.pct$)|\.ticks$|\.cfs\.throttled\./;

export const filebeat: Decoder = {
  name: "filebeat",
  decode(record, into) {
    eachLine(record, into, (row) => {
      if (has(row, "metricset") || textAt(row, "agent.type", "@metadata.beat") === "metricbeat")
        metrics(row, record, into);
      else shipperLog(row, BODIES, TIMES, record, into);
    });
  },
};

function metrics(row: JsonObject, record: RawRecord, sink: SignalSink): void {
  const module = textAt(row, "event.module", "metricset.module");
  const own = row[module];
  if (module === "" || !isObject(own)) throw new BadRow("a metric event without its module's object");
  const attributes: Record<string, string> = {};
  const leaves = () => leavesOf(own, `${module}.`);
  const numbers = numbersOf(leaves());
  for (const [path, v] of leaves()) if (typeof v === "string" && IDENTITY.test(path)) attributes[path] = v;
  for (const path of ["process.name", "process.pid"]) {
    const v = textAt(row, path);
    if (v !== "") attributes[path] = v;
  }
  if (numbers.length === 0) throw new BadRow("a metric event without a number");
  const timeMs = shipperTime(row, TIMES, record);
  const entityId = sink.entity(shipperResource(row, record.source), numbers.length);
  for (const [path, value] of numbers) {
    const kind = COUNTER.test(path) ? "counter" : "gauge";
    sink.point(sink.series(entityId, path, "", kind, attributes), timeMs, 0, value);
  }
}
