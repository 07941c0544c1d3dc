/** Plain JSON and CSV, where the config says which field means what. */

import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Decoder, SignalSink } from "../../core/signals.ts";
import type { Mapping } from "../../core/topic-config.ts";
import { cellsOf } from "../csv/cells.ts";
import { eachLine, fieldAt, plainText } from "./json-lines.ts";
import { attempt, BadRow, isObject, type JsonObject, toDouble } from "./otlp-json.ts";
import { idOf, severityOf } from "./otlp-rows.ts";
import { linesOf, resourceOf, textOf, timeIn } from "./plain.ts";
import { whereOf } from "./protobuf-reader.ts";

/** A field of a row; undefined, null and '' all mean that it is not there. */
type Field = (path: string) => unknown;

/** Rows are JSON objects: one a line, in a list, or in the list that `rows` names. */
export function mappedJson(mapping: Mapping, name: string): Decoder {
  const { rows } = mapping;
  return {
    name,
    decode(record, into) {
      const read = mappedRow(mapping, record, into);
      const one = (row: JsonObject) => read((path) => fieldAt(row, path));
      eachLine(record, into, (object) => {
        if (rows === undefined) return one(object);
        const list = fieldAt(object, rows);
        if (!Array.isArray(list)) throw new BadRow(`no list ${rows}`);
        for (const row of list)
          if (isObject(row)) attempt(into, () => one(row));
          else into.reject("DECODE_BAD_FIELD", `${rows} holds something that is not an object`);
      });
    },
  };
}

/** Rows are lines of CSV; without `columns` the first line of each record names them. */
export function mappedCsv(mapping: Mapping, name: string): Decoder {
  return {
    name,
    decode(record, into) {
      const lines = linesOf(textOf(record));
      const header = mapping.columns ?? headerOf(lines, record);
      const at = new Map(header.map((column, i) => [column.trim(), i]));
      const read = mappedRow(mapping, record, into);
      for (const line of lines) {
        const cells = cellsOf(line);
        if (cells === null || cells.length !== header.length) {
          into.reject("DECODE_BAD_FIELD", cells === null ? "a quote is not closed" : `not ${header.length} cells`);
          continue;
        }
        attempt(into, () => read((path) => cells[at.get(path) ?? -1]?.trim()));
      }
    },
  };
}

function headerOf(lines: Generator<string>, record: RawRecord): string[] {
  const first = lines.next();
  const cells = first.done ? null : cellsOf(first.value);
  if (cells) return cells;
  throw new PipelineError("DECODE_BAD_FIELD", whereOf(record), {
    detail: "no CSV header",
    hint: "the first line names the columns, or the mapping does with `columns`",
  });
}

/** Reads one row: its points, its log line, or both. @throws BadRow when it holds none of what the mapping names */
function mappedRow(m: Mapping, record: RawRecord, sink: SignalSink): (field: Field) => void {
  const resources = Object.entries(m.resource);
  const values = m.values.map((v) =>
    typeof v === "string" ? { path: v, name: v, unit: "", kind: "gauge" as const } : { ...v, name: v.name ?? v.path },
  );
  return (field) => {
    const text = (path: string | undefined): string => (path === undefined ? "" : plainText(field(path)));
    const timeMs = timeOf(m, field, record);
    const points: { name: string; unit: string; kind: (typeof values)[number]["kind"]; value: number }[] = [];
    if (m.metric) {
      const name = text(m.metric.name);
      const value = numberAt(field, m.metric.value);
      if (name !== "" && value !== undefined)
        points.push({ name, unit: text(m.metric.unit), kind: m.metric.kind, value });
    }
    for (const { path, name, unit, kind } of values) {
      const value = numberAt(field, path);
      if (value !== undefined) points.push({ name, unit, kind, value });
    }
    const body = text(m.body);
    if (points.length === 0 && body === "") throw new BadRow("a row holds nothing that the mapping names");
    const other: Record<string, string> = {};
    for (const [attribute, path] of resources) {
      const value = text(path);
      if (value !== "") other[attribute] = value;
    }
    const resource = resourceOf(text(m.service), text(m.host), text(m.entity), record.source, other);
    const attributes: Record<string, string> = {};
    for (const path of m.attributes) {
      const value = text(path);
      if (value !== "") attributes[path] = value;
    }
    const entityId = sink.entity(resource, points.length + (body === "" ? 0 : 1));
    for (const { name, unit, kind, value } of points)
      sink.point(sink.series(entityId, name, unit, kind, attributes), timeMs, 0, value);
    if (body !== "")
      sink.log(
        entityId,
        timeMs,
        severityAt(field, m.severity),
        body,
        attributes,
        idOf(text(m.traceId).toLowerCase(), 32),
      );
  };
}

function timeOf({ time, timeUnit }: Mapping, field: Field, record: RawRecord): number {
  return time === undefined ? record.ingestTimeMs : timeIn(field(time), timeUnit);
}

function severityAt(field: Field, path: string | undefined): number {
  const v = path === undefined ? undefined : field(path);
  return typeof v === "number" || /^\d{1,2}$/.test(String(v)) ? severityOf(Number(v), "") : severityOf(0, plainText(v));
}

/** A number, its text, or a boolean as 1 or 0; undefined for a gap. */
function numberAt(field: Field, path: string): number | undefined {
  const v = field(path);
  if (v === undefined || v === null || v === "") return undefined;
  if (typeof v === "boolean") return Number(v);
  if (typeof v === "string" && /^[+-]?(nan|inf|infinity)$/i.test(v)) return Number.NaN;
  return toDouble(typeof v === "string" ? v.trim().replace(/^\+/, "") : v, path.slice(0, 60));
}
