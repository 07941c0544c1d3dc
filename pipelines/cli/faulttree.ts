import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { analyseFaultTree, DEFAULT_MISSION_HOURS, type FaultTreeAnalysis } from "../measure/fault-tree/analyse.ts";
import { faultTreeSvg } from "../measure/fault-tree/svg.ts";
import { readFaultTreeFiles } from "../run/fault-tree-files.ts";

const whole =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (text: string) => {
    const n = Number(text);
    if (!/^\d+$/.test(text) || n < least || n > most)
      throw new InvalidArgumentError(`write a whole number from ${least}${most < 1e9 ? ` to ${most}` : ""}`);
    return n;
  };
function hours(text: string): number {
  const n = Number(text);
  if (text.trim() === "" || !Number.isFinite(n) || n < 0) throw new InvalidArgumentError("write hours >= 0");
  return n;
}

interface Options {
  readonly json?: boolean;
  readonly top?: string;
  readonly limitOrder?: number;
  readonly missionHours: number;
  readonly cutSets: number;
  readonly trials: number;
  readonly seed: number;
  readonly maxNodes?: number;
  readonly svg?: string;
}

export function faulttreeCommand(): Command {
  return new Command("faulttree")
    .description("Solve a fault tree: minimal cut sets, probability of the top event, importance of every event.")
    .argument("<files...>", "Open-PSA files (XML, also .gz) that make up one model")
    .option("--json", "print everything as JSON")
    .option("--top <gate>", "the gate to analyse; by default the one that no other names")
    .option("--limit-order <n>", "leave out cut sets with more events", whole(1, 60_000))
    .option("--mission-hours <h>", "the system's mission time", hours, DEFAULT_MISSION_HOURS)
    .option("--cut-sets <n>", "list so many of the most probable cut sets", whole(0, 1_000_000), 20)
    .option("--trials <n>", "Monte Carlo drawings of the uncertain parameters", whole(0, 10_000_000), 0)
    .option("--seed <n>", "of the drawings", whole(0), 1)
    .option("--max-nodes <n>", "bound on each decision diagram; 20 bytes a node", whole(1000, 100_000_000))
    .option("--svg <file>", "draw the tree")
    .action(async (files: string[], options: Options) => {
      const model = await readFaultTreeFiles(files);
      const analysis = analyseFaultTree(model, { ...options, listed: options.cutSets });
      for (const w of analysis.warnings) process.stderr.write(`warning: ${w}\n`);
      if (options.svg !== undefined) await writeFile(options.svg, faultTreeSvg(model, analysis));
      process.stdout.write(options.json ? `${JSON.stringify(analysis)}\n` : table(analysis));
    });
}

const figure = (v: number | null) =>
  v === null
    ? "–"
    : v === 0
      ? "0"
      : Math.abs(v) >= 1e-3 && Math.abs(v) < 1e6
        ? String(Number(v.toPrecision(5)))
        : v.toExponential(4);

function table(a: FaultTreeAnalysis): string {
  const orders = Object.entries(a.cutSetsByOrder).map(([k, n]) => `${n} of order ${k}`);
  const lines = [
    `top event          ${a.top}`,
    `probability        ${figure(a.probability)} (${a.probabilityMethod}; mission time ${a.missionHours} h)`,
    `rare-event sum     ${figure(a.rareEventSum)}`,
    `minimal cut sets   ${a.minimalCutSets}${orders.length > 0 ? `: ${orders.join(", ")}` : ""}${a.limitOrder ? `; up to order ${a.limitOrder} alone` : ""}`,
    `size               ${a.events} events, ${a.gates} gates, ${a.diagramNodes.bdd} diagram nodes${a.coherent ? "" : "; not coherent: cut sets are the failures alone"}`,
  ];
  if (a.uncertainty) {
    const u = a.uncertainty;
    lines.push(
      `uncertainty        mean ${figure(u.mean)}, sigma ${figure(u.sigma)}, 5 % ${figure(u.p05)}, median ${figure(u.median)}, 95 % ${figure(u.p95)} (${u.trials} trials)`,
    );
  }
  const rows = Object.entries(a.importance).slice(0, 20);
  const width = Math.min(40, Math.max(5, ...rows.map(([id]) => id.length)));
  const head = ["probability", "cut sets", "Birnbaum", "criticality", "F-Vesely", "RAW", "RRW"];
  const cell = (text: string) => text.padStart(12);
  lines.push("", `${"event".padEnd(width)}${head.map(cell).join("")}`);
  for (const [id, i] of rows)
    lines.push(
      `${id.slice(0, width).padEnd(width)}${[figure(i.probability), String(i.occurrence), figure(i.birnbaum), figure(i.criticality), figure(i.fussellVesely), figure(i.raw), figure(i.rrw)].map(cell).join("")}`,
    );
  const more = Object.keys(a.importance).length - rows.length;
  if (more > 0) lines.push(`… ${more} more events (--json has all)`);
  if (a.cutSets.length > 0) lines.push("", "most probable cut sets");
  for (const c of a.cutSets)
    lines.push(`${cell(figure(c.probability))}  ${c.events.join(", ") || "(no event: certain)"}`);
  return `${lines.join("\n")}\n`;
}
