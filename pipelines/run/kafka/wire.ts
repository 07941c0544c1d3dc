/** Messages between stages as Kafka records: windows in binary columns, the rest as JSON. */

import type { WindowBatch } from "../../core/batches.ts";
import { PipelineError } from "../../core/errors.ts";
import type { Message } from "../../core/records.ts";
import type { Produced, TaskRecord } from "../../runtime/kafka/task.ts";

/** Rows in one record: brokers refuse records over 1 MiB by default. A row takes 36 bytes, a table row some hundred. */
const WINDOW_ROWS = 8192;
const TABLE_ROWS = 1000;
const HEADER_BYTES = 24;

const ORIGIN = "fw-origin";
const TYPE = "fw-type";

/** The records of one message; `origin` is the task that sends it. */
export function* toRecords(
  message: Message,
  to: { readonly topic: string; readonly partition: number; readonly origin: string },
): Generator<Produced> {
  const { topic, partition, origin } = to;
  const headers = { [ORIGIN]: origin, [TYPE]: message.type };
  if (message.type === "windows") {
    const { batch } = message;
    for (let from = 0; from === 0 || from < batch.length; from += WINDOW_ROWS)
      yield { topic, partition, key: origin, headers, value: encodeWindows(batch, from, from + WINDOW_ROWS) };
    return;
  }
  if (message.type === "tables") {
    const { entities, series } = message;
    // Entities first: a series names its entity.
    for (let from = 0; from < entities.length; from += TABLE_ROWS)
      yield {
        topic,
        partition,
        key: origin,
        headers,
        value: JSON.stringify({ entities: entities.slice(from, from + TABLE_ROWS), series: [] }),
      };
    for (let from = 0; from < series.length; from += TABLE_ROWS)
      yield {
        topic,
        partition,
        key: origin,
        headers,
        value: JSON.stringify({ entities: [], series: series.slice(from, from + TABLE_ROWS) }),
      };
    return;
  }
  const { type: _, ...body } = message;
  yield { topic, partition, key: origin, headers, value: JSON.stringify(body) };
}

/** Throws DECODE_BAD_FIELD for a record that none of our stages has written. */
export function fromRecord({ headers, value, topic, partition, offset }: TaskRecord): {
  origin: string;
  message: Message;
} {
  const type = headers[TYPE] as Message["type"] | undefined;
  const origin = headers[ORIGIN];
  try {
    if (type === undefined || origin === undefined) throw new Error("it has no origin or type");
    if (type === "windows") return { origin, message: { type, batch: decodeWindows(value) } };
    return { origin, message: { type, ...JSON.parse(Buffer.from(value).toString("utf8")) } as Message };
  } catch (cause) {
    throw new PipelineError("DECODE_BAD_FIELD", `${topic}/${partition}@${offset}`, {
      detail: (cause as Error).message,
      hint: "only faultwright may write to this topic",
      cause,
    });
  }
}

function encodeWindows(batch: WindowBatch, from: number, to: number): Uint8Array {
  const n = Math.max(0, Math.min(to, batch.length) - from);
  const bytes = new Uint8Array(HEADER_BYTES + n * 4 * 8 + n * 4);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, batch.startMs, true);
  view.setFloat64(8, batch.endMs, true);
  view.setUint32(16, n, true);
  const f64 = new Float64Array(bytes.buffer, HEADER_BYTES, 4 * n);
  f64.set(batch.value.subarray(from, from + n), 0);
  f64.set(batch.count.subarray(from, from + n), n);
  f64.set(batch.min.subarray(from, from + n), 2 * n);
  f64.set(batch.max.subarray(from, from + n), 3 * n);
  new Uint32Array(bytes.buffer, HEADER_BYTES + 4 * 8 * n, n).set(batch.seriesIds.subarray(from, from + n));
  return bytes;
}

function decodeWindows(value: Uint8Array): WindowBatch {
  const bytes = new Uint8Array(value); // aligned, which a view into a fetch is not
  const view = new DataView(bytes.buffer);
  const n = bytes.length < HEADER_BYTES ? -1 : view.getUint32(16, true);
  if (bytes.length !== HEADER_BYTES + n * 36) throw new Error(`${bytes.length} bytes are no windows`);
  const column = (i: number) => new Float64Array(bytes.buffer, HEADER_BYTES + 8 * n * i, n);
  return {
    startMs: view.getFloat64(0, true),
    endMs: view.getFloat64(8, true),
    length: n,
    seriesIds: new Uint32Array(bytes.buffer, HEADER_BYTES + 32 * n, n),
    value: column(0),
    count: column(1),
    min: column(2),
    max: column(3),
  };
}
