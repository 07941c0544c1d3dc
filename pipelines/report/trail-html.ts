import { formatDuration, formatTime } from "../core/format.ts";
import type { LogTrail, TrailLine, TrailTrace } from "../core/log-trail.ts";
import { escapeHtml as h } from "./escape.ts";

const GROUPS = 12;
const TRACES = 5;
const CHARS = 400;
const DEEPEST = 12;

const lineRow = (line: TrailLine, meant: boolean): string =>
  `<tr><td class="t">${formatTime(line.timeMs)}</td><td>${h(line.entity)}</td><td${meant ? "" : ' class="meta"'}><code>${h(line.body.slice(0, CHARS))}</code></td></tr>`;

function trace({ traceId, spans, lines }: TrailTrace): string {
  const first = spans[0];
  const title = first ? `${first.entity} ${first.operation}, ${formatDuration(first.durationMs)}` : "";
  const spanRows = spans.map(
    (s) =>
      `<tr><td class="t">${formatTime(s.startMs)}</td><td style="padding-left:${Math.min(s.depth, DEEPEST)}em">${h(s.entity)}</td><td>${h(s.operation)}</td><td class="k">${h(formatDuration(s.durationMs))}${s.error ? " error" : ""}</td></tr>`,
  );
  const lineRows = lines.map((l) => lineRow(l, true));
  return `<details><summary>Trace <code>${h(traceId)}</code> ${h(title)}</summary><table>${spanRows.join("")}</table><table>${lineRows.join("")}</table></details>`;
}

/** Lines with those around them, then requests over all services. */
export function trailHtml({ groups, traces, missing }: LogTrail): string {
  const shown = groups.slice(0, GROUPS).map((g) => {
    const rows = g.lines.map(
      ({ line, before, after }) =>
        `<table>${[...before.map((l) => lineRow(l, false)), lineRow(line, true), ...after.map((l) => lineRow(l, false))].join("")}</table><p class="meta">${h(line.at)}${line.traceId ? `, trace ${h(line.traceId)}` : ""}</p>`,
    );
    return `<details><summary>${h(g.entity)}: <code>${h(g.template.slice(0, CHARS))}</code>, ${g.count} lines</summary>${rows.join("")}</details>`;
  });
  const notes = missing.length > 0 ? `<p class="meta">Not here: ${missing.map(h).join("; ")}</p>` : "";
  return shown.join("") + traces.slice(0, TRACES).map(trace).join("") + notes;
}
