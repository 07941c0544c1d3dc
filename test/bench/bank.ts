/**
 * Window updates a second over 100k series (score, calibrate, combine, decide, learn), on one core: the detector as the
 * pipeline wires it, with all banks and with each alone. `npx tsx test/bench/bank.ts [--json]`
 * Values are independent noise, as a periodic pattern would flatter the branch predictor. CPU time, the median over
 * groups of eight rounds after warm-up, as robust-z sorts each eighth window.
 */
import { statisticalBanks } from "../../models/statistical/index.ts";
import { Tables } from "../../pipelines/core/tables.ts";
import { type BankName, detector } from "../../pipelines/detect/detector.ts";

const SERIES = 100_000;
const WARM = 72;
const GROUPS = 12;
const GROUP = 8;
/** Warm in three days, windows of an hour each, so that a season is known; then of five minutes. */
const HOUR_MS = 3_600_000;
const WINDOW_MS = 300_000;

let seed = 1;
const uniform = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const noise = Float64Array.from({ length: 1 << 21 }, () => 100 + 30 * (uniform() + uniform() + uniform() - 1.5));

function updatesPerSec(banks: readonly BankName[]): number {
  const tables = new Tables({ entities: 10, series: SERIES, seriesPerEntity: SERIES });
  const entityId = tables.internNamed("service", "bench");
  for (let i = 0; i < SERIES; i++) tables.internSeries(entityId, "queue.length", "1", "gauge", { i: String(i) });
  const options = { banks, openEvidence: 9, closeEvidence: 2, freezeWindows: 180, floors: {} };
  const detect = detector(tables, options);
  const seriesIds = Uint32Array.from({ length: SERIES }, (_, i) => i);
  const unused = new Float64Array(SERIES);
  const rounds: number[] = [];
  for (let round = 0; round < WARM + GROUPS * GROUP; round++) {
    const at = (round * 104_729) % (noise.length - SERIES);
    const value = noise.subarray(at, at + SERIES);
    const startMs = round < WARM ? round * HOUR_MS : WARM * HOUR_MS + (round - WARM) * WINDOW_MS;
    const window = { startMs, endMs: startMs + WINDOW_MS, length: SERIES, seriesIds, value };
    const before = process.cpuUsage();
    detect.process({ ...window, count: unused, min: unused, max: unused });
    const { user, system } = process.cpuUsage(before);
    rounds.push((user + system) / 1000);
  }
  const groups = Array.from({ length: GROUPS }, (_, g) => {
    const from = WARM + g * GROUP;
    return rounds.slice(from, from + GROUP).reduce((a, b) => a + b, 0) / GROUP;
  }).sort((a, b) => a - b);
  return (SERIES * 1000) / (groups[GROUPS >> 1] as number);
}

const names = Object.keys(statisticalBanks) as BankName[];
const wired: BankName[] = ["robustZ", "meanSigma", "ewma", "changePoint"];
const results = Object.fromEntries(
  [["default", wired] as const, ...names.map((n) => [n, [n]] as const)].map(([name, banks]) => [
    name,
    Math.round(updatesPerSec(banks)),
  ]),
);
if (process.argv.includes("--json")) console.log(JSON.stringify({ series: SERIES, updatesPerSec: results }));
else
  for (const [name, rate] of Object.entries(results))
    console.log(`${name.padEnd(12)} ${(rate / 1e6).toFixed(2)} M window updates/s, ${(1e9 / rate).toFixed(0)} ns each`);
