/** The page: what to do first, then why, then everything that can be checked. */

import { formatDate, formatTime, formatValue, percent, plural } from "../core/format.ts";
import type { Action, Diagnosis, EvidenceChart, Incident, Suspect } from "../core/records.ts";
import { isSelf } from "../core/self.ts";
import { escapeHtml as h } from "./escape.ts";
import { graphSvg } from "./graph.ts";
import { STYLES } from "./styles.ts";
import { trailHtml } from "./trail-html.ts";
import { type ReportView, seenBefore } from "./view.ts";

const section = (title: string, body: string) => (body === "" ? "" : `<section><h2>${h(title)}</h2>${body}</section>`);
const fact = (name: string, value: string, title = "", wide = false) =>
  `<div${wide ? ' class="wide"' : ""}><dt>${title ? `<abbr title="${h(title)}">${h(name)}</abbr>` : h(name)}</dt><dd>${h(value)}</dd></div>`;
const row = (cells: readonly string[]) => `<tr>${cells.join("")}</tr>`;
/** The pipeline's own series stand among those of the system: nobody should look for a service of that name. */
const entity = (name: string) =>
  `<td class="e">${h(name)}${isSelf(name) ? ' <span class="meta">(this pipeline itself)</span>' : ""}</td>`;
const when = (ms: number) => `<td class="t">${formatTime(ms)}</td>`;

function now(view: ReportView): string {
  const { incident, action } = view;
  const done = incident.state === "resolved";
  const d = incident.diagnosis;
  const cause = d?.suspects[0];
  const lines = [`<p class="do">${h(view.advice)}</p>`, ...view.marks.map((m) => `<p class="mark">${h(m)}</p>`)];
  if (cause)
    lines.push(
      `<p>Suspected cause: <strong>${h(cause.name)}</strong>, ${percent(cause.confidence)} sure${d?.inconclusive ? " (inconclusive)" : ""}${cause.for[0] ? `: ${h(cause.for[0].text)}` : ""}</p>`,
    );
  const before = done ? null : seenBefore(incident);
  if (before) lines.push(`<p>${h(before)}</p>`);
  if (view.command) lines.push(`<pre>${h(view.command)}</pre>`);
  if (action)
    lines.push(
      `<p class="meta">It ${h(action.plan.effect)}. Risk ${h(action.plan.risk)}; ${action.plan.reversible ? "can be undone" : "can't be undone"}; expected loss: ${h(action.plan.expectedLoss)}.</p>`,
    );
  return `<section class="now${done ? " done" : ""}"><h2>What to do</h2>${lines.join("")}</section>`;
}

function suspect(s: Suspect, i: number): string {
  const list = [
    ...s.for.slice(0, 6).map((e) => `<li${e.series ? ` title="${h(e.series)}"` : ""}>${h(e.text)}</li>`),
    ...s.against.slice(0, 4).map((e) => `<li class="con">against: ${h(e.text)}</li>`),
  ];
  const path = s.path.length > 1 ? `<div class="meta">Seen from ${s.path.map(h).join(" → ")}</div>` : "";
  return `<li><span class="who">${i + 1}. ${h(s.name)}</span> <span class="belief">${h(s.kind)}, ${percent(s.confidence)}</span><div class="bar"><i style="width:${Math.round(100 * s.confidence)}%"></i></div>${path}<ul class="ev">${list.join("")}</ul></li>`;
}

const chart = (c: EvidenceChart, svg: string) =>
  `<figure><figcaption><strong>${h(c.entity)}</strong> <code>${h(c.series)}</code>, usual ${h(formatValue(c.band.expected, c.unit, c.series))}</figcaption>${svg}</figure>`;

/** The first charts side by side, the others folded away. */
const CHARTS_OPEN = 4;
function charts(d: Diagnosis, svgs: readonly string[]): string {
  const all = d.charts.map((c, i) => chart(c, svgs[i] ?? ""));
  if (all.length === 0) return "";
  const legend = '<p class="meta">Blue: measured. Green: what was expected. Red: when it began.</p>';
  const rest = all.slice(CHARTS_OPEN);
  const more =
    rest.length > 0
      ? `<details><summary>${plural(rest.length, "more chart")}</summary><div class="charts">${rest.join("")}</div></details>`
      : "";
  return `${legend}<div class="charts">${all.slice(0, CHARTS_OPEN).join("")}</div>${more}`;
}

function similar(d: Diagnosis): string {
  const rows = (d.similar ?? []).map((s) =>
    row([
      `<td class="k">${percent(s.similarity)}</td>`,
      `<td>${h(s.id)}<div class="meta">${h(s.cause)}</div></td>`,
      `<td>${h(s.headline)}<div class="meta">alike in: ${s.why.map(h).join(", ")}</div></td>`,
      `<td>${s.repair === null ? "no repair is known" : `fixed by: ${h(s.repair)}`}</td>`,
    ]),
  );
  return rows.length === 0 ? "" : `<table>${rows.join("")}</table>`;
}

/** Who is touched, the gravest sign of each first. */
function blastRadius({ entities, anomalies }: Incident): string {
  if (entities.length === 0) return "unknown";
  const failing = new Set(
    anomalies.filter((a) => a.family === "errors" || a.family === "silence").map((a) => a.entity),
  );
  const slow = new Set(anomalies.filter((a) => a.family === "latency").map((a) => a.entity));
  const say = (what: string, list: readonly string[]) => (list.length > 0 ? [`${what}: ${list.join(", ")}`] : []);
  const shown = entities.filter((e) => !isSelf(e));
  return [
    ...say(
      "failing",
      shown.filter((e) => failing.has(e)),
    ),
    ...say(
      "slow",
      shown.filter((e) => slow.has(e) && !failing.has(e)),
    ),
    ...say(
      "touched",
      shown.filter((e) => !slow.has(e) && !failing.has(e)),
    ),
    ...say(
      "the pipeline itself",
      entities.filter((e) => isSelf(e)),
    ),
  ].join("; ");
}

function logs(d: Diagnosis): string {
  if (d.logs.length === 0) return "";
  const rows = d.logs
    .slice(0, 15)
    .map((l) =>
      row([
        when(l.startMs),
        entity(l.entity),
        `<td class="k">${l.count}${l.isNew ? " new" : ""}</td>`,
        `<td><code>${h(l.sample.slice(0, 300))}</code>${l.traceId ? `<div class="meta">trace ${h(l.traceId)}</div>` : ""}</td>`,
      ]),
    );
  return `<table><tr><th>time</th><th>service</th><th>lines</th><th>sample</th></tr>${rows.join("")}</table>`;
}

function repair(a: Action): string {
  const p = a.plan;
  const history = a.history.map((x) => row([when(x.timeMs), `<td>${h(x.state)}</td>`, `<td>${h(x.detail)}</td>`]));
  return `<p><strong>${h(p.action)} of ${h(p.target)}</strong>: ${h(a.state)}${a.approvedBy ? `, approved by ${h(a.approvedBy)}` : ""}</p><p class="meta">${h(p.reason)}</p><table>${history.join("")}</table><details><summary>Plan ${h(p.id)}</summary><p>Preconditions: ${p.preconditions.map(h).join("; ") || "none"}. Touches: ${p.blastRadius.map(h).join(", ")}.</p><p><code>${h(p.hash)}</code></p></details>`;
}

/** A whole page. `svgs` are those of the diagnosis' charts, in order. Every text of the incident is escaped. */
export function reportHtml(view: ReportView, svgs: readonly string[]): string {
  const { incident } = view;
  const { times } = incident;
  const d = incident.diagnosis;
  const range = d
    ? `${formatTime(d.onsetRangeMs[0])} – ${formatTime(d.onsetRangeMs[1])}`
    : `about ${formatTime(times.faultStartMs)}`;
  const strongest = [...incident.anomalies].sort((a, b) => a.p - b.p).slice(0, 12);
  const parts = [
    `<span class="tag ${h(incident.severity)}">${h(incident.severity)}</span><span class="tag ${h(incident.state)}">${h(incident.state)}</span><span class="meta">${h(incident.id)} in ${h(incident.system)}, ${formatDate(times.detectedMs)}, all times UTC</span>`,
    `<h1>${h(view.headline)}</h1>`,
    now(view),
    section(
      "At a glance",
      `<dl class="facts">${fact("Began between", range)}${fact("Detected", formatTime(times.detectedMs))}${fact(`Blast radius (${incident.entities.length})`, blastRadius(incident), "", true)}${view.figures.map((f) => fact(f.name, f.value, f.definition)).join("")}${d ? fact("Confidence", `${percent(d.confidence)}${d.inconclusive ? ", inconclusive" : ""}`, "Share of belief in the first suspect, over all of them. Below the limit the diagnosis calls itself inconclusive.") : ""}</dl>`,
    ),
    section(
      "Ranked causes",
      view.suspects.length > 0
        ? `<ol class="suspects">${view.suspects.map(suspect).join("")}</ol>${view.others.length > 0 ? `<p class="meta">Looked at too, with nothing telling against them: ${view.others.map((s) => `${h(s.name)} (${percent(s.confidence)})`).join(", ")}</p>` : ""}`
        : "<p>No cause has been named yet.</p>",
    ),
    section("How it spread", d ? graphSvg(d) : ""),
    section("Evidence", d ? charts(d, svgs) : ""),
    section("Seen before", d ? similar(d) : ""),
    section(
      "Changes before it",
      d && d.changes.length > 0
        ? `<table>${d.changes.map((c) => row([when(c.timeMs), entity(c.entity), `<td>${h(c.kind)}: ${h(c.detail)}</td>`])).join("")}</table>`
        : "",
    ),
    section("Error lines", d ? logs(d) : ""),
    section("Lines and requests behind it", view.trail ? trailHtml(view.trail) : ""),
    section("Repairs", view.actions.map(repair).join("")),
    section(
      "Timeline",
      `<table>${incident.timeline
        .slice(0, 60)
        .map((t) => row([when(t.timeMs), entity(t.entity), `<td>${h(t.text)}</td>`]))
        .join("")}</table>`,
    ),
    section(
      `Strongest signs (${plural(incident.anomalies.length, "unusual series", "unusual series")})`,
      `<table><tr><th>entity</th><th>series</th><th>value</th><th>why</th></tr>${strongest.map((a) => row([entity(a.entity), `<td><code>${h(a.series)}</code></td>`, `<td>${h(formatValue(a.value, a.unit, a.series))}</td>`, `<td>${h(a.why)}</td>`])).join("")}</table>`,
    ),
    section(
      "What was missing",
      d && d.missing.length > 0 ? `<ul class="ev">${d.missing.map((m) => `<li>${h(m)}</li>`).join("")}</ul>` : "",
    ),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${h(incident.id)}: ${h(view.headline)}</title><style>${STYLES}</style></head><body><main>${parts.join("\n")}</main></body></html>\n`;
}
