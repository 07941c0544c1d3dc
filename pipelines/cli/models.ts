import { Command } from "commander";
import { systemClock } from "../core/clock.ts";
import { compareVersions, listVersions, promoteVersion, rollbackModel, showVersion } from "../run/learn/models.ts";
import { endpointOf } from "./client.ts";
import { addLiveCommands, statusIn, statusText } from "./models-live.ts";

interface Common {
  readonly dataDir: string;
  readonly json?: boolean;
}

const now = () => systemClock.nowMs();
const dataDir = ["--data-dir <dir>", "data directory with the registry", ".faultwright"] as const;
const asJson = ["--json", "print JSON"] as const;
const print = (text: string) => void process.stdout.write(text);
const say = (note: string) => void process.stderr.write(`${note}\n`);
const number = (v: number | null | undefined) => (typeof v === "number" && Number.isFinite(v) ? v.toFixed(3) : "–");

export function modelsCommand(): Command {
  const models = new Command("models").description(
    "Registered model versions: list, show, promote, compare, roll back.",
  );
  models
    .command("list")
    .description("every version, its stage and what it was trained on")
    .option(...dataDir)
    .option(...asJson)
    .action(async (options: Common) => {
      const all = await listVersions(options.dataDir, now);
      if (options.json) return print(`${JSON.stringify(all)}\n`);
      if (all.length === 0) return print("no models yet: faultwright train --input … --name …\n");
      for (const v of all)
        print(
          v.manifest
            ? `${`${v.name}@${v.version}`.padEnd(24)} ${v.stage.padEnd(10)} ${v.manifest.chosen.id}  ${v.manifest.validation.measure} ${number(Object.values(v.manifest.metrics)[0])}  ${v.manifest.data.rows} rows, ${v.manifest.data.incidents} incidents\n`
            : `${`${v.name}@${v.version}`.padEnd(24)} ${v.stage.padEnd(10)} damaged: ${v.error}\n`,
        );
    });
  models
    .command("show")
    .argument("<model>", "NAME, NAME@3, NAME:live, NAME:shadow, NAME:latest, or a version's folder")
    .description("one version; with --input, how far new data has drifted from what it was trained on")
    .option("--input <path>", "recent rows to measure drift on")
    .option(...dataDir)
    .option(...asJson)
    .action(async (reference: string, options: Common & { input?: string }) => {
      const shown = await showVersion(reference, { ...options, now, say });
      const endpoint = await endpointOf(options.dataDir);
      const onStream = endpoint ? await statusIn(options.dataDir, shown.manifest.name) : undefined;
      if (options.json) return print(`${JSON.stringify({ ...shown, onStream })}\n`);
      const { manifest: m, drift, stages } = shown;
      const when = (v: number | null) =>
        v === null ? "?" : m.data.axis === "time" ? new Date(v).toISOString() : `row ${v}`;
      print(`${shown.label} (${shown.stage}): ${m.chosen.id}\n${m.chosen.why}\n`);
      print(
        `data      ${when(m.data.from)} to ${when(m.data.to)}, ${m.data.rows} rows, ${m.data.incidents} incidents, seed ${m.seed}\n`,
      );
      print(
        `judged    ${m.validation.method}, ${m.validation.folds} cuts${m.validation.complete ? "" : "; not all candidates were tried"}\n`,
      );
      print(`checksum  ${m.checksum}\n`);
      for (const e of m.entities.slice(0, 10))
        print(
          `entity    ${e.entity}: ${e.columns.slice(0, 8).join(", ")}${e.columns.length > 8 ? ", …" : ""}; ${e.rows} rows\n`,
        );
      if (m.entities.length > 10) print(`          and ${m.entities.length - 10} more\n`);
      for (const t of [...m.trials].sort((a, b) => (b.mean ?? -1) - (a.mean ?? -1)).slice(0, 10))
        print(`tried     ${number(t.mean)} ± ${number(t.standardError)}  ${t.id}${t.error ? `  (${t.error})` : ""}\n`);
      for (const c of stages)
        print(
          `stage     ${new Date(c.atMs).toISOString()} ${c.action}: live ${c.live ?? "–"}, shadow ${c.shadow ?? "–"}\n`,
        );
      if (onStream) print(statusText(onStream));
      for (const d of drift) {
        const moved = d.columns.filter((c) => c.level !== "stable").sort((a, b) => (b.psi || 0) - (a.psi || 0));
        print(`drift     ${d.entity}: ${moved.length} of ${d.columns.length} not stable\n`);
        for (const c of moved.slice(0, 8)) print(`          ${c.name}: PSI ${number(c.psi)}, ${c.level}\n`);
      }
    });
  models
    .command("promote")
    .argument("<model>", "NAME@3, NAME:shadow, NAME:latest")
    .description("make a version live (or shadow); it is read whole before")
    .option("--to <stage>", "live or shadow", "live")
    .option(...dataDir)
    .option(...asJson)
    .action(async (reference: string, options: Common & { to: string }, command: Command) => {
      if (options.to !== "live" && options.to !== "shadow") command.error("--to is live or shadow", { exitCode: 2 });
      const done = await promoteVersion(reference, options.to as "live" | "shadow", options.dataDir, now);
      print(options.json ? `${JSON.stringify(done)}\n` : `${done.name}: version ${done.version} is ${options.to}\n`);
    });
  models
    .command("rollback")
    .argument("<name>")
    .description("make the version live that was live before")
    .option(...dataDir)
    .option(...asJson)
    .action(async (name: string, options: Common) => {
      const done = await rollbackModel(name, options.dataDir, now);
      print(
        options.json
          ? `${JSON.stringify(done)}\n`
          : `${done.name}: version ${done.live} is live again, instead of ${done.from}\n`,
      );
    });
  models
    .command("compare")
    .argument("<models...>", "two or more versions")
    .description("parameters, data and cross-validated figures side by side; `backtest` compares them on new data")
    .option(...dataDir)
    .option(...asJson)
    .action(async (references: string[], options: Common, command: Command) => {
      if (references.length < 2) command.error("give two models or more", { exitCode: 2 });
      const all = await compareVersions(references, options.dataDir, now);
      if (options.json) return print(`${JSON.stringify(all)}\n`);
      for (const row of all.rows) print(`${row.name.padEnd(14)} ${row.values.join(" | ")}\n`);
      for (const note of all.notes) print(`${note}\n`);
    });
  addLiveCommands(models);
  return models;
}
