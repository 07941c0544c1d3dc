/**
 * What the pipeline's own metrics cost: CPU time of an embedded run over generated files, scraped ten times a second
 * against one that nobody asks, in turns. `npx tsx test/bench/self-metrics.ts [--minutes 600] [--rounds 3] [--json]`
 * Counting can't be turned off: its cost is measured by itself, nanoseconds a record of any number of rows.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pino } from "pino";
import { systemClock } from "../../pipelines/core/clock.ts";
import { parseConfig } from "../../pipelines/core/config.ts";
import { sourceCounts } from "../../pipelines/run/observe/tally.ts";
import { stream } from "../../pipelines/run/stream.ts";
import { writeSignals } from "../chaos/signals.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "600" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const SCRAPE_MS = 100;
const COUNTED = 20_000_000;
const minutes = Number(values.minutes);
const rounds = Number(values.rounds);
const dir = mkdtempSync(join(tmpdir(), "faultwright-self-metrics-"));

interface Once {
  readonly cpuMs: number;
  readonly scrapeMs: number[];
}

async function once(paths: string[], name: string, scraped: boolean): Promise<Once> {
  const config = parseConfig(JSON.stringify({ dataDir: join(dir, name), sources: [{ kind: "files", paths }] }));
  const before = process.cpuUsage();
  const run = await stream({ config, clock: systemClock, log: pino({ level: "silent" }) });
  const scrapeMs: number[] = [];
  const timer = setInterval(() => {
    if (!scraped) return;
    const began = performance.now();
    void fetch(`${run.url}/metrics`)
      .then((r) => r.text())
      .then(() => scrapeMs.push(performance.now() - began))
      .catch(() => {}); // the run has just ended
  }, SCRAPE_MS);
  await run.ended;
  clearInterval(timer);
  await run.stop();
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1000, scrapeMs };
}

function countNs(): number {
  const counts = sourceCounts();
  const began = performance.now();
  for (let i = 0; i < COUNTED; i++) {
    // Two sources that take turns in runs, as in fetches.
    const source = (i >>> 8) % 2 === 0 ? "orders/0" : "orders/1";
    counts.of(source).records += 1;
    counts.of(source).rows += 100;
  }
  return ((performance.now() - began) * 1e6) / COUNTED;
}

const median = (list: readonly number[]) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

try {
  const paths = writeSignals(dir, { seed: 1, minutes });
  await once(paths, "warm", false);
  const without: number[] = [];
  const withScrapes: number[] = [];
  const scrapeMs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    without.push((await once(paths, `without-${i}`, false)).cpuMs);
    const w = await once(paths, `with-${i}`, true);
    withScrapes.push(w.cpuMs);
    scrapeMs.push(...w.scrapeMs);
  }
  const result = {
    minutes,
    rounds,
    cpuMsWithout: Math.round(median(without)),
    cpuMsScraped: Math.round(median(withScrapes)),
    ratio: Number((median(withScrapes) / median(without)).toFixed(3)),
    countNsPerRecord: Number(countNs().toFixed(1)),
    scrapes: scrapeMs.length,
    /** Includes waiting for the stages to let go of the loop. */
    scrapeMsMedian: Number(median(scrapeMs).toFixed(1)),
  };
  process.stdout.write(
    values.json
      ? `${JSON.stringify(result)}\n`
      : `${Object.entries(result)
          .map(([k, v]) => `${k}: ${v}`)
          .join("\n")}\n`,
  );
} finally {
  rmSync(dir, { recursive: true, force: true });
}
