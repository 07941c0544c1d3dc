/** Outages from the text of a CSV or JSONL file, or a JSON array. */
import { PipelineError } from "../../core/errors.ts";
import type { Action, Incident } from "../../core/records.ts";
import type { OutageRecord } from "../../core/reliability.ts";
import { csvRows } from "./csv-rows.ts";
import { fromIncident } from "./from-incident.ts";
import { columnsOf, outageOf } from "./outage-fields.ts";

export interface OutagesRead {
  readonly outages: readonly OutageRecord[];
  /** Rows that were left out, the first of them with their reasons. */
  readonly skipped: number;
  readonly warnings: readonly string[];
}

const SHOWN = 5;

/**
 * JSON lines hold incidents as the pipeline writes them, or flat objects; CSV has a header. A row that can't be used is
 * counted and named in the warnings; of two with one id the last counts.
 * @throws PipelineError INPUT_INVALID where no row can be used at all, with the line of the first fault
 */
export function readOutages(text: string, file: string): OutagesRead {
  const outages = new Map<string, OutageRecord>();
  const faults: string[] = [];
  let skipped = 0;
  let repeated = 0;
  const add = (row: OutageRecord | string, line: number) => {
    if (typeof row === "string") {
      skipped += 1;
      if (faults.length < SHOWN) faults.push(`${file}:${line}: ${row}`);
      return;
    }
    if (outages.delete(row.id)) repeated += 1;
    outages.set(row.id, row);
  };
  const body = text.replace(/^\u{feff}/u, "");
  if (/^\s*\[/.test(body)) {
    for (const [i, item] of jsonOf(body, `${file}:1`).entries()) add(fromJson(item, `row ${i + 1}`), i + 1);
  } else if (/^\s*\{/.test(body)) {
    for (const [i, line] of body.split(/\r?\n/).entries()) {
      if (line.trim() === "") continue;
      try {
        add(fromJson(JSON.parse(line), `line ${i + 1}`), i + 1);
      } catch {
        add("it is not JSON", i + 1);
      }
    }
  } else readCsv(body, file, add);
  if (outages.size === 0 && skipped > 0)
    throw new PipelineError("INPUT_INVALID", faults[0]!.split(": ")[0]!, {
      detail: faults[0]!.split(": ").slice(1).join(": "),
    });
  const warnings = [...faults.map((f) => `left out ${f}`)];
  if (skipped > SHOWN) warnings.push(`${skipped - SHOWN} more rows of ${file} left out`);
  if (repeated > 0) warnings.push(`${repeated} rows of ${file} replaced by a later one with the same id`);
  return { outages: [...outages.values()], skipped, warnings };
}

function jsonOf(text: string, where: string): unknown[] {
  try {
    return JSON.parse(text) as unknown[];
  } catch (error) {
    throw new PipelineError("INPUT_INVALID", where, { detail: (error as Error).message });
  }
}

function fromJson(item: unknown, fallbackId: string): OutageRecord | string {
  if (typeof item !== "object" || item === null || Array.isArray(item)) return "it is no object";
  const object = item as Record<string, unknown>;
  const times = object.times as Record<string, unknown> | undefined;
  if (times && typeof times === "object" && "faultStartMs" in times && Array.isArray(object.entities))
    return fromIncident(object as unknown as Incident, (object.actions ?? []) as Action[]);
  const names = Object.keys(object);
  const columns = columnsOf(names);
  return outageOf((c) => (columns.has(c) ? object[names[columns.get(c)!]!] : undefined), fallbackId);
}

function readCsv(text: string, file: string, add: (row: OutageRecord | string, line: number) => void): void {
  const rows = csvRows(text, file);
  const header = rows.next().value as { cells: string[] } | undefined;
  if (!header) return;
  const columns = columnsOf(header.cells);
  if (!columns.has("start") && !columns.has("detected"))
    throw new PipelineError("INPUT_INVALID", `${file}:1`, {
      detail: "no column tells when an outage began",
      hint: "name one start or detected; others: id, service, severity, acknowledged, mitigated, resolved, change, attempted, recovered, acknowledged_writes, lost_writes, injected",
    });
  for (const { cells, line } of rows) {
    if (cells.every((c) => c.trim() === "")) continue;
    add(
      outageOf((c) => (columns.has(c) ? cells[columns.get(c)!] : undefined), `line ${line}`),
      line,
    );
  }
}
