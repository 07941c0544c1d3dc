/** The page of a post-mortem: self-contained, printable, readable on a phone. */
import { formatDuration, plural } from "../../core/format.ts";
import type { FoundIncident, KnownIncident, PostmortemReport } from "../../core/schemas/postmortem.ts";
import { escapeHtml as h } from "../escape.ts";
import { reliabilitySection } from "../reliability.ts";
import { STYLES } from "../styles.ts";
import { rangeChart } from "./range-chart.ts";
import { adviceOf, causeOf, comparisonLines, lengthOf, missingLines, rankOf, stamp, verdictOf } from "./view.ts";

const OWN = `
.range{width:100%;height:auto;display:block;min-width:560px}.range text{font:11px system-ui,"DejaVu Sans",sans-serif;fill:var(--soft)}.range .lane{text-anchor:end;fill:var(--ink)}
.tag.found,.tag.true{background:#15803d}.tag.late{background:#b45309}.tag.merged,.tag.duplicate{background:#7c3aed}.tag.missed,.tag.false{background:#b91c1c}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(120px,1fr));gap:10px;margin:.2rem 0 .8rem}.tiles div{border:1px solid var(--line);border-radius:10px;padding:8px 12px}.tiles b{display:block;font-size:1.35rem}.tiles span{color:var(--soft);font-size:.82rem}.tiles .bad b{color:var(--red)}
a{color:var(--blue)}td .meta{display:block}.tag,.w{white-space:nowrap}td .tag{margin-bottom:2px}
`;
/** Rows of a table that a page can bear. */
const ROWS = 1000;

const section = (title: string, body: string) => (body === "" ? "" : `<section><h2>${h(title)}</h2>${body}</section>`);
/** `names`: what a cell is, said in it where the heads of the columns have no room. */
const row = (cells: readonly string[], names: readonly string[] = []) =>
  `<tr>${cells.map((c, i) => `<td${names[i] ? ` data-th="${h(names[i] as string)}"` : ""}>${c}</td>`).join("")}</tr>`;
const table = (head: readonly string[], rows: readonly string[]) =>
  `<table><tr>${head.map((t) => `<th>${h(t)}</th>`).join("")}</tr>${rows.slice(0, ROWS).join("")}</table>${rows.length > ROWS ? `<p class="meta">${rows.length - ROWS} more in postmortem.json</p>` : ""}`;
const tag = (name: string, text = name) => `<span class="tag ${h(name)}">${h(text)}</span>`;
const tile = (value: string | number, text: string, bad = false) =>
  `<div${bad ? ' class="bad"' : ""}><b>${h(String(value))}</b><span>${h(text)}</span></div>`;

const INPUTS = ["input", "format", "rows", "from", "to"];
const CAUSES = ["suspect", "incidents", "time", "worst"];

function incidentRow(i: FoundIncident, r: PostmortemReport): string {
  const id = i.report === null ? h(i.id) : `<a href="${h(i.report)}">${h(i.id)}</a>`;
  return row([
    `<span class="w">${h(stamp(i.startMs))}</span><span class="meta">seen after ${h(formatDuration(i.detectedMs - i.startMs))}</span>`,
    `${tag(i.severity)}<span class="meta">${h(lengthOf(i, r.toMs))}</span>`,
    `${h(i.headline)}<span class="meta">${id}: ${h(causeOf(i))}${i.cause?.why ? `; ${h(i.cause.why)}` : ""}${i.occurrence > 1 ? "; it came back" : ""}</span>`,
    ...(r.known ? [`${i.verdict === "true" ? "" : tag(i.verdict)}${h(verdictOf(i))}`] : []),
  ]);
}

const KNOWN = ["start", "incident", "outcome", "detected after", "by"];
const knownRow = (k: KnownIncident) =>
  row(
    [
      `<span class="w">${h(stamp(k.startMs))}</span>`,
      `${h(k.id)}<span class="meta">${h(k.service)}</span>`,
      tag(k.outcome),
      k.delayMs === null ? "" : h(formatDuration(k.delayMs)),
      `${h(k.incidentId ?? "")}<span class="meta">${h(rankOf(k))}</span>`,
    ],
    KNOWN,
  );

export function postmortemHtml(r: PostmortemReport): string {
  const k = r.known;
  const critical = r.incidents.filter((i) => i.severity === "critical").length;
  const parts = [
    `<span class="meta">Post-mortem of ${h(r.system)}, ${h(stamp(r.fromMs))} to ${h(stamp(r.toMs))}, all times UTC</span>`,
    `<h1>${h(r.headline)}</h1>`,
    `<section class="now${r.incidents.some((i) => i.state !== "resolved") ? "" : " done"}"><h2>What to do</h2>${adviceOf(
      r,
    )
      .map((a, n) => `<p${n === 0 ? ' class="do"' : ""}>${h(a)}</p>`)
      .join("")}</section>`,
    section(
      "At a glance",
      `<div class="tiles">${tile(r.incidents.length, "incidents")}${tile(critical, "critical", critical > 0)}${k ? `${tile(k.found, "known, found")}${tile(k.late, "found late", k.late > 0)}${tile(k.missed, "missed", k.missed > 0)}${tile(k.false, "false alarms", k.false > 0)}` : ""}</div>${rangeChart(r)}`,
    ),
    section(
      "Against what is known",
      k
        ? `${comparisonLines(r)
            .map((l) => `<p>${h(l)}</p>`)
            .join("")}${table(KNOWN, k.list.map(knownRow))}`
        : "",
    ),
    section(
      "Incidents",
      r.incidents.length === 0
        ? "<p>None.</p>"
        : table(
            ["start (UTC)", "", "what happened", ...(k ? ["known as"] : [])],
            r.incidents.map((i) => incidentRow(i, r)),
          ),
    ),
    section(
      "By cause",
      r.causes.length === 0
        ? ""
        : table(
            CAUSES,
            r.causes.map((c) =>
              row([h(c.name), String(c.incidents), h(formatDuration(c.downMs)), tag(c.severity)], CAUSES),
            ),
          ),
    ),
    reliabilitySection(r.reliability),
    section(
      "What was missing",
      missingLines(r).length === 0
        ? ""
        : `<ul class="ev">${missingLines(r)
            .map((m) => `<li>${h(m)}</li>`)
            .join("")}</ul>`,
    ),
    section(
      "What it rests on",
      r.inputs.length === 0
        ? ""
        : `<p>${r.data.rows} rows, windows of ${h(formatDuration(r.windowMs))}, ${plural(r.data.anomalies, "unusual series", "unusual series")}</p>${table(
            INPUTS,
            r.inputs.map((i) =>
              row(
                [`<code>${h(i.name)}</code>`, h(i.format), String(i.rows), h(stamp(i.firstMs)), h(stamp(i.lastMs))],
                INPUTS,
              ),
            ),
          )}`,
    ),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Post-mortem: ${h(r.headline)}</title><style>${STYLES}${OWN}</style></head><body><main>${parts.join("\n")}</main></body></html>\n`;
}
