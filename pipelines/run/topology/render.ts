/** A call graph for people and other tools: text, Graphviz, SVG. */
import type { Topology, TopologyChange, TopologyEdge } from "../../../models/traces/topology.ts";
import { formatDuration, percent } from "../../core/format.ts";
import { escapeHtml } from "../../report/escape.ts";
import { columns } from "../../report/graph.ts";

const COLUMN = 220;
const ROW = 64;
const BOX = { width: 150, height: 38 };
/** More can't be read in one picture: those with the most calls. */
const MOST_NODES = 60;
const MOST_OPERATIONS = 3;
const FAILING = 0.01;

const perSecond = (rate: number): string => `${rate >= 10 ? rate.toFixed(0) : rate.toPrecision(2)}/s`;
const edgeText = (e: TopologyEdge): string =>
  `${perSecond(e.ratePerSec)}, ${percent(e.errorRatio)} failed, ${formatDuration(e.meanMs)} (p95 ${formatDuration(e.p95Ms)})`;
const plain = (text: string): string => text.replace(/\p{Cc}/gu, "?");

export function topologyText(t: Topology): string {
  const { counts } = t;
  const out = [
    `${new Date(t.fromMs).toISOString()} to ${new Date(t.toMs).toISOString()}: ${counts.spans} spans in ${counts.traces} traces`,
    "",
  ];
  for (const n of t.nodes) {
    const figures = n.external
      ? "sends no spans"
      : `${perSecond(n.ratePerSec)}, ${percent(n.errorRatio)} failed, ${formatDuration(n.meanMs)}, own ${formatDuration(n.selfMs)}, ${percent(n.criticalShare)} of the critical path`;
    out.push(`${plain(n.name)}: ${figures}`);
    for (const o of n.operations.slice(0, MOST_OPERATIONS))
      out.push(
        `    ${plain(o.name)}: ${Math.round(o.calls)} calls, ${percent(o.errorRatio)} failed, ${formatDuration(o.meanMs)}, own ${formatDuration(o.selfMs)}`,
      );
    for (const e of t.edges) if (e.caller === n.name) out.push(`  -> ${plain(e.callee)}: ${edgeText(e)}`);
  }
  const notes = [
    [counts.lateSpans, "spans came after their trace was closed"],
    [counts.earlyTraces, "traces were closed early, for want of space"],
    [counts.orphans, "spans whose parent was never seen"],
    [counts.beyondLimit, "spans beyond the limit of nodes, operations and edges"],
  ] as const;
  for (const [n, what] of notes) if (n > 0) out.push(`${n} ${what}`);
  return `${out.join("\n")}\n`;
}

export const changesText = (changes: readonly TopologyChange[]): string =>
  changes.length === 0
    ? "no node, edge or operation is new or has vanished\n"
    : changes
        .map(({ kind, what, calls }) =>
          kind.startsWith("new")
            ? `${kind.replace("-", " ")}: ${plain(what)}, ${Math.round(calls)} calls\n`
            : `${kind.replace("-", " ")}: ${plain(what)}, ${Math.round(calls)} calls were to be expected\n`,
        )
        .join("");

const quoted = (text: string): string => `"${plain(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

/** Graphviz. */
export function topologyDot(t: Topology): string {
  const nodes = t.nodes.map(
    (n) =>
      `  ${quoted(n.name)} [shape=box${n.external ? ", style=dashed" : ""}, tooltip=${quoted(nodeTitle(n.name, t))}];`,
  );
  const edges = t.edges.map(
    (e) =>
      `  ${quoted(e.caller)} -> ${quoted(e.callee)} [label=${quoted(edgeText(e))}${e.errorRatio >= FAILING ? ", color=red" : ""}];`,
  );
  return `digraph calls {\n  rankdir=LR;\n${[...nodes, ...edges].join("\n")}\n}\n`;
}

function nodeTitle(name: string, t: Topology): string {
  const n = t.nodes.find((x) => x.name === name);
  return !n || n.external
    ? name
    : `${name}: ${perSecond(n.ratePerSec)}, ${percent(n.errorRatio)} failed, own time ${formatDuration(n.selfMs)}`;
}

/** A picture of the 60 busiest nodes, callers on the left; figures as titles. Self-contained. */
export function topologySvg(t: Topology): string {
  const busy = new Map<string, number>();
  for (const e of t.edges) for (const name of [e.caller, e.callee]) busy.set(name, (busy.get(name) ?? 0) + e.calls);
  for (const n of t.nodes) busy.set(n.name, (busy.get(n.name) ?? 0) + n.calls);
  const names = [...busy]
    .sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
    .slice(0, MOST_NODES)
    .map(([name]) => name);
  const shown = new Set(names);
  const edges = t.edges.filter((e) => shown.has(e.caller) && shown.has(e.callee));
  const depth = columns(
    names.sort(),
    edges.map((e) => [e.caller, e.callee]),
  );
  const used = new Map<number, number>();
  const place = new Map<string, { x: number; y: number }>();
  for (const name of names) {
    const column = depth.get(name) ?? 0;
    const row = used.get(column) ?? 0;
    used.set(column, row + 1);
    place.set(name, { x: 12 + column * COLUMN, y: 12 + row * ROW });
  }
  const width = 24 + BOX.width + Math.max(0, ...used.keys()) * COLUMN;
  const height = 12 + Math.max(1, ...used.values()) * ROW;
  const external = new Set(t.nodes.filter((n) => n.external).map((n) => n.name));
  const lines = edges.map((e) => {
    const [a, b] = [place.get(e.caller) as { x: number; y: number }, place.get(e.callee) as { x: number; y: number }];
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2];
    const bend = Math.max(30, (x2 - x1) / 2);
    const color = e.errorRatio >= FAILING ? "#c0392b" : "#7f8c8d";
    return `<path fill="none" stroke="${color}" marker-end="url(#t)" d="M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 4} ${y2}"><title>${escapeHtml(`${e.caller} calls ${e.callee}: ${edgeText(e)}`)}</title></path>`;
  });
  const boxes = names.map((name) => {
    const { x, y } = place.get(name) as { x: number; y: number };
    const label = name.length > 20 ? `${name.slice(0, 19)}…` : name;
    return `<g><title>${escapeHtml(nodeTitle(name, t))}</title><rect x="${x}" y="${y}" width="${BOX.width}" height="${BOX.height}" rx="7" fill="#fff" stroke="#34495e"${external.has(name) ? ' stroke-dasharray="4"' : ""}/><text x="${x + BOX.width / 2}" y="${y + 23}" text-anchor="middle">${escapeHtml(plain(label))}</text></g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="12"><title>Who calls whom</title><defs><marker id="t" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" fill="#7f8c8d"/></marker></defs>${lines.join("")}${boxes.join("")}</svg>\n`;
}
