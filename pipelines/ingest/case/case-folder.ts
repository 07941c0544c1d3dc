/** A recorded incident as a folder: metrics.csv, traces.csv, logs.csv, topology.json, onset.json, each also as .gz. */

import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { LineTable, SpanTable } from "../../core/case-events.ts";
import { PipelineError } from "../../core/errors.ts";
import type { LineTemplates } from "../../core/log-templates.ts";
import { readLines } from "./lines-file.ts";
import { type MetricsFile, readMetrics } from "./metrics-file.ts";
import { readSpans } from "./spans-file.ts";
import { timeMsOf } from "./times.ts";

export interface CaseFolder {
  readonly name: string;
  readonly metrics: MetricsFile;
  readonly spans: SpanTable | null;
  readonly lines: LineTable | null;
  /** Caller and callee. */
  readonly edges: readonly (readonly [string, string])[];
  /** As the folder tells it; null if it does not. */
  readonly onsetMs: number | null;
  /** What could not be used, for people. */
  readonly notes: readonly string[];
}

const LARGEST_JSON = 64 * 1024 * 1024;
const EMPTY: MetricsFile = { timesMs: new Float64Array(0), columns: [], rejected: 0, merged: 1 };

/**
 * Any file may be missing, but not all of metrics, traces and logs. Nothing else in the folder is opened.
 * @throws PipelineError SOURCE_UNREADABLE for a folder without data, DECODE_* with file and record for one that can't be read
 */
export async function readCaseFolder(
  dir: string,
  { templates, onset = true }: { templates: LineTemplates; onset?: boolean },
): Promise<CaseFolder> {
  const found = async (name: string): Promise<string | null> => {
    for (const path of [join(dir, name), join(dir, `${name}.gz`)])
      if (
        await stat(path).then(
          (s) => s.isFile(),
          () => false,
        )
      )
        return path;
    return null;
  };
  const [metricsPath, spansPath, linesPath] = await Promise.all(["metrics.csv", "traces.csv", "logs.csv"].map(found));
  if (!metricsPath && !spansPath && !linesPath)
    throw new PipelineError("SOURCE_UNREADABLE", dir, {
      detail: "no metrics.csv, traces.csv or logs.csv in it",
      hint: "give a folder that holds at least one of them, plain or as .gz",
    });
  const notes: string[] = [];
  const note = (n: number, text: string) => n > 0 && notes.push(`${n} ${text}`);
  const metrics = metricsPath ? await readMetrics(metricsPath) : EMPTY;
  note(metrics.rejected, "rows of metrics without a time were left out");
  if (metrics.merged > 1) notes.push(`long history: ${metrics.merged} rows of metrics were averaged to one`);
  const spans = spansPath ? await readSpans(spansPath) : null;
  note(spans?.rejected ?? 0, "spans without time, service or duration were left out");
  if (spans && spans.sampled > 1) notes.push(`many spans: one of ${spans.sampled} traces was used`);
  const lines = linesPath ? await readLines(linesPath, templates) : null;
  note(lines?.rejected ?? 0, "log lines without time or service were left out");
  note(lines?.left ?? 0, "log lines beyond the limit were left out");
  const onsetPath = onset ? await found("onset.json") : null;
  const topologyPath = await found("topology.json");
  return {
    name: basename(dir),
    metrics,
    spans: spans && spans.spans.length > 0 ? spans.spans : null,
    lines: lines && lines.lines.length > 0 ? lines.lines : null,
    edges: topologyPath ? edgesOf(await jsonOf(topologyPath), topologyPath) : [],
    onsetMs: onsetPath ? onsetOf(await jsonOf(onsetPath), onsetPath) : null,
    notes,
  };
}

async function jsonOf(path: string): Promise<unknown> {
  try {
    const bytes = await readFile(path);
    const text = path.endsWith(".gz") ? gunzipSync(bytes, { maxOutputLength: LARGEST_JSON }) : bytes;
    return JSON.parse(text.toString("utf8").replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new PipelineError("DECODE_BAD_JSON", path, { detail: (cause as Error).message, cause });
  }
}

function edgesOf(json: unknown, path: string): [string, string][] {
  const edges = (json as { edges?: unknown } | null)?.edges;
  if (!Array.isArray(edges))
    throw new PipelineError("DECODE_BAD_FIELD", path, { detail: "no list `edges`", hint: '{"edges": [["a", "b"]]}' });
  return edges.map((e: unknown, i) => {
    if (!Array.isArray(e) || typeof e[0] !== "string" || typeof e[1] !== "string")
      throw new PipelineError("DECODE_BAD_FIELD", path, { detail: `edges[${i}] is not [caller, callee]` });
    return [e[0], e[1]];
  });
}

function onsetOf(json: unknown, path: string): number {
  const value = (json as { onsetMs?: unknown } | null)?.onsetMs;
  const timeMs = typeof value === "number" || typeof value === "string" ? timeMsOf(String(value)) : Number.NaN;
  if (!Number.isFinite(timeMs))
    throw new PipelineError("DECODE_BAD_FIELD", path, { detail: "`onsetMs` is not a time", hint: '{"onsetMs": ms}' });
  return timeMs;
}
