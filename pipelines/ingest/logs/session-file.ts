/** Sessions from CSV: `SessionId,Events[,Label]`, events separated by spaces; other columns are ignored. */
import { PipelineError } from "../../core/errors.ts";
import { textLines } from "./text-lines.ts";

export interface SessionRow {
  readonly id: string;
  readonly events: readonly string[];
  /** 1 anomalous, 0 normal; undefined where there is no such column. */
  readonly label: number | undefined;
}

const MOST_LINE_BYTES = 16 * 1024 * 1024;

/** Batches of rows in order. Plain or gzip. Throws CONFIG_INVALID (columns), DECODE_BAD_FIELD, SOURCE_UNREADABLE. */
export async function* sessionRows(path: string): AsyncGenerator<SessionRow[]> {
  let columns: { id: number; events: number; label: number; width: number } | undefined;
  let lineNumber = 0;
  for await (const lines of textLines(path, { mostLineBytes: MOST_LINE_BYTES })) {
    const rows: SessionRow[] = [];
    for (const line of lines) {
      lineNumber++;
      if (line === "") continue;
      const where = `${path}:${lineNumber}`;
      const fields = csvFields(line);
      if (!fields) throw new PipelineError("DECODE_BAD_FIELD", where, { detail: "a quote is not closed" });
      if (!columns) {
        columns = columnsOf(fields, where);
        continue;
      }
      if (fields.length < columns.width)
        throw new PipelineError("DECODE_BAD_FIELD", where, {
          detail: `${fields.length} fields where there should be ${columns.width}`,
        });
      const events = (fields[columns.events] as string).split(/\s+/).filter((e) => e !== "");
      rows.push({ id: fields[columns.id] as string, events, label: labelOf(fields[columns.label], where) });
    }
    yield rows;
  }
  if (!columns) throw missing(path, "SessionId, Events");
}

const missing = (where: string, names: string) =>
  new PipelineError("CONFIG_INVALID", where, {
    detail: `no column ${names}`,
    hint: "the first line is SessionId,Events",
  });

function columnsOf(header: readonly string[], where: string) {
  const names = header.map((h) => h.trim().toLowerCase());
  const [id, events, label] = ["sessionid", "events", "label"].map((n) => names.indexOf(n)) as [number, number, number];
  if (id < 0 || events < 0) throw missing(where, id < 0 ? "SessionId" : "Events");
  return { id, events, label, width: Math.max(id, events, label) + 1 };
}

function labelOf(text: string | undefined, where: string): number | undefined {
  if (text === undefined) return undefined;
  const value = text.trim().toLowerCase();
  if (["1", "1.0", "true", "anomaly", "anomalous"].includes(value)) return 1;
  if (["0", "0.0", "false", "normal", ""].includes(value)) return 0;
  throw new PipelineError("DECODE_BAD_FIELD", where, { detail: `Label is ${text}`, hint: "0 or 1" });
}

/** Fields of one CSV line, undefined when a quote is not closed. @see RFC 4180 */
function csvFields(line: string): string[] | undefined {
  if (!line.includes('"')) return line.split(",");
  const fields: string[] = [];
  for (let i = 0; i <= line.length; ) {
    if (line[i] !== '"') {
      const end = line.indexOf(",", i);
      fields.push(line.slice(i, end < 0 ? line.length : end));
      if (end < 0) return fields;
      i = end + 1;
      continue;
    }
    let text = "";
    for (i++; ; i++) {
      const quote = line.indexOf('"', i);
      if (quote < 0) return undefined;
      text += line.slice(i, quote);
      i = quote + 1;
      if (line[i] !== '"') break;
      text += '"';
    }
    const comma = line.indexOf(",", i);
    fields.push(text + line.slice(i, comma < 0 ? line.length : comma));
    if (comma < 0) return fields;
    i = comma + 1;
  }
  return fields;
}
