/** `logs.csv` to a line table: templates are kept, lines are only counted. */
import type { LineTable } from "../../core/case-events.ts";
import type { LineTemplates } from "../../core/log-templates.ts";
import { csvRecords } from "../csv/records.ts";
import { columnsOf } from "./columns.ts";
import { timeMsOf } from "./times.ts";

const COLUMNS = ["time_ms", "service", "trace", "level", "message"] as const;
/** OpenTelemetry severity numbers. */
const LEVELS: readonly (readonly [RegExp, number])[] = [
  [/^(fatal|crit|critical|emerg|emergency|alert|panic)/i, 21],
  [/^(err|error|severe)/i, 17],
  [/^warn/i, 13],
  [/^(info|notice)/i, 9],
  [/^(debug|fine)/i, 5],
  [/^trace/i, 1],
];
const severityOf = (level: string): number => LEVELS.find(([pattern]) => pattern.test(level))?.[1] ?? 0;
const SAMPLE = 200;
/** Stands for all templates beyond the limit; ids begin at 1. */
const OTHER = 0;

interface Kind {
  readonly index: number;
  readonly entity: string;
  readonly id: number;
  severity: number;
  readonly sample: string;
}

/**
 * Memory: at most `maxTemplates` templates, what comes beyond counts as its service's `<other>`, and 12 bytes a line up
 * to `maxLines`; lines beyond that are left out.
 * @throws PipelineError as `csvRecords`, and DECODE_BAD_FIELD when a column is missing
 */
export async function readLines(
  path: string,
  mined: LineTemplates,
  { maxLines = 2_000_000, maxTemplates = 20_000 } = {},
): Promise<{ readonly lines: LineTable; readonly rejected: number; readonly left: number }> {
  let at: Record<(typeof COLUMNS)[number], number> | undefined;
  const templates = new Map<string, Kind>();
  const timeMs: number[] = [];
  const template: number[] = [];
  const trace: number[] = [];
  const traces = new Map<string, number>();
  let rejected = 0;
  let left = 0;
  for await (const { rows: records } of csvRecords(path, { careless: true })) {
    for (const cells of records) {
      if (!at) {
        at = columnsOf(cells, COLUMNS, path, ["trace", "level"]);
        continue;
      }
      const time = timeMsOf(cells[at.time_ms]);
      const entity = cells[at.service] ?? "";
      if (!(time > 0) || entity === "") {
        rejected += 1;
        continue;
      }
      if (timeMs.length >= maxLines) {
        left += 1;
        continue;
      }
      const message = cells[at.message] ?? "";
      const severity = severityOf(cells[at.level] ?? "");
      let id = mined.idOf(message);
      if (templates.size >= maxTemplates && !templates.has(`${id} ${entity}`)) id = OTHER;
      const key = `${id} ${entity}`;
      const known = templates.get(key) ?? {
        index: templates.size,
        entity,
        id,
        severity,
        sample: message.slice(0, SAMPLE),
      };
      known.severity = Math.max(known.severity, severity);
      templates.set(key, known);
      timeMs.push(time);
      template.push(known.index);
      const of = cells[at.trace] ?? "";
      if (of !== "" && !traces.has(of)) traces.set(of, traces.size);
      trace.push(traces.get(of) ?? -1);
    }
  }
  const { kinds, indexOf } = settled([...templates.values()], mined);
  return {
    lines: {
      length: timeMs.length,
      timeMs: Float64Array.from(timeMs),
      template: Int32Array.from(template, (i) => indexOf[i] as number),
      trace: Int32Array.from(trace),
      templates: kinds.map(({ entity, id, severity, sample }) => ({
        entity,
        text: id === OTHER ? "<other>" : mined.textOf(id),
        severity,
        sample,
      })),
    },
    rejected,
    left,
  };
}

/** Kinds of lines whose templates have become one are one. */
function settled(all: readonly Kind[], mined: LineTemplates): { kinds: Kind[]; indexOf: number[] } {
  const places = new Map<string, number>();
  const kinds: Kind[] = [];
  const indexOf = all.map((kind) => {
    const id = kind.id === OTHER ? OTHER : mined.now(kind.id);
    const key = `${id} ${kind.entity}`;
    const at = places.get(key);
    if (at === undefined) {
      places.set(key, kinds.length);
      return kinds.push({ ...kind, id }) - 1;
    }
    const known = kinds[at] as Kind;
    known.severity = Math.max(known.severity, kind.severity);
    return at;
  });
  return { kinds, indexOf };
}
