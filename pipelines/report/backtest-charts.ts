/** Charts of a backtest, each an SVG that stands alone. */
import type { BacktestReport, BacktestTimeline } from "../core/backtest.ts";
import { escapeHtml as h } from "./escape.ts";

export interface Chart {
  /** Fit for a file name. */
  readonly name: string;
  /** HTML. */
  readonly caption: string;
  readonly svg: string;
}

const COLOURS = ["#2563eb", "#d97706", "#16a34a", "#9333ea", "#dc2626", "#0891b2"];
export const colour = (k: number): string => COLOURS[k % COLOURS.length]!;

const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [720, 256, 44, 26, 24];
const text = (x: number, y: number, text: string, anchor = "end") =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" style="font:11px system-ui,sans-serif;fill:#71717a;text-anchor:${anchor}">${h(text)}</text>`;

/** Precision over recall of rows; undefined without incidents. */
export function curvesChart(r: BacktestReport): Chart | undefined {
  if (r.models.every((m) => m.curve.length === 0)) return undefined;
  const x = (v: number) => LEFT + v * (WIDTH - LEFT - 12);
  const y = (v: number) => TOP + (1 - v) * (HEIGHT - TOP - BOTTOM);
  const grid = [0, 0.5, 1]
    .map(
      (v) =>
        `<path d="M${x(0)} ${y(v)}H${x(1)}" style="stroke:#8884"/>${text(LEFT - 6, y(v) + 4, String(v))}${text(x(v), HEIGHT - 6, v === 1 ? "recall 1" : String(v), v === 1 ? "end" : "middle")}`,
    )
    .join("");
  const lines = r.models
    .map((m, k) => {
      const d = m.curve.map(
        ([recall, precision], i) => `${i === 0 ? "M" : "L"}${x(recall).toFixed(1)} ${y(precision).toFixed(1)}`,
      );
      return `<path d="${d.join("")}" style="fill:none;stroke:${colour(k)};stroke-width:1.8"/>`;
    })
    .join("");
  const labels = r.models.map((m) => m.label);
  return {
    name: "precision-recall",
    caption: "Precision over recall, one threshold for all entities",
    svg: svgOf(HEIGHT, "Precision over recall", `${legend(labels)}${grid}${lines}`),
  };
}

const legend = (labels: readonly string[]) =>
  `<text x="${LEFT}" y="14" style="font:11px system-ui,sans-serif;fill:#71717a">${labels.map((l, k) => `<tspan style="fill:${colour(k)}">●</tspan> ${h(l)}`).join("  ")}</text>`;

/** Scores over time; incidents shaded; a row of ticks for each model's alarms. */
export function timelineChart(t: BacktestTimeline, index: number): Chart {
  const ticks = 12;
  const height = 168 + ticks * t.models.length;
  const span = t.to - t.from || 1;
  const x = (v: number) => LEFT + ((v - t.from) / span) * (WIDTH - LEFT - 12);
  const y = (v: number) => TOP + (1 - v) * 118;
  const place = (v: number) =>
    t.axis === "time" ? new Date(v).toISOString().slice(0, 16).replace("T", " ") : `row ${v}`;
  const shades = t.incidents.map(
    ([a, b]) =>
      `<rect x="${x(a).toFixed(1)}" y="${TOP}" width="${Math.max(1, x(b) - x(a)).toFixed(1)}" height="${118 + ticks * t.models.length}" style="fill:#dc2626;opacity:.16"/>`,
  );
  const lines = t.models.map((m, k) => {
    const d = m.score.map(([at, v], i) => `${i === 0 ? "M" : "L"}${x(at).toFixed(1)} ${y(v).toFixed(1)}`).join("");
    const row = TOP + 122 + ticks * k;
    const alarms = m.alarms.map((at) => `M${x(at).toFixed(1)} ${row}v8`).join("");
    return `<path d="${d}" style="fill:none;stroke:${colour(k)};stroke-width:1.1;opacity:.85"/><path d="${alarms}" style="fill:none;stroke:${colour(k)};stroke-width:1.8"/>`;
  });
  const axis = `${text(LEFT - 6, y(1) + 4, "1")}${text(LEFT - 6, y(0) + 4, "0")}${text(LEFT - 6, TOP + 130, "alarms")}${text(LEFT, height - 5, place(t.from), "start")}${text(WIDTH - 12, height - 5, place(t.to))}`;
  return {
    name: `scores-${index + 1}-${t.entity.replace(/[^\w.-]+/g, "-").slice(0, 80)}`,
    caption: `<strong>${h(t.entity)}</strong>; incidents shaded`,
    svg: svgOf(
      height,
      `Scores of ${t.entity}`,
      `${legend(t.models.map((m) => m.label))}${shades.join("")}${lines.join("")}${axis}`,
    ),
  };
}

const svgOf = (height: number, title: string, body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${WIDTH} ${height}"><title>${h(title)}</title>${body}</svg>`;
