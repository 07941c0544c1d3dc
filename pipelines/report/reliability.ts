/** Reliability figures as a table, Markdown and HTML: one content, every figure with its definition beside it. */
import { formatDuration, plural } from "../core/format.ts";
import type { DurationFigure, ReliabilityFigure, ReliabilityReport } from "../core/reliability.ts";
import { escapeHtml as h } from "./escape.ts";
import { STYLES } from "./styles.ts";

const HOUR = 3_600_000;

export interface ReliabilityRow {
  readonly name: string;
  readonly value: string;
  readonly interval: string;
  readonly basis: string;
  readonly definition: string;
  readonly source: string;
}

const hours = (v: number | null) => (v === null ? "–" : formatDuration(v * HOUR).replace(/ h 0 min$/, " h"));
const share = (v: number) => {
  const percent = 100 * v;
  // 99.9996 % is not 100 %.
  const digits = percent > 99 && percent < 100 ? Math.min(8, 2 - Math.floor(Math.log10(100 - percent))) : 3;
  return `${Number(percent > 99 && percent < 100 ? percent.toFixed(Math.max(2, digits)) : percent.toPrecision(digits))} %`;
};

function shown(f: Pick<ReliabilityFigure, "unit" | "key">, v: number | null): string {
  if (v === null) return "–";
  if (f.key === "loadImbalance") return String(Number(v.toPrecision(4)));
  if (f.unit === "1") return share(v);
  if (f.unit === "h") return hours(v);
  return f.unit === "/h" ? `${Number((v * 24).toPrecision(3))} a day` : String(v);
}

function figureRow(f: ReliabilityFigure): ReliabilityRow {
  const { interval } = f;
  return {
    name: f.name,
    value: shown(f, f.value),
    interval:
      interval === null
        ? ""
        : `${shown(f, interval.low)} to ${interval.high === null ? "∞" : shown(f, interval.high)} (${Math.round(interval.level * 100)} %)`,
    basis: f.note || plural(f.count, f.key === "loadImbalance" ? "instance" : "outage"),
    definition: f.definition,
    source: f.source,
  };
}

function durationRow(d: DurationFigure): ReliabilityRow {
  return {
    name: d.name,
    value: d.mean === null ? "–" : `mean ${d.atLeast ? "at least " : ""}${hours(d.mean)}`,
    interval: d.mean === null ? "" : `median ${hours(d.median)}, 90 % within ${hours(d.p90)}, longest ${hours(d.max)}`,
    basis: `${d.ended} over${d.open > 0 ? `, ${d.open} not over yet` : ""}`,
    definition: d.definition,
    source: d.source,
  };
}

/** Every figure in words; what can't be told says why. */
export function reliabilityRows(r: ReliabilityReport): ReliabilityRow[] {
  const rows = [...r.figures.map(figureRow), ...r.durations.map(durationRow)];
  const { errorBudget: b, timeBetweenFailures: t } = r;
  rows.push({
    name: `Error budget of ${share(b.objective)}`,
    value: `${b.remainingShare < 0 ? "overspent" : `${share(b.remainingShare)} left`}`,
    interval: b.burnRates
      .map((w) => `burn rate ${Number(w.burnRate.toPrecision(3))} over ${hours(w.windowHours)}`)
      .join(", "),
    basis: `${hours(b.downHours)} of ${hours(b.allowedHours)} used`,
    definition: b.definition,
    source: b.source,
  });
  if (t.weibull) {
    const w = t.weibull;
    const kind = w.constantRateP > 0.05 ? "a constant rate fits" : w.shape > 1 ? "by wear" : "early or in bunches";
    rows.push({
      name: "Time between failures, Weibull",
      value: `shape ${w.shape.toFixed(3)} (${kind}), scale ${hours(w.scaleHours)}`,
      interval: `shape ${w.shapeInterval.map((v) => v.toFixed(2)).join(" to ")}, scale ${w.scaleIntervalHours.map(hours).join(" to ")} (95 %)`,
      basis: `${w.gaps} gaps${t.trend === null ? "" : `; trend ${t.trend.toFixed(2)}`}`,
      definition: t.definition,
      source: t.source,
    });
  }
  if (t.forecast) {
    const f = t.forecast;
    rows.push({
      name: "Next failure",
      value: `in ${hours(f.medianHours)} (median)`,
      interval: `${hours(f.lowHours)} to ${hours(f.highHours)} (80 %)`,
      basis: f.within.map((w) => `${share(w.probability)} within ${hours(w.hours)}`).join(", "),
      definition: `Time from now, ${hours(f.sinceLastHours)} after the last one began, by the ${f.model === "weibull" ? "Weibull fit" : "constant rate"}, the uncertainty of the fit included.`,
      source: t.source,
    });
  }
  return rows;
}

const window = (r: ReliabilityReport) =>
  `${new Date(r.fromMs).toISOString()} to ${new Date(r.toMs).toISOString()} (${hours(r.observedHours)}); ${r.incidents} outages, ${r.open} not over`;

export function reliabilityTable(r: ReliabilityReport): string {
  const rows = reliabilityRows(r);
  const width = Math.max(...rows.map((x) => x.name.length)) + 2;
  const lines = rows.map((x) => {
    const rest = [x.interval, x.basis].filter((v) => v !== "");
    return `${x.name.padEnd(width)}${x.value}\n${rest.map((v) => `${" ".repeat(width)}  ${v}\n`).join("")}`;
  });
  return `${window(r)}\n\n${lines.join("")}`;
}

const cell = (text: string) =>
  text
    .replace(/[\\|]/g, "\\$&")
    .replace(/[\r\n]+/g, " ")
    .replaceAll("<", "&lt;");

export function reliabilityMarkdown(r: ReliabilityReport): string {
  const rows = reliabilityRows(r).map(
    (x) => `| ${[x.name, x.value, x.interval, x.basis, `${x.definition} *${x.source}*`].map(cell).join(" | ")} |`,
  );
  const warnings = r.warnings.map((w) => `- ${cell(w)}`);
  return `# Reliability\n\n${window(r)}\n\n| figure | value | interval | from | definition |\n|---|---|---|---|---|\n${rows.join("\n")}\n${warnings.length > 0 ? `\n${warnings.join("\n")}\n` : ""}`;
}

/** A number and its unit stay on one line. */
const together = (html: string): string => html.replace(/(\d) (h|min|s|ms|%)(?![\p{L}\d])/gu, "$1\u00a0$2");

/** One section, for a page that has the report's styles. */
export function reliabilitySection(r: ReliabilityReport): string {
  const rows = reliabilityRows(r).map(
    (x) =>
      `<tr><td><abbr title="${h(`${x.definition} ${x.source}`)}">${h(x.name)}</abbr></td><td><strong>${h(x.value)}</strong>${x.interval === "" ? "" : `<div class="meta">${h(x.interval)}</div>`}<div class="meta narrow">${h(x.basis)}</div></td><td class="wide-only">${h(x.basis)}</td></tr>`,
  );
  const definitions = reliabilityRows(r).map(
    (x) => `<li><strong>${h(x.name)}</strong>: ${h(x.definition)} <span class="meta">${h(x.source)}</span></li>`,
  );
  const warnings = r.warnings.map((w) => `<p class="meta">${h(w)}</p>`).join("");
  return `<section><h2>Reliability</h2><p class="meta">${h(window(r))}</p><table>${together(rows.join(""))}</table>${curve(r)}${warnings}<details><summary>Definitions and sources</summary><ul class="ev">${definitions.join("")}</ul></details></section>`;
}

/** A whole page with the section alone. */
export const reliabilityHtml = (r: ReliabilityReport): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Reliability</title><style>${STYLES}</style></head><body><main>${reliabilitySection(r)}</main></body></html>\n`;

/** Survival of the time between failures, with its 95 % band. Empty for fewer than two steps. */
function curve({ timeBetweenFailures: { survival } }: ReliabilityReport): string {
  const last = survival.at(-1);
  if (!last || survival.length < 2 || !(last.hours > 0)) return "";
  const [width, height, left] = [640, 160, 64];
  const x = (t: number) => (left + (t / last.hours) * (width - left - 10)).toFixed(1);
  const y = (s: number) => (10 + (1 - s) * (height - 30)).toFixed(1);
  const stairs = (pick: (s: (typeof survival)[number]) => number) => {
    let d = `M${x(0)} ${y(1)}`;
    for (const s of survival) d += `H${x(s.hours)}V${y(pick(s))}`;
    return d;
  };
  const path = (d: string, style: string) => `<path d="${d}" style="fill:none;${style}"/>`;
  const text = (px: string | number, py: string | number, t: string, anchor: string) =>
    `<text x="${px}" y="${py}" class="axis" style="text-anchor:${anchor}">${h(t)}</text>`;
  return `<figure><figcaption>Share of gaps between failures that last longer</figcaption><svg role="img" viewBox="0 0 ${width} ${height}"><title>Kaplan-Meier curve</title>${path(
    stairs((s) => s.low),
    "stroke:#a1a1aa;stroke-dasharray:3 3",
  )}${path(
    stairs((s) => s.high),
    "stroke:#a1a1aa;stroke-dasharray:3 3",
  )}${path(
    stairs((s) => s.survival),
    "stroke:#2563eb;stroke-width:1.8",
  )}${text(left - 6, Number(y(1)) + 4, "100 %", "end")}${text(left - 6, Number(y(0)) + 4, "0", "end")}${text(width - 10, height - 4, hours(last.hours), "end")}</svg></figure>`;
}
