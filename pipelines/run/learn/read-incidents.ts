/** Files of known incidents: CSV with `start,end` and optional `entity,cause`, a JSON array, or JSON lines of such objects. */
import { PipelineError } from "../../core/errors.ts";
import type { KnownIncident } from "../../core/history.ts";
import { cellsOf } from "../../ingest/csv/cells.ts";
import { cellTimeMs } from "../../ingest/sources/cell-time.ts";
import { readText } from "../read-text.ts";

const NAMES = {
  start: ["start", "startms", "from", "begin", "started_at"],
  end: ["end", "endms", "to", "until", "ended_at"],
  entity: ["entity", "host", "service", "file", "series"],
  cause: ["cause", "label", "kind", "type"],
} as const;
type Field = keyof typeof NAMES;

/**
 * Times are read as `score` reads them; numbers below 1e8 are row numbers. An `end` that is missing or equal to the start
 * is the next ms or row. @throws PipelineError INPUT_INVALID with the line
 */
export async function readIncidents(path: string): Promise<KnownIncident[]> {
  const text = (await readText(path, { code: "INPUT_INVALID" })).replace(/^\u{feff}/u, "");
  const found = /^\s*[[{]/.test(text) ? fromJson(text, path) : fromCsv(text, path);
  return found.sort((a, b) => a.start - b.start || a.end - b.end);
}

const refuse = (path: string, line: number, detail: string) =>
  new PipelineError("INPUT_INVALID", `${path}:${line}`, { detail, hint: "start,end,entity,cause" });

function fromCsv(text: string, path: string): KnownIncident[] {
  const lines = text.split(/\r?\n/);
  const header = lines.findIndex((l) => l.trim() !== "");
  if (header < 0) throw refuse(path, 1, "the file is empty");
  const names = (cellsOf(lines[header]!) ?? []).map((n) => n.trim().toLowerCase());
  const at = Object.fromEntries(
    Object.entries(NAMES).map(([field, known]) => [
      field,
      names.findIndex((n) => (known as readonly string[]).includes(n)),
    ]),
  ) as Record<Field, number>;
  if (at.start < 0) throw refuse(path, header + 1, "the header has no column `start`");
  const out: KnownIncident[] = [];
  for (let i = header + 1; i < lines.length; i++) {
    if (lines[i]!.trim() === "") continue;
    const cells = cellsOf(lines[i]!);
    if (!cells) throw refuse(path, i + 1, "a quote is not closed");
    const get = (field: Field) => (at[field] < 0 ? "" : (cells[at[field]] ?? "").trim());
    out.push(incident(get("start"), get("end"), get("entity"), get("cause"), path, i + 1));
  }
  return out;
}

function fromJson(text: string, path: string): KnownIncident[] {
  const parsed: { value: unknown; line: number }[] = [];
  try {
    const whole = JSON.parse(text) as unknown;
    for (const value of Array.isArray(whole) ? whole : [whole]) parsed.push({ value, line: 1 });
  } catch {
    for (const [i, line] of text.split(/\r?\n/).entries()) {
      if (line.trim() === "") continue;
      try {
        parsed.push({ value: JSON.parse(line), line: i + 1 });
      } catch (error) {
        throw refuse(path, i + 1, (error as Error).message);
      }
    }
  }
  return parsed.map(({ value, line }) => {
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw refuse(path, line, "this is no object");
    const lower = new Map(Object.entries(value).map(([k, v]) => [k.toLowerCase(), v]));
    const get = (field: Field) => {
      const v = NAMES[field].map((n) => lower.get(n)).find((x) => x !== undefined && x !== null);
      return v === undefined ? "" : String(v).trim();
    };
    return incident(get("start"), get("end"), get("entity"), get("cause"), path, line);
  });
}

/** A time of day, or a number below 1e8 as it is. */
export function placeOf(text: string): number {
  const timeMs = cellTimeMs(text);
  return Number.isNaN(timeMs) && text.trim() !== "" ? Number(text) : timeMs;
}

function incident(from: string, to: string, entity: string, cause: string, path: string, line: number): KnownIncident {
  const start = placeOf(from);
  const end = to === "" ? start : placeOf(to);
  if (!Number.isFinite(start)) throw refuse(path, line, `${JSON.stringify(from.slice(0, 40))} is no time`);
  if (!Number.isFinite(end)) throw refuse(path, line, `${JSON.stringify(to.slice(0, 40))} is no time`);
  if (end < start) throw refuse(path, line, "it ends before it starts");
  return { start, end: end === start ? start + 1 : end, entity, cause };
}
