/**
 * kill -9 at random moments while files are being read, with a live model and a shadow; afterwards everything committed must equal an undisturbed run's,
 * byte for byte: `npx tsx test/chaos/kill-while-reading.ts [--kills 20] [--seed 1]`. Exit 0 only if it does.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { stringify } from "yaml";
import { allRecords } from "../../pipelines/cli/run.ts";
import { TOPICS } from "../../pipelines/core/records.ts";
import { openStore } from "../../pipelines/runtime/store/pglite.ts";
import { makeRegistry } from "../run/models/fixture.ts";
import { randomOf, writeSignals } from "./signals.ts";

const main = new URL("../../pipelines/cli/main.ts", import.meta.url).pathname;

/** Runs to the end, or kills itself: so many ms after it began to read, or after its start. */
function run(config: string, kill?: { after: "start" | "reading"; ms: number }): Promise<"ended" | "killed"> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", "tsx", main, "run", "--config", config, "--log-level", "info"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let timer: NodeJS.Timeout | undefined;
    const arm = () => {
      timer ??= setTimeout(() => child.kill("SIGKILL"), kill?.ms);
    };
    let errors = "";
    child.stderr.on("data", (d) => {
      errors = (errors + d).slice(-20_000);
      if (kill?.after === "reading" && errors.includes('"reading"')) arm();
    });
    if (kill?.after === "start") arm();
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      if (signal === "SIGKILL") resolve("killed");
      else if (code === 0) resolve("ended");
      else reject(new Error(`run failed with ${code}: ${errors.slice(-2000)}`));
    });
  });
}

async function committed(dataDir: string): Promise<string[]> {
  const store = await openStore(join(dataDir, "store"));
  try {
    const out: string[] = [];
    for (const topic of TOPICS)
      for await (const r of allRecords(store, topic)) out.push(`${topic} ${r.key} ${r.value}`);
    return out;
  } finally {
    await store.close();
  }
}

/** Both from a little before where they begin to differ. */
function differing(a = "", b = ""): string {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  const part = (s: string) => s.slice(Math.max(0, at - 100), at + 100);
  return `${part(a)} / ${part(b)}`;
}

export interface ChaosResult {
  kills: number;
  records: number;
  equal: boolean;
  firstDifference: string | null;
}

/** Reads the same files twice, once undisturbed and once killed `kills` times, and compares what was committed. */
export async function killWhileReading(options: {
  kills: number;
  seed: number;
  minutes: number;
}): Promise<ChaosResult> {
  const dir = mkdtempSync(join(tmpdir(), "faultwright-chaos-"));
  try {
    const paths = writeSignals(dir, options);
    const registry = await makeRegistry(dir);
    await registry.promote("hosts@2", "shadow");
    const config = (name: string) => {
      const path = join(dir, `${name}.yaml`);
      // Small commits, so that there is much to go wrong in.
      const value = {
        dataDir: join(dir, name),
        sources: [{ kind: "files", paths }],
        windows: { window: "1s", lateness: "2s" },
        incidents: { quiet: "8s" },
        detect: {
          models: { registry: join(dir, "models"), summary: 30, use: [{ name: "hosts" }] },
        },
        commit: "100ms",
      };
      writeFileSync(path, stringify(value));
      return path;
    };
    await run(config("calm"));
    const random = randomOf(options.seed);
    const stormy = config("stormy");
    // A run goes on with the versions that it began with, whoever is promoted meanwhile.
    let promoted = false;
    let kills = 0;
    let ended = false;
    while (kills < options.kills && !ended) {
      // Now and then during the start, mostly while reading.
      const kill =
        random() < 0.15
          ? { after: "start" as const, ms: random() * 2500 }
          : { after: "reading" as const, ms: random() * 500 };
      if (!promoted && kills >= options.kills / 2 && (await committed(join(dir, "stormy"))).length > 0) {
        await registry.promote("hosts@2", "live");
        promoted = true;
      }
      if ((await run(stormy, kill)) === "killed") kills += 1;
      else ended = true;
    }
    if (!ended) await run(stormy);
    const [a, b] = [await committed(join(dir, "calm")), await committed(join(dir, "stormy"))];
    const at = a.findIndex((line, i) => line !== b[i]);
    const equal = a.length === b.length && at === -1;
    const differs = equal ? null : `record ${at}: ${differing(a[at], b[at])} (${a.length} and ${b.length})`;
    return { kills, records: a.length, equal, firstDifference: differs };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const { values } = parseArgs({
    options: { kills: { type: "string", default: "20" }, seed: { type: "string", default: "1" } },
  });
  const result = await killWhileReading({ kills: Number(values.kills), seed: Number(values.seed), minutes: 120 });
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exitCode = result.equal && result.kills >= Number(values.kills) ? 0 : 1;
}
