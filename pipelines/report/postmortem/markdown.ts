import { formatDuration, plural } from "../../core/format.ts";
import type { PostmortemReport } from "../../core/schemas/postmortem.ts";
import { reliabilityMarkdown } from "../reliability.ts";
import { adviceOf, causeOf, comparisonLines, lengthOf, missingLines, rankOf, stamp, verdictOf } from "./view.ts";

/** One cell or line: no markup of the data's own survives. */
const safe = (text: string): string => text.replace(/[\r\n]+/g, " ").replace(/[\\`*_[\]<>|#]/g, "\\$&");
const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const head = (names: readonly string[]) => [row(names), row(names.map(() => "---"))];
const ROWS = 500;

/** The post-mortem for a ticket or a wiki. */
export function postmortemMarkdown(r: PostmortemReport): string {
  const out: string[] = [
    `# Post-mortem of ${safe(r.system)}: ${safe(r.headline)}`,
    "",
    `${stamp(r.fromMs)} to ${stamp(r.toMs)} (UTC)`,
    "",
    ...adviceOf(r).map((a) => `- **${safe(a)}**`),
    "",
  ];
  if (r.known) {
    out.push("## Against what is known", "", ...comparisonLines(r).map((l) => `- ${safe(l)}`), "");
    out.push(...head(["start", "incident", "service", "outcome", "detected after", "by", "its service is"]));
    for (const k of r.known.list.slice(0, ROWS))
      out.push(
        row([
          stamp(k.startMs),
          safe(k.id),
          safe(k.service),
          k.outcome === "found" ? "found" : `**${k.outcome}**`,
          k.delayMs === null ? "" : formatDuration(k.delayMs),
          k.incidentId ?? "",
          rankOf(k),
        ]),
      );
    out.push("");
  }
  out.push("## Incidents", "");
  if (r.incidents.length === 0) out.push("None.");
  else {
    out.push(...head(["start", "lasted", "seen after", "severity", "what happened", "cause", "id", "known as"]));
    for (const i of r.incidents.slice(0, ROWS))
      out.push(
        row([
          stamp(i.startMs),
          lengthOf(i, r.toMs),
          formatDuration(i.detectedMs - i.startMs),
          i.severity,
          safe(i.headline),
          safe(causeOf(i)),
          i.report === null ? i.id : `[${i.id}](${i.report})`,
          safe(verdictOf(i)),
        ]),
      );
    if (r.incidents.length > ROWS) out.push("", `${r.incidents.length - ROWS} more in postmortem.json`);
  }
  if (r.causes.length > 0) {
    out.push("", "## By cause", "", ...head(["suspect", "incidents", "time"]));
    for (const c of r.causes.slice(0, 50)) out.push(row([safe(c.name), String(c.incidents), formatDuration(c.downMs)]));
  }
  out.push("", reliabilityMarkdown(r.reliability).replace(/^# /, "## ").trimEnd());
  const missing = missingLines(r);
  if (missing.length > 0) out.push("", "## What was missing", "", ...missing.map((m) => `- ${safe(m)}`));
  if (r.inputs.length > 0) {
    out.push(
      "",
      "## What it rests on",
      "",
      `${r.data.rows} rows, windows of ${formatDuration(r.windowMs)}, ${plural(r.data.anomalies, "unusual series", "unusual series")}`,
      "",
      ...head(["input", "format", "rows", "from", "to"]),
    );
    for (const i of r.inputs.slice(0, ROWS))
      out.push(row([safe(i.name), i.format, String(i.rows), stamp(i.firstMs), stamp(i.lastMs)]));
  }
  return `${out.join("\n")}\n`;
}
