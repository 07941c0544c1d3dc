import { formatDate, formatTime, formatValue, percent, plural } from "../core/format.ts";
import type { ReportView } from "./view.ts";

/** One cell or line: no markup of the incident's own survives. */
const safe = (text: string): string => text.replace(/[\r\n]+/g, " ").replace(/[\\`*_[\]<>|#]/g, "\\$&");

/** The report for a chat or a ticket. */
export function reportMarkdown(view: ReportView): string {
  const { incident, action } = view;
  const { times } = incident;
  const d = incident.diagnosis;
  const out: string[] = [];
  out.push(`# ${incident.id}: ${safe(view.headline)}`, "");
  out.push(
    `**${incident.severity}, ${incident.state}** in ${safe(incident.system)}, ${formatDate(times.detectedMs)} (UTC)`,
    "",
  );
  out.push(`**Do now:** ${safe(view.advice)}`, "");
  for (const m of view.marks) out.push(`**${safe(m)}**`, "");
  if (view.command) out.push("```", view.command, "```", "");
  if (d)
    out.push(
      `- Began between ${formatTime(d.onsetRangeMs[0])} and ${formatTime(d.onsetRangeMs[1])}, detected ${formatTime(times.detectedMs)}`,
    );
  else out.push(`- Began about ${formatTime(times.faultStartMs)}, detected ${formatTime(times.detectedMs)}`);
  out.push(
    `- Affected: ${incident.entities.map(safe).join(", ")} (${plural(incident.anomalies.length, "unusual series", "unusual series")})`,
  );
  if (d) out.push(`- Confidence: ${percent(d.confidence)}${d.inconclusive ? ", inconclusive" : ""}`);
  out.push("");
  if (d && d.suspects.length > 0) {
    out.push("## Causes", "", "| | suspect | belief | for | against |", "|---|---|---|---|---|");
    for (const [i, s] of view.suspects.entries())
      out.push(
        `| ${i + 1} | ${safe(s.name)} | ${percent(s.confidence)} | ${s.for
          .slice(0, 3)
          .map((e) => safe(e.text))
          .join("; ")} | ${s.against
          .slice(0, 2)
          .map((e) => safe(e.text))
          .join("; ")} |`,
      );
    out.push("");
  }
  if (action) {
    const p = action.plan;
    out.push(
      "## Repair",
      "",
      `${safe(p.action)} of ${safe(p.target)}: **${action.state}**, ${p.risk} risk. It ${safe(p.effect)}. Expected loss: ${safe(p.expectedLoss)}.`,
      "",
    );
    for (const h of action.history) out.push(`- ${formatTime(h.timeMs)} ${h.state}: ${safe(h.detail)}`);
    out.push("");
  }
  if (d?.similar && d.similar.length > 0) {
    out.push("## Seen before", "");
    for (const s of d.similar)
      out.push(
        `- ${safe(s.id)}, ${percent(s.similarity)} alike (${s.why.map(safe).join(", ")}): ${safe(s.headline)}; ${s.repair === null ? "no repair is known" : `fixed by: ${safe(s.repair)}`}`,
      );
    out.push("");
  }
  out.push("## Timeline", "");
  for (const t of incident.timeline.slice(0, 40))
    out.push(`- ${formatTime(t.timeMs)} ${safe(t.entity)} ${safe(t.text)}`);
  out.push("", "## Strongest signs", "");
  for (const a of [...incident.anomalies].sort((x, y) => x.p - y.p).slice(0, 8))
    out.push(`- ${safe(a.entity)} ${safe(a.series)}: ${formatValue(a.value, a.unit, a.series)} (${safe(a.why)})`);
  if (d && d.logs.length > 0) {
    out.push("", "## Error lines", "");
    for (const l of d.logs.slice(0, 8))
      out.push(`- ${safe(l.entity)} ${l.count} times: ${safe(l.sample.slice(0, 200))}`);
  }
  if (view.trail && view.trail.groups.length > 0) {
    out.push("", "## Lines behind it", "");
    for (const { entity, template, count, lines } of view.trail.groups.slice(0, 5)) {
      out.push(`- ${safe(entity)}, ${count} lines of ${safe(template.slice(0, 200))}`);
      for (const { line } of lines.slice(0, 1))
        out.push(
          `  - ${formatTime(line.timeMs)} ${safe(line.body.slice(0, 300))}${line.traceId ? ` (trace ${safe(line.traceId)})` : ""}`,
        );
    }
  }
  out.push("", "## Figures", "", "| figure | value |", "|---|---|");
  for (const f of view.figures) out.push(`| ${f.name} | ${f.value} |`);
  if (d && d.missing.length > 0) out.push("", `Missing: ${d.missing.map(safe).join("; ")}`);
  return `${out.join("\n")}\n`;
}
