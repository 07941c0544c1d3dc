/** The range as a picture: one lane a cause, a bar an incident; what is known to have happened in a lane of its own. */
import type { PostmortemReport } from "../../core/schemas/postmortem.ts";
import { escapeHtml as h } from "../escape.ts";

const WIDTH = 900;
const LEFT = 150;
const LANE = 24;
const LANES = 12;
const COLOURS = { critical: "#b91c1c", major: "#d97706", minor: "#65a30d" } as const;
const OUTCOME = { found: "#15803d", late: "#d97706", merged: "#7c3aed", missed: "#b91c1c" } as const;

const stamp = (ms: number, long: boolean) => {
  const iso = new Date(ms).toISOString();
  return long ? `${iso.slice(5, 10)} ${iso.slice(11, 16)}` : iso.slice(11, 16);
};

/** Self-contained SVG without ids or scripts; each bar has its text as a title. */
export function rangeChart(r: PostmortemReport): string {
  const span = Math.max(1, r.toMs - r.fromMs);
  const x = (ms: number) => LEFT + ((Math.min(r.toMs, Math.max(r.fromMs, ms)) - r.fromMs) / span) * (WIDTH - LEFT - 12);
  const byCause = new Map(r.causes.slice(0, LANES).map((c, i) => [c.name, i]));
  const more = r.causes.length > LANES ? LANES : -1;
  const lanes = [...r.causes.slice(0, LANES).map((c) => c.name), ...(more >= 0 ? ["others"] : [])];
  const known = r.known ? lanes.length : -1;
  if (known >= 0) lanes.push("known");
  if (lanes.length === 0) return "";
  const height = lanes.length * LANE + 34;
  const out: string[] = [];
  const long = span > 20 * 3_600_000;
  for (let i = 0; i <= 4; i++) {
    const at = r.fromMs + (span * i) / 4;
    out.push(
      `<line x1="${x(at).toFixed(1)}" x2="${x(at).toFixed(1)}" y1="6" y2="${height - 24}" style="stroke:#8883"/><text x="${x(at).toFixed(1)}" y="${height - 8}" class="tick" style="text-anchor:${i === 4 ? "end" : i === 0 ? "start" : "middle"}">${stamp(at, long)}</text>`,
    );
  }
  for (const g of r.data.gaps)
    out.push(
      `<rect x="${x(g.fromMs).toFixed(1)}" y="6" width="${Math.max(1, x(g.toMs) - x(g.fromMs)).toFixed(1)}" height="${height - 30}" style="fill:#8882"><title>no data</title></rect>`,
    );
  const lane = (i: number) => 10 + i * LANE;
  for (const [i, name] of lanes.entries())
    out.push(
      `<text x="${LEFT - 8}" y="${lane(i) + 13}" class="lane">${h(name.length > 20 ? `${name.slice(0, 19)}…` : name)}</text>`,
    );
  const bar = (i: number, fromMs: number, toMs: number, style: string, title: string) => {
    const width = Math.max(3, x(toMs) - x(fromMs));
    out.push(
      `<rect x="${Math.min(x(fromMs), WIDTH - 12 - width).toFixed(1)}" y="${lane(i) + 2}" width="${width.toFixed(1)}" height="14" rx="3" style="${style}"><title>${h(title)}</title></rect>`,
    );
  };
  for (const i of r.incidents)
    bar(
      byCause.get(i.cause?.name ?? "no cause found") ?? more,
      i.startMs,
      i.resolvedMs ?? r.toMs,
      `fill:${COLOURS[i.severity]}${i.verdict === "false" ? ";fill-opacity:.35;stroke:#8888" : ""}`,
      `${i.id}: ${i.headline}`,
    );
  for (const k of r.known?.list ?? [])
    bar(
      known,
      k.startMs,
      k.endMs ?? k.startMs,
      `fill:none;stroke-width:2;stroke:${OUTCOME[k.outcome]}`,
      `${k.id} ${k.service}: ${k.outcome}`,
    );
  return `<svg role="img" viewBox="0 0 ${WIDTH} ${height}" class="range"><title>Incidents over the range</title>${out.join("")}</svg>`;
}
