/** The commands of `models` that are about a running pipeline. */
import type { Command } from "commander";
import { systemClock } from "../core/clock.ts";
import { plural } from "../core/format.ts";
import type { ModelScores, ModelStatus, RoleScores } from "../core/live-models.ts";
import { exportWindows } from "../run/models/export-windows.ts";
import { openLog } from "../run/observe/log.ts";
import { endpointOf, latestOf, request } from "./client.ts";
import { readConfig } from "./config.ts";
import { moment } from "./moment.ts";

const print = (text: string) => void process.stdout.write(text);
const psi = (v: number | null) => (v === null ? "not known yet" : `PSI ${v.toFixed(3)}`);

interface Status {
  readonly running: readonly ModelStatus[];
  readonly records: readonly ModelScores[];
}

/** What the running pipeline says, and the newest record of each model and entity; without one that runs, the records. */
export async function statusIn(dataDir: string, model?: string): Promise<Status> {
  const endpoint = await endpointOf(dataDir);
  const running = endpoint ? await request<ModelStatus[]>(endpoint, "/api/models") : [];
  const records = await latestOf<ModelScores>(dataDir, "scores");
  const of = <T extends { model: string }>(list: readonly T[]) => list.filter((s) => !model || s.model === model);
  return { running: of(running), records: of(records) };
}

export function statusText({ running, records }: Status): string {
  const lines: string[] = [];
  for (const s of running) {
    if (s.version === null && s.role === "shadow") continue;
    const states = Object.entries(s.entities).filter(([, n]) => n > 0);
    const entities = states.map(([state, n]) => `${n} ${state}`).join(", ") || "no entity yet";
    lines.push(
      `${s.role.padEnd(7)} ${s.model}@${s.version ?? "–"}  ${entities}; ${plural(s.scored, "window")} scored, ${s.odd} odd, ${plural(s.opened, "anomaly", "anomalies")}; drift: columns ${psi(s.drift.columns)}, score ${psi(s.drift.score)}`,
    );
    for (const [why, n] of Object.entries(s.fallback)) lines.push(`        ${n > 0 ? `${n}: ` : ""}${why}`);
  }
  const role = (name: string, r: RoleScores | null) =>
    r && `${name} @${r.version} ${r.state}, ${r.scored} scored, ${r.odd} odd, ${r.opened.length} opened`;
  for (const r of [...records].reverse()) {
    if (r.kind === "switch") {
      const who = (v: { live: number | null; shadow: number | null }) =>
        `live ${v.live ?? "–"}, shadow ${v.shadow ?? "–"}`;
      lines.push(
        `switch  ${new Date(r.startMs).toISOString()} ${r.model}: ${who(r)} (before: ${who(r.before)})${r.why === "" ? "" : `; ${r.why}`}`,
      );
      continue;
    }
    const { agreement: a } = r;
    const parts = [role("live", r.live), role("shadow", r.shadow)].filter((p) => p !== null);
    if (a) parts.push(`odd for both ${a.both}, live alone ${a.onlyLive}, shadow alone ${a.onlyShadow}`);
    lines.push(`entity  ${r.entity}, to ${new Date(r.endMs).toISOString()}: ${parts.join("; ")}`);
    for (const o of [...(r.shadow?.opened ?? [])].slice(0, 3)) lines.push(`        shadow: ${o.series}: ${o.why}`);
    const moved = r.drift.filter((d) => d.level !== "stable" && d.level !== "unknown");
    if (moved.length > 0)
      lines.push(
        `        drift: ${moved
          .map((d) => `${d.name} ${psi(d.psi)}, ${d.level}`)
          .slice(0, 5)
          .join("; ")}`,
      );
  }
  return lines.map((l) => `${l}\n`).join("");
}

interface ExportOptions {
  readonly config: string;
  readonly out: string;
  readonly from?: number;
  readonly to?: number;
  readonly metric?: readonly string[];
  readonly share: string;
  readonly json?: boolean;
}

export function addLiveCommands(models: Command): void {
  models
    .command("status")
    .argument("[name]")
    .description("how live and shadow versions get on in the running pipeline: scores, agreement, drift, fallbacks")
    .option("--data-dir <dir>", "data directory of the pipeline", ".faultwright")
    .option("--json", "print JSON")
    .action(async (name: string | undefined, options: { dataDir: string; json?: boolean }) => {
      const status = await statusIn(options.dataDir, name);
      if (options.json) return print(`${JSON.stringify(status)}\n`);
      print(statusText(status) || "no model scores here: see `detect.models` in the config\n");
    });
  models
    .command("features")
    .description("windows of recorded input as tables, one an entity: `train --input` of what a live model will see")
    .requiredOption("--config <file>", "configuration whose journal, topics or files are read")
    .requiredOption("--out <dir>", "folder for the tables")
    .option("--from <time>", "windows from here on", moment)
    .option("--to <time>", "windows before this", moment)
    .option("--metric <name...>", "these alone; * stands for any text")
    .option("--share <share>", "leave out series with a value in fewer of the windows", "0.5")
    .option("--json", "print JSON")
    .action(async (options: ExportOptions, command: Command) => {
      const leastShare = Number(options.share);
      if (!(leastShare >= 0 && leastShare <= 1)) command.error("--share is from 0 to 1", { exitCode: 2 });
      const { log, close } = openLog({ level: "warn" });
      try {
        const done = await exportWindows({
          config: await readConfig(options.config),
          out: options.out,
          fromMs: options.from,
          toMs: options.to,
          metrics: options.metric,
          leastShare,
          clock: systemClock,
          log,
        });
        if (options.json) return print(`${JSON.stringify(done)}\n`);
        for (const e of done)
          print(
            `${e.entity.padEnd(24)} ${plural(e.rows, "window")}, ${e.columns} columns${e.seldom > 0 ? ` (${e.seldom} too seldom there)` : ""}  ${e.file}\n`,
          );
      } finally {
        close();
      }
    });
}
