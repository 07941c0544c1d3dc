import { formatDuration } from "../core/format.ts";
import type { LogTrail, TrailLine } from "../core/log-trail.ts";

const LEVELS = ["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const CONTROL = /(?![\t\n])\p{Cc}/gu;
/** Nothing that a terminal would obey. */
const plain = (text: string): string => text.replace(CONTROL, "?");
const stamp = (ms: number): string => new Date(ms).toISOString();
const levelOf = (severity: number): string => LEVELS[Math.ceil(Math.min(severity, 24) / 4)] ?? "";

const written = (line: TrailLine, mark: string): string =>
  `${mark} ${stamp(line.timeMs)} ${levelOf(line.severity).padEnd(5)} ${plain(line.entity)}  ${plain(line.body).replaceAll("\n", "\n    ")}`;

/** For a terminal: each group with its lines (`>`) and those around them, then each trace as a tree. */
export function trailText({ fromMs, toMs, groups, traces, read, missing }: LogTrail): string {
  const out = [
    `${stamp(fromMs)} to ${stamp(toMs)}: ${read.records} records, ${read.lines} lines, ${read.spans} spans read`,
  ];
  for (const g of groups) {
    out.push("", `${plain(g.entity)}: ${g.count} of ${plain(g.template)}`);
    for (const { line, before, after } of g.lines) {
      for (const l of before) out.push(written(l, " "));
      out.push(written(line, ">"));
      for (const l of after) out.push(written(l, " "));
      out.push(`    at ${plain(line.at)}${line.traceId ? `, trace ${plain(line.traceId)}` : ""}`);
    }
  }
  for (const { traceId, spans, lines } of traces) {
    out.push("", `trace ${plain(traceId)}`);
    for (const s of spans)
      out.push(
        `  ${stamp(s.startMs)} ${"  ".repeat(Math.min(s.depth, 20))}${plain(s.entity)} ${plain(s.operation)} ${formatDuration(s.durationMs)}${s.error ? " ERROR" : ""}`,
      );
    for (const l of lines) out.push(written(l, " "));
  }
  if (groups.length + traces.length === 0) out.push("", "no warning, error or failed span in this time");
  for (const m of missing) out.push("", `not here: ${m}`);
  return `${out.join("\n")}\n`;
}
