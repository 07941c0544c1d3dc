/** The call graph as SVG: callers on the left, who is suspected in red, the way from symptom to cause drawn strong. */

import { formatDuration, percent } from "../core/format.ts";
import type { Diagnosis } from "../core/records.ts";
import { escapeHtml } from "./escape.ts";

const COLUMN = 190;
const ROW = 74;
const BOX = { width: 132, height: 40 };
const MOST_NODES = 24;

/** Longest way from an entry, calls that close a circle left out: the column of each node, without empty columns. */
export function columns(nodes: readonly string[], calls: readonly (readonly [string, string])[]): Map<string, number> {
  const next = new Map<string, string[]>(nodes.map((n) => [n, []]));
  for (const [from, to] of calls) if (next.has(to) && from !== to) next.get(from)?.push(to);
  const called = new Set([...next.values()].flat());
  const forward: [from: string, to: string][] = [];
  const state = new Map<string, "open" | "done">();
  const visit = (node: string) => {
    state.set(node, "open");
    for (const n of next.get(node) ?? []) {
      if (state.get(n) !== "open") forward.push([node, n]);
      if (!state.has(n)) visit(n);
    }
    state.set(node, "done");
  };
  for (const n of [...nodes.filter((n) => !called.has(n)), ...nodes]) if (!state.has(n)) visit(n);
  const depth = new Map(nodes.map((n) => [n, 0]));
  for (let round = 0, moved = true; moved && round < nodes.length; round++) {
    moved = false;
    for (const [from, to] of forward) {
      const at = (depth.get(from) as number) + 1;
      if (at > (depth.get(to) as number)) {
        depth.set(to, at);
        moved = true;
      }
    }
  }
  const used = [...new Set(depth.values())].sort((x, y) => x - y);
  return new Map([...depth].map(([n, d]) => [n, used.indexOf(d)]));
}

/** Empty when no calls are known. Deterministic. */
export function graphSvg(diagnosis: Diagnosis): string {
  const calls = new Map<string, { from: string; to: string; calls: number; errors: number; ms: number }>();
  for (const e of diagnosis.edges) {
    const key = `${e.caller}\u0000${e.callee}`;
    const c = calls.get(key) ?? { from: e.caller, to: e.callee, calls: 0, errors: 0, ms: 0 };
    c.calls += e.calls;
    c.errors += e.calls * e.errorRatio;
    c.ms += e.calls * e.durationMs;
    calls.set(key, c);
  }
  if (calls.size === 0) return "";
  const edges = [...calls.values()].sort((a, b) => (`${a.from} ${a.to}` < `${b.from} ${b.to}` ? -1 : 1));
  const nodes = [...new Set(edges.flatMap((e) => [e.from, e.to]))].sort().slice(0, MOST_NODES);
  const depth = columns(
    nodes,
    edges.map((e) => [e.from, e.to]),
  );
  const used = new Map<number, number>();
  const place = new Map<string, { x: number; y: number }>();
  for (const n of nodes) {
    const c = depth.get(n) ?? 0;
    const r = used.get(c) ?? 0;
    used.set(c, r + 1);
    place.set(n, { x: 12 + c * COLUMN, y: 14 + r * ROW });
  }
  const tallest = Math.max(...used.values());
  for (const [n, p] of place) p.y += ((tallest - (used.get(depth.get(n) ?? 0) ?? 1)) * ROW) / 2;
  const width = 24 + (Math.max(...used.keys()) + 1) * COLUMN - (COLUMN - BOX.width);
  const height = 14 + tallest * ROW;
  const suspicion = new Map(diagnosis.suspects.map((s) => [s.name, s.confidence]));
  const path = diagnosis.suspects[0]?.path ?? [];
  const onPath = new Set(path.slice(1).flatMap((to, i) => [`${path[i]}>${to}`, `${to}>${path[i]}`]));
  const lines = edges.map((e) => {
    const [a, b] = [place.get(e.from), place.get(e.to)];
    if (!a || !b) return "";
    const strong = onPath.has(`${e.from}>${e.to}`);
    const [x1, y1, x2, y2] = [a.x + BOX.width, a.y + BOX.height / 2, b.x, b.y + BOX.height / 2];
    const bend = Math.max(30, (x2 - x1) / 2);
    const title = `${e.from} calls ${e.to}: ${Math.round(e.calls)} calls, ${formatDuration(e.ms / Math.max(1, e.calls))} each, ${percent(e.errors / Math.max(1, e.calls))} failed`;
    return `<path class="${strong ? "strong" : "edge"}" d="M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2 - 5} ${y2}" marker-end="url(#${strong ? "tip-strong" : "tip"})"><title>${escapeHtml(title)}</title></path>`;
  });
  const boxes = nodes.map((n) => {
    const p = place.get(n) as { x: number; y: number };
    const share = suspicion.get(n) ?? 0;
    const first = diagnosis.suspects[0]?.name === n;
    const label = n.length > 17 ? `${n.slice(0, 16)}…` : n;
    return `<g><title>${escapeHtml(n)}</title><rect class="${first ? "first" : share >= 0.1 ? "some" : "node"}" x="${p.x}" y="${p.y}" width="${BOX.width}" height="${BOX.height}" rx="8"/><text x="${p.x + BOX.width / 2}" y="${p.y + 18}" class="name${first ? " on" : ""}">${escapeHtml(label)}</text><text x="${p.x + BOX.width / 2}" y="${p.y + 32}" class="share${first ? " on" : ""}">${suspicion.has(n) ? percent(share) : ""}</text></g>`;
  });
  const tip = (id: string) =>
    `<marker id="${id}" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="10" markerHeight="10" markerUnits="userSpaceOnUse" orient="auto"><path class="${id}" d="M0 0 8 4 0 8z"/></marker>`;
  return `<svg class="graph" role="img" viewBox="0 0 ${width} ${height}" style="max-width:${width}px"><title>Who calls whom</title><defs>${tip("tip")}${tip("tip-strong")}</defs>${lines.join("")}${boxes.join("")}</svg>`;
}
