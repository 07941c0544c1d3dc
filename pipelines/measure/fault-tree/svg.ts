/** A picture of the tree: gates with their symbols, events with their probabilities, what is drawn twice as a transfer. */
import type { FaultTreeAnalysis } from "./analyse.ts";
import type { FaultTreeModel, Formula } from "./model.ts";
import { xmlText } from "./xml-text.ts";

const COLUMN = 128;
const ROW = 128;
const BOX = { width: 116, height: 40 };

interface Drawn {
  readonly kind: string;
  readonly id: string;
  readonly label: string;
  readonly children: Drawn[];
  depth: number;
  x: number;
}

const NAMES: Readonly<Record<string, string>> = {
  atleast: "k/n",
  cardinality: "l..h/n",
  xor: "xor",
  iff: "iff",
  nand: "nand",
  nor: "nor",
  not: "not",
  imply: "⇒",
};

/**
 * An SVG document, self-contained. At most `maxNodes` symbols, the ones nearest to the top: what lies deeper is a transfer
 * (a triangle) that says how much it holds. Deterministic.
 */
export function faultTreeSvg(
  model: FaultTreeModel,
  analysis: Pick<FaultTreeAnalysis, "top" | "importance" | "probability">,
  { maxNodes = 400 }: { maxNodes?: number } = {},
): string {
  const root = layout(model, analysis.top, maxNodes);
  const all: Drawn[] = [];
  const stack = [root];
  for (let d = stack.pop(); d; d = stack.pop()) {
    all.push(d);
    stack.push(...d.children);
  }
  const width = (Math.max(...all.map((d) => d.x)) + 1) * COLUMN + 20;
  const height = (Math.max(...all.map((d) => d.depth)) + 1) * ROW + 30;
  const strongest = Math.max(1e-300, ...Object.values(analysis.importance).map((i) => Math.abs(i.criticality ?? 0)));
  const lines = all.flatMap((d) => d.children.map((c) => link(d, c)));
  const symbols = all.map((d) => symbol(d, analysis, strongest));
  const title = `Fault tree of ${analysis.top}${analysis.probability === null ? "" : `, probability ${show(analysis.probability)}`}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"><title>${xmlText(title)}</title><style>${STYLE}</style><rect class="back" width="${width}" height="${height}"/>${lines.join("")}${symbols.join("")}</svg>\n`;
}

const STYLE =
  ".back{fill:#fff}text{font:11px system-ui,'DejaVu Sans',sans-serif;text-anchor:middle;fill:#18181b}.name{font-weight:600;font-size:10px}.p{fill:#52525b;font-size:10px}.box,.sym{fill:#fff;stroke:#3f3f46;stroke-width:1.2}.line{fill:none;stroke:#71717a}.op{font-size:9px;font-weight:600}";

/** Breadth first, so that the bound cuts what is deepest. */
function layout(model: FaultTreeModel, top: string, maxNodes: number): Drawn {
  const drawn = new Set<string>([top]);
  const make = (formula: Formula, depth: number): { node: Drawn; args: readonly Formula[] } => {
    if (formula.kind === "constant") {
      const node = { kind: "house", id: String(formula.value), label: "", children: [], depth, x: 0 };
      return { node, args: [] };
    }
    if (formula.kind !== "ref") {
      const label =
        formula.kind === "atleast"
          ? `${formula.min}/${formula.args.length}`
          : formula.kind === "cardinality"
            ? `${formula.min}..${formula.max}/${formula.args.length}`
            : "";
      return { node: { kind: formula.kind, id: "", label, children: [], depth, x: 0 }, args: formula.args };
    }
    const id = formula.ref;
    const gate = model.gates.get(id);
    if (!gate) {
      const house = model.houseEvents.get(id);
      const label = house ? String(house.value) : (model.basicEvents.get(id)?.label ?? "");
      return { node: { kind: house ? "house" : "event", id, label, children: [], depth, x: 0 }, args: [] };
    }
    if (drawn.has(id) && depth > 0)
      return { node: { kind: "transfer", id, label: gate.label, children: [], depth, x: 0 }, args: [] };
    drawn.add(id);
    const f = gate.formula;
    const inner =
      f.kind === "ref" || f.kind === "constant"
        ? { kind: "or", label: "", args: [f] }
        : { ...make(f, depth).node, args: f.args };
    const shown = inner.kind === "atleast" || inner.kind === "cardinality" ? inner.label : "";
    return { node: { kind: inner.kind, id, label: shown || gate.label, children: [], depth, x: 0 }, args: inner.args };
  };
  const first = make({ kind: "ref", ref: top }, 0);
  const queue = [first];
  let count = 1;
  for (let i = 0; i < queue.length; i++) {
    const { node, args } = queue[i]!;
    if (count + args.length > maxNodes) {
      if (args.length > 0)
        node.children.push({
          kind: "transfer",
          id: `${args.length} inputs`,
          label: "not drawn",
          children: [],
          depth: node.depth + 1,
          x: 0,
        });
      continue;
    }
    count += args.length;
    for (const a of args) {
      const child = make(a, node.depth + 1);
      node.children.push(child.node);
      queue.push(child);
    }
  }
  let column = 0;
  const place = (d: Drawn): void => {
    for (const c of d.children) place(c);
    d.x = d.children.length === 0 ? column++ : (d.children[0]!.x + d.children.at(-1)!.x) / 2;
  };
  place(first.node); // as deep as maxNodes at most
  return first.node;
}

const centre = (d: Drawn) => ({ x: 10 + d.x * COLUMN + COLUMN / 2, y: 14 + d.depth * ROW });

function link(from: Drawn, to: Drawn): string {
  const a = centre(from);
  const b = centre(to);
  const middle = a.y + 100;
  return `<path class="line" d="M${a.x} ${a.y + 84}V${middle}H${b.x}V${b.y}"/>`;
}

const show = (p: number) => (p === 0 ? "0" : p >= 0.001 ? String(Number(p.toPrecision(3))) : p.toExponential(2));
const cut = (text: string, n: number) => (text.length > n ? `${text.slice(0, n - 1)}…` : text);

/** Characters of a name that fit into the box. */
const LINE = 16;

/**
 * One line or two, broken where a word ends if that is possible. Of what is longer still the end is kept: `…Position1` and
 * `…Position2` differ there.
 */
function nameLines(name: string): string[] {
  if (name.length <= LINE) return [name];
  let at = 0;
  for (let i = 1; i <= LINE; i++)
    if (/[_.\-/ |:]/.test(name[i - 1]!) || (/[a-z]/.test(name[i - 1]!) && /[A-Z0-9]/.test(name[i]!))) at = i;
  if (at < LINE / 2) at = LINE;
  const rest = name.slice(at);
  return [name.slice(0, at), rest.length > LINE ? `…${rest.slice(1 - LINE)}` : rest];
}

function symbol(d: Drawn, { importance }: Pick<FaultTreeAnalysis, "importance">, strongest: number): string {
  const { x, y } = centre(d);
  const left = x - BOX.width / 2;
  const figures = importance[d.id];
  const parts = [`<title>${xmlText([d.id, d.label].filter(Boolean).join(": ") || d.kind)}</title>`];
  if (d.id !== "") {
    const names = nameLines(d.id);
    const [step, first] = names.length === 1 ? [15, 16] : [11, 12];
    const text = (kind: string, line: number, t: string) =>
      `<text class="${kind}" x="${x}" y="${y + first + line * step}">${xmlText(t)}</text>`;
    parts.push(
      `<rect class="box" x="${left}" y="${y}" width="${BOX.width}" height="${BOX.height}"/>`,
      ...names.map((n, i) => text("name", i, n)),
      ...(d.label === "" ? [] : [text("p", names.length, cut(d.label, LINE + 2))]),
    );
  }
  const s = y + 46;
  if (d.kind === "event") {
    const share = Math.min(1, Math.abs(figures?.criticality ?? 0) / strongest);
    parts.push(
      `<circle class="sym" style="fill:rgb(255,${Math.round(255 - 130 * share)},${Math.round(255 - 130 * share)})" cx="${x}" cy="${s + 18}" r="18"/>`,
    );
    if (figures?.probability != null)
      parts.push(`<text class="p" x="${x}" y="${s + 52}">${show(figures.probability)}</text>`);
  } else if (d.kind === "house")
    parts.push(`<path class="sym" d="M${x - 16} ${s + 36}V${s + 14}L${x} ${s}L${x + 16} ${s + 14}V${s + 36}Z"/>`);
  else if (d.kind === "transfer") parts.push(`<path class="sym" d="M${x} ${s}L${x + 18} ${s + 34}H${x - 18}Z"/>`);
  else {
    const and = d.kind === "and" || d.kind === "nand";
    const shape = and
      ? `M${x - 20} ${s + 38}V${s + 18}A20 18 0 0 1 ${x + 20} ${s + 18}V${s + 38}Z`
      : `M${x - 20} ${s + 38}Q${x - 20} ${s + 10} ${x} ${s}Q${x + 20} ${s + 10} ${x + 20} ${s + 38}Q${x} ${s + 28} ${x - 20} ${s + 38}Z`;
    parts.push(`<path class="sym" d="${shape}"/>`);
    const name = d.kind === "atleast" || d.kind === "cardinality" ? d.label || NAMES[d.kind] : NAMES[d.kind];
    if (name) parts.push(`<text class="op" x="${x}" y="${s + 24}">${xmlText(name)}</text>`);
  }
  return `<g>${parts.join("")}</g>`;
}
