/**
 * Fluent Bit's Kafka output, `format json`: time in `@timestamp` (Timestamp_Key), seconds or ISO 8601, or in `date`; text
 * in `log`, `message`, `msg` or systemd's `MESSAGE`; Kubernetes metadata as its filter adds them. A record without text but
 * with numbers (the inputs `cpu`, `mem`, `netif`) is a gauge for each, named by its path.
 */
import type { Decoder } from "../../core/signals.ts";
import { eachLine, firstAt, leavesOf, numbersOf } from "./json-lines.ts";
import { BadRow } from "./otlp-json.ts";
import { shipperLog, shipperResource, shipperTime } from "./shipper.ts";

const TIMES = ["@timestamp", "date", "timestamp", "time"];
const BODIES = ["log", "message", "msg", "MESSAGE"];

export const fluentBit: Decoder = {
  name: "fluent-bit",
  decode(record, into) {
    eachLine(record, into, (row) => {
      if (firstAt(row, BODIES) !== undefined) return shipperLog(row, BODIES, TIMES, record, into);
      const numbers = numbersOf(leavesOf(row)).filter(([path]) => !TIMES.includes(path));
      if (numbers.length === 0) throw new BadRow(`none of ${BODIES.join(", ")}, and no number`);
      const timeMs = shipperTime(row, TIMES, record);
      const entityId = into.entity(shipperResource(row, record.source), numbers.length);
      for (const [path, v] of numbers) into.point(into.series(entityId, path, "", "gauge", {}), timeMs, 0, v);
    });
  },
};
