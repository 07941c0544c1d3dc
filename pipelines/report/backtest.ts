/** A backtest as a page and as text: figures with their intervals, differences with a verdict, charts as SVG. */
import { BACKTEST_MEASURES, type BacktestMeasure, type BacktestReport, type Measured } from "../core/backtest.ts";
import { formatDuration } from "../core/format.ts";
import { type Chart, colour, curvesChart, timelineChart } from "./backtest-charts.ts";
import { escapeHtml as h } from "./escape.ts";
import { STYLES } from "./styles.ts";

const NAMES: Readonly<Record<BacktestMeasure, string>> = {
  recall: "Recall",
  precision: "Precision",
  f1: "F1 of incidents",
  falsePerWeek: "False incidents a week",
  timeToDetectMs: "Time to detect",
  nab: "NAB score",
  pooledAucPr: "AUC-PR, pooled",
  aucPr: "AUC-PR",
  vusPr: "VUS-PR",
  rowF1: "Best F1 of rows",
  rangeF1: "Range F1",
};
const MEASURES = Object.keys(NAMES) as BacktestMeasure[];
const figure = (chart: Chart | undefined) =>
  chart ? `<figure><figcaption>${chart.caption}</figcaption>${chart.svg}</figure>` : "";

function shown(measure: BacktestMeasure, v: number | null): string {
  if (v === null) return "–";
  if (measure === "timeToDetectMs") return formatDuration(v);
  if (measure === "nab") return v.toFixed(1);
  return measure === "falsePerWeek" ? String(Number(v.toPrecision(3))) : v.toFixed(3);
}
const within = (measure: BacktestMeasure, { interval }: Measured) =>
  interval ? `${shown(measure, interval.low)} to ${shown(measure, interval.high)}` : "";

const summary = (r: BacktestReport) =>
  `${r.rows} judged rows of ${r.models[0]?.entities.length ?? 0} entities${r.weeks === null ? "" : `, ${r.weeks.toFixed(1)} entity weeks`}, ${r.incidents} incidents`;

const verdict = (d: BacktestReport["differences"][number]) => {
  if (d.withinNoise) return "within noise";
  const better = d.measure === "falsePerWeek" || d.measure === "timeToDetectMs" ? d.difference < 0 : d.difference > 0;
  return better ? "better" : "worse";
};

export function backtestText(r: BacktestReport): string {
  const table = [["", ...r.models.map((m) => m.label)]];
  for (const measure of MEASURES) {
    const cells = r.models.map((m) => {
      const range = within(measure, m.measures[measure]);
      return `${shown(measure, m.measures[measure].value)}${range === "" ? "" : ` (${range})`}`;
    });
    table.push([NAMES[measure], ...cells]);
  }
  const widths = table[0]!.map((_, k) => Math.max(...table.map((row) => row[k]!.length)) + 2);
  const lines = [
    summary(r),
    "",
    ...table.map((row) =>
      row
        .map((cell, k) => cell.padEnd(widths[k]!))
        .join("")
        .trimEnd(),
    ),
  ];
  for (const d of r.differences)
    lines.push(
      `${NAMES[d.measure]}: ${d.model} ${d.difference >= 0 ? "+" : ""}${shown(d.measure, d.difference)} against ${d.against} (${shown(d.measure, d.interval.low)} to ${shown(d.measure, d.interval.high)}): ${verdict(d)}`,
    );
  return `${lines.join("\n")}\n`;
}

export function backtestHtml(r: BacktestReport): string {
  const head = `<tr><th>measure</th>${r.models.map((m, k) => `<th><span style="color:${colour(k)}">●</span> ${h(m.label)}<div class="meta">${h(m.chosen)}</div></th>`).join("")}</tr>`;
  const rows = MEASURES.map((measure) => {
    const cells = r.models.map((m) => {
      const range = within(measure, m.measures[measure]);
      return `<td><strong>${h(shown(measure, m.measures[measure].value))}</strong>${range === "" ? "" : `<div class="meta">${h(range)}</div>`}</td>`;
    });
    return `<tr><td><abbr title="${h(BACKTEST_MEASURES[measure])}">${h(NAMES[measure])}</abbr></td>${cells.join("")}</tr>`;
  });
  const differences = r.differences.map(
    (d) =>
      `<tr><td>${h(NAMES[d.measure])}</td><td>${h(d.model)} against ${h(d.against)}</td><td>${d.difference >= 0 ? "+" : ""}${h(shown(d.measure, d.difference))}<div class="meta">${h(shown(d.measure, d.interval.low))} to ${h(shown(d.measure, d.interval.high))}</div></td><td>${h(verdict(d))}</td></tr>`,
  );
  const entities = r.models.map((m, k) => {
    const body = m.entities
      .map(
        (e) =>
          `<tr><td>${h(e.entity)}</td><td>${e.found} of ${e.incidents}</td>${(["recall", "precision", "f1"] as const).map((m) => `<td>${h(shown(m, e[m]))}</td>`).join("")}<td>${e.falseIncidents}</td><td>${h(shown("falsePerWeek", e.falsePerWeek))}</td><td>${h(e.medianDelayMs === null ? "–" : formatDuration(e.medianDelayMs))}</td><td>${h(shown("nab", e.nab))}</td><td>${h(shown("aucPr", e.aucPr))}</td><td>${h(shown("vusPr", e.vusPr))}</td><td>${h(shown("rangeF1", e.rangeF1))}</td><td>${h(drifted(e.drift))}</td></tr>`,
      )
      .join("");
    return `<details${k === 0 ? " open" : ""}><summary>${h(m.label)}</summary><table><tr><th>entity</th><th>found</th><th>recall</th><th>precision</th><th>F1</th><th>false</th><th>a week</th><th>median delay</th><th>NAB</th><th>AUC-PR</th><th>VUS-PR</th><th>range F1</th><th>drift</th></tr>${body}</table></details>`;
  });
  const section = (title: string, body: string) =>
    body === "" ? "" : `<section><h2>${h(title)}</h2>${body}</section>`;
  const main = [
    `<h1>Backtest</h1><p class="meta">${h(summary(r))}. Each row was scored before any later one was seen, and no model is judged on rows that it learned from. Intervals: 95 %, ${r.replicates} resamples of incidents.</p>`,
    section("Measures", `<table>${head}${rows.join("")}</table>`),
    section(
      "Differences",
      differences.length === 0
        ? ""
        : `<table><tr><th>measure</th><th>of</th><th>difference</th><th>verdict</th></tr>${differences.join("")}</table>`,
    ),
    section("Precision and recall of rows", figure(curvesChart(r))),
    section("Scores, incidents and alarms", r.timelines.map((t, k) => figure(timelineChart(t, k))).join("")),
    section("Entities", entities.join("")),
    section(
      "Notes",
      r.notes.length === 0 ? "" : `<ul class="ev">${r.notes.map((n) => `<li>${h(n)}</li>`).join("")}</ul>`,
    ),
    section(
      "Definitions",
      `<ul class="ev">${MEASURES.map((m) => `<li><strong>${h(NAMES[m])}</strong>: ${h(BACKTEST_MEASURES[m])}</li>`).join("")}<li>Scores are not point-adjusted: that would flatter random ones.</li></ul>`,
    ),
  ];
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Backtest</title><style>${STYLES}</style></head><body><main>${main.join("")}</main></body></html>\n`;
}

function drifted(drift: BacktestReport["models"][number]["entities"][number]["drift"]): string {
  if (drift === null) return "–";
  const worst = [...drift].sort((a, b) => b.psi - a.psi).slice(0, 3);
  return worst.length === 0 ? "stable" : worst.map((d) => `${d.name} ${d.psi.toFixed(2)}`).join(", ");
}
