import { writeFile } from "node:fs/promises";
import { Command, InvalidArgumentError } from "commander";
import { systemClock } from "../core/clock.ts";
import { PipelineError } from "../core/errors.ts";
import type { Action, Incident } from "../core/records.ts";
import type { OutageRecord } from "../core/reliability.ts";
import { analyseFaultTree, DEFAULT_MISSION_HOURS, type FaultTreeAnalysis } from "../measure/fault-tree/analyse.ts";
import { draftFaultTree } from "../measure/fault-tree/draft.ts";
import type { FaultTreeModel } from "../measure/fault-tree/model.ts";
import { withIncidents } from "../measure/fault-tree/signatures.ts";
import { faultTreeSvg } from "../measure/fault-tree/svg.ts";
import { writeOpenPsa } from "../measure/fault-tree/write-open-psa.ts";
import { readFaultTreeFiles, readTopology } from "../run/fault-tree-files.ts";
import { fileOutages, storedOutages } from "../run/reliability.ts";
import { everyOf } from "./client.ts";
import { moment } from "./moment.ts";

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
  readonly draft?: string;
  readonly live?: boolean;
  readonly dataDir: string;
  readonly incidents?: string[];
  readonly topology?: string;
  readonly from?: number;
  readonly to?: number;
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
    .argument("[files...]", "Open-PSA files (XML, also .gz) that make up one model")
    .option("--draft <file>", "instead of files: draft a tree from incidents and calls, and write it there")
    .option("--live", "take the probabilities of events that have a signature from incidents")
    .option("--data-dir <dir>", "of the pipeline whose incidents these are", ".faultwright")
    .option("--incidents <files...>", "incidents from CSV or JSONL files instead")
    .option("--topology <file>", "with --draft: who calls whom, as JSON {edges: [[caller, callee]]}")
    .option("--from <time>", "incidents count from then; by default from the first one on", moment)
    .option("--to <time>", "and until then; by default now, or with --incidents the last time in the files", moment)
    .option("--json", "print everything as JSON")
    .option("--top <gate>", "the gate to analyse; by default the one that no other names")
    .option("--limit-order <n>", "leave out cut sets with more events", whole(1, 60_000))
    .option("--mission-hours <h>", "the system's mission time", hours, DEFAULT_MISSION_HOURS)
    .option("--cut-sets <n>", "list so many of the most probable cut sets", whole(0, 1_000_000), 20)
    .option("--trials <n>", "Monte Carlo drawings of the uncertain parameters", whole(0, 10_000_000), 0)
    .option("--seed <n>", "of the drawings", whole(0), 1)
    .option("--max-nodes <n>", "bound on each decision diagram; 20 bytes a node", whole(1000, 100_000_000))
    .option("--svg <file>", "draw the tree")
    .action(async (files: string[], options: Options, command: Command) => {
      if (files.length > 0 === (options.draft !== undefined))
        command.error("name the files of a model, or a file to --draft one into", { exitCode: 2 });
      if (options.live && options.draft !== undefined)
        command.error("--live is for a model that there is", { exitCode: 2 });
      const { model, warnings } = options.draft === undefined ? await given(files, options) : await drafted(options);
      const analysis = analyseFaultTree(model, { ...options, listed: options.cutSets });
      const all = { ...analysis, warnings: [...warnings, ...analysis.warnings] };
      for (const w of all.warnings) process.stderr.write(`warning: ${w}\n`);
      if (options.draft !== undefined) await writeFile(options.draft, writeOpenPsa(model, "draft"));
      if (options.svg !== undefined) await writeFile(options.svg, faultTreeSvg(model, all));
      process.stdout.write(options.json ? `${JSON.stringify(all)}\n` : table(all));
    });
}

interface Chosen {
  readonly model: FaultTreeModel;
  readonly warnings: readonly string[];
}

async function given(files: readonly string[], options: Options): Promise<Chosen> {
  const model = await readFaultTreeFiles(files);
  if (!options.live) return { model, warnings: [] };
  const { outages, warnings, ...window } = await incidentsOf(options);
  const live = withIncidents(model, outages, window);
  if (live.updated.length === 0) warnings.push("no event of the model has a signature: --live changed nothing");
  return { model: live.model, warnings };
}

async function drafted(options: Options): Promise<Chosen> {
  const { outages, edges: seen, warnings, ...window } = await incidentsOf(options);
  const edges = options.topology === undefined ? seen : [...seen, ...(await readTopology(options.topology))];
  if (edges.length === 0) warnings.push("nobody says who calls whom: every service is an entry of the system");
  return { model: draftFaultTree({ edges, outages, ...window }), warnings };
}

/** Outages, the calls seen in their diagnoses, and the window that they are from. */
async function incidentsOf({ incidents, dataDir, from, to }: Options) {
  const edges = new Map<string, [string, string]>();
  async function* watched(pages: AsyncIterable<Incident[]>) {
    for await (const page of pages) {
      for (const { diagnosis } of page)
        for (const { caller, callee } of diagnosis?.edges ?? [])
          edges.set(`${caller}\u0000${callee}`, [caller, callee]);
      yield page;
    }
  }
  const read = incidents
    ? await fileOutages(incidents)
    : {
        outages: await storedOutages(
          everyOf<Action>(dataDir, "actions"),
          watched(everyOf<Incident>(dataDir, "incidents")),
        ),
        warnings: [],
      };
  const outages: readonly OutageRecord[] = read.outages;
  const first = outages.reduce((m, o) => Math.min(m, o.startMs), Number.POSITIVE_INFINITY);
  const last = outages.reduce((m, o) => Math.max(m, o.startMs, o.resolvedMs ?? 0), 0);
  const toMs = to ?? (incidents ? last : systemClock.nowMs());
  const fromMs = from ?? Math.min(first, toMs);
  if (!(toMs > fromMs))
    throw new PipelineError("INPUT_INVALID", "incidents", {
      detail: "they span no time",
      hint: "give --from and --to",
    });
  return { outages, edges: [...edges.values()], fromMs, toMs, warnings: [...read.warnings] };
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
