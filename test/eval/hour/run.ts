/**
 * An hour of the demo system with ten faults through the stages: one incident a fault, none besides?
 * `npm run eval -- hour [--seeds 5] [--first 1] [--keep DIR]`. Exit 1 where it does not hold.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pino } from "pino";
import { systemClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import type { PostmortemReport } from "../../../pipelines/core/schemas/postmortem.ts";
import { postmortem } from "../../../pipelines/run/postmortem/postmortem.ts";
import { plan } from "./faults.ts";
import { START_MS, writeHour } from "./generate.ts";

/** The demo's own windows, and those that `run` and `postmortem` take where nothing is said. */
const CONFIGS = {
  demo: { windows: { window: "1s", lateness: "2s", forget: "2m" }, incidents: { quiet: "8s", reopen: "30s" } },
  default: {},
} as const;

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "3" },
    first: { type: "string", default: "1" },
    config: { type: "string", default: "demo,default" },
    quiet: { type: "boolean", default: false },
    keep: { type: "string" },
  },
});
const dir = values.keep ?? mkdtempSync(join(tmpdir(), "faultwright-hour-"));
mkdirSync(dir, { recursive: true });
const seconds = (ms: number | null) => (ms === null ? "" : (ms / 1000).toFixed(1));
const rows: string[] = [];
const sums: string[] = [];
let holds = true;

for (let seed = Number(values.first); seed < Number(values.first) + Number(values.seeds); seed++) {
  const faults = values.quiet ? [] : plan(seed);
  const input = join(dir, `hour-${seed}.jsonl`);
  await writeHour(input, { seed, faults });
  for (const name of values.config.split(",") as (keyof typeof CONFIGS)[]) {
    const report: PostmortemReport = await postmortem({
      config: parseConfig(JSON.stringify({ system: "lab", ...CONFIGS[name] })),
      input: [input],
      outDir: join(dir, `${name}-${seed}`),
      known: faults.map((f) => ({
        id: `${f.id} ${f.kind}`,
        service: f.service,
        severity: "",
        mode: "",
        startMs: START_MS + f.from * 1000,
        detectedMs: null,
        acknowledgedMs: null,
        mitigatedMs: null,
        resolvedMs: START_MS + f.to * 1000,
        byChange: null,
        repairs: null,
        writes: null,
        injected: true,
      })),
      knownOptions: { toleranceMs: 20_000, lateMs: 60_000 },
      fresh: true,
      clock: systemClock,
      log: pino({ level: "silent" }),
    });
    const k = report.known!;
    for (const row of k.list) {
      const of = report.incidents.filter((i) => i.knownId === row.id);
      rows.push(
        `| ${[seed, name, row.id, row.service, row.outcome, of.length, seconds(row.delayMs), row.causeRank ?? "", of[0]?.cause?.name ?? ""].join(" | ")} |`,
      );
    }
    for (const i of report.incidents)
      if (i.verdict === "false" || i.verdict === "duplicate")
        rows.push(
          `| ${[seed, name, i.verdict, i.cause?.name ?? "", `${i.id} ${seconds(i.startMs - START_MS)} (seen ${seconds(i.detectedMs - START_MS)}) to ${seconds((i.resolvedMs ?? 0) - START_MS)} ${i.headline}`, "", "", "", i.knownId ?? ""].join(" | ")} |`,
        );
    const first = k.list.filter((r) => r.causeRank === 1).length;
    const one = k.list.filter((r) => r.outcome === "found" || r.outcome === "late").length;
    sums.push(
      `| ${[seed, name, `${one}/${k.list.length}`, k.merged, k.missed, k.duplicates, k.false, `${first}/${k.list.length}`, seconds(k.medianDelayMs)].join(" | ")} |`,
    );
    holds &&= k.missed + k.merged + k.duplicates + k.false === 0;
  }
}
process.stdout.write(`| seed | config | fault | service | outcome | incidents | detected after, s | rank of its service | first suspect |
|---|---|---|---|---|---|---|---|---|
${rows.join("\n")}

| seed | config | one of its own | merged | missed | duplicates | false | true service first | median delay, s |
|---|---|---|---|---|---|---|---|---|
${sums.join("\n")}

One incident a fault, none besides: ${holds ? "holds" : "does not hold"}
`);
if (values.keep === undefined) rmSync(dir, { recursive: true });
process.exitCode = holds ? 0 : 1;
