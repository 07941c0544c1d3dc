import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { systemClock } from "../core/clock.ts";
import type { Topic } from "../core/records.ts";
import type { Store } from "../core/store.ts";
import { registryDir } from "../run/models/registry-stages.ts";
import { LOG_LEVELS, openLog } from "../run/observe/log.ts";
import { stream } from "../run/stream.ts";
import { openStore } from "../runtime/store/pglite.ts";
import { readConfig } from "./config.ts";

/** Every record of a topic, in order of commit. */
export async function* allRecords(store: Store, topic: Topic) {
  for (let afterSeq = 0; ; ) {
    const page = await store.records(topic, { afterSeq, limit: 1000 });
    if (page.length === 0) return;
    for (const r of page) yield r;
    afterSeq = page.at(-1)?.seq ?? afterSeq;
  }
}

export function runCommand(): Command {
  return new Command("run")
    .description("Stream until stopped, or until every file is read. SIGTERM and SIGINT drain and commit.")
    .requiredOption("--config <file>", "YAML configuration")
    .addOption(new Option("--log-level <level>").choices(LOG_LEVELS).env("LOG_LEVEL").default("info"))
    .action(async (options: { config: string; logLevel: string }) => {
      const { log, close } = openLog({ level: options.logLevel });
      try {
        const running = await stream({ config: await readConfig(options.config), clock: systemClock, log });
        const stop = new Promise<void>((resolve) => {
          for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
        });
        try {
          await Promise.race([running.ended, stop]);
        } finally {
          await running.stop();
        }
      } finally {
        close();
      }
    });
}

export function replayCommand(): Command {
  return new Command("replay")
    .description("Run a recorded journal through the same stages again and compare with what the live run committed.")
    .requiredOption("--config <file>", "configuration of the recorded run")
    .option("--json", "print the comparison as JSON")
    .action(async (options: { config: string; json?: boolean }) => {
      const config = await readConfig(options.config);
      const dir = await mkdtemp(join(tmpdir(), "faultwright-replay-"));
      try {
        const models = { ...config.detect.models, registry: registryDir(config) };
        const sources = [{ kind: "journal" as const, path: join(config.dataDir, "journal") }];
        const again = await stream({
          config: { ...config, sources, dataDir: dir, detect: { ...config.detect, models } },
          clock: systemClock,
          log: openLog({ level: "error" }).log,
          replay: true,
        });
        try {
          await again.ended;
        } finally {
          await again.stop();
        }
        const result = await compare(join(config.dataDir, "store"), join(dir, "store"));
        const same = Object.values(result).every((t) => t.equal);
        const lines = Object.entries(result).map(
          ([topic, t]) =>
            `${topic}: live ${t.live}, replay ${t.replay}, ${t.equal ? "byte-identical" : `differ at ${t.firstDifference}`}`,
        );
        process.stdout.write(options.json ? `${JSON.stringify({ same, topics: result })}\n` : `${lines.join("\n")}\n`);
        if (!same) process.exitCode = 1;
      } finally {
        await rm(dir, { recursive: true, force: true });
      }
    });
}

/** Compares the live run's records with the replay's, byte by byte; the replay may be ahead at the end (windows still open live). */
async function compare(liveDir: string, replayDir: string) {
  const live = await openStore(liveDir);
  const replay = await openStore(replayDir);
  try {
    const out: Record<string, { live: number; replay: number; equal: boolean; firstDifference: string | null }> = {};
    for (const topic of [
      "anomalies",
      "incidents",
      "actions",
      "suppressions",
      "notifications",
      "dead-letters",
      "scores",
    ] as const) {
      const a: string[] = [];
      const b: string[] = [];
      for await (const r of allRecords(live, topic)) a.push(`${r.key} ${r.value}`);
      for await (const r of allRecords(replay, topic)) b.push(`${r.key} ${r.value}`);
      const at = a.findIndex((line, i) => line !== b[i]);
      out[topic] = {
        live: a.length,
        replay: b.length,
        equal: at === -1 && b.length >= a.length,
        firstDifference: at === -1 ? null : `record ${at}: ${(a[at] as string).slice(0, 120)}`,
      };
    }
    return out;
  } finally {
    await replay.close();
    await live.close();
  }
}
