/**
 * CSV (RFC 4180, except that a quoted field may not hold a line end): a header, then rows. Column `timestamp` (or
 * `time`), optional columns `service`, `host`, `entity`; every other column is a gauge of that name. An empty cell is a
 * gap. Throws DECODE_BAD_FIELD without a usable header, LIMIT_BYTES for a line that was too long to read.
 */
import { PipelineError } from "../../core/errors.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import type { Attributes } from "../../core/tables.ts";
import { cellsOf } from "../csv/cells.ts";
import { linesOf, resourceOf, textOf, timeOf } from "./plain.ts";
import { whereOf } from "./protobuf-reader.ts";

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const NOT_FINITE = /^[+-]?(nan|inf|infinity)$/i;
const LABELS = ["service", "host", "entity"];

export const csv: Decoder = {
  name: "csv",
  decode(record, into) {
    const lines = linesOf(textOf(record));
    const first = lines.next();
    const header = first.done ? null : cellsOf(first.value);
    const names = header?.map((n) => n.trim()) ?? [];
    const lower = names.map((n) => n.toLowerCase());
    const time = lower.findIndex((n) => n === "timestamp" || n === "time");
    if (time < 0) {
      throw new PipelineError("DECODE_BAD_FIELD", whereOf(record), {
        detail: "the CSV header has no column `timestamp`",
        hint: "the first line names the columns: timestamp,cpu,memory",
      });
    }
    const at = LABELS.map((n) => lower.indexOf(n));
    const values = names.map((_, i) => i).filter((i) => i !== time && !at.includes(i));
    const entities = new Map<string, Columns>();
    for (const line of lines) {
      const cells = cellsOf(line);
      if (cells === null || cells.length !== names.length) {
        into.reject("DECODE_BAD_FIELD", cells === null ? "a quote is not closed" : `not ${names.length} cells`);
        continue;
      }
      const [service = "", host = "", entity = ""] = at.map((i) => cells[i]?.trim() ?? "");
      const key = `${service}\u0000${host}\u0000${entity}`;
      let columns = entities.get(key);
      if (!columns) {
        columns = new Columns(into, names, resourceOf(service, host, entity, record.source));
        entities.set(key, columns);
      }
      columns.row(timeOf(cells[time]), cells, values);
    }
  },
};

/** The series of one entity's columns. */
class Columns {
  readonly #sink: SignalSink;
  readonly #names: readonly string[];
  readonly #resource: Attributes;
  readonly #ids: Int32Array;
  #entityId = -1;

  constructor(sink: SignalSink, names: readonly string[], resource: Attributes) {
    this.#sink = sink;
    this.#names = names;
    this.#resource = resource;
    this.#ids = new Int32Array(names.length).fill(-1);
  }

  row(timeMs: number, cells: readonly string[], values: readonly number[]): void {
    const sink = this.#sink;
    const filled = values.filter((i) => (cells[i] as string).trim() !== "");
    if (filled.length === 0) return;
    if (this.#entityId < 0) this.#entityId = sink.entity(this.#resource, filled.length);
    if (this.#entityId < 0) return;
    for (const i of filled) {
      const cell = (cells[i] as string).trim();
      if (NUMBER.test(cell)) sink.point(this.#series(i), timeMs, 0, Number(cell));
      else if (NOT_FINITE.test(cell)) sink.reject("VALUE_NOT_FINITE", `column ${this.#names[i]}`);
      else sink.reject("DECODE_BAD_FIELD", `column ${this.#names[i]}: not a number`);
    }
  }

  #series(column: number): number {
    let id = this.#ids[column] as number;
    // A refused series is asked for again each time, so that every row of it is counted.
    if (id < 0) {
      id = this.#sink.series(this.#entityId, this.#names[column] as string, "", "gauge", {});
      this.#ids[column] = id;
    }
    return id;
  }
}
