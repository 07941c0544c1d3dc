/**
 * CPU time of the correlator alone for a storm of anomalies: `npm run bench -- correlate [--minutes 10] [--per-minute 10000]
 * [--services 300] [--window-ms 1000]`. Half of the anomalies are noise that comes and goes, half belong to faults that
 * spread along a call tree. What one core must bear is a share of 1.
 */
import { parseArgs } from "node:util";
import type { Anomaly, Family } from "../../pipelines/core/records.ts";
import { correlator } from "../../pipelines/correlate/correlator.ts";
import { randomOf } from "../chaos/signals.ts";

const text = { type: "string" } as const;
const { values } = parseArgs({
  options: { minutes: text, "per-minute": text, services: text, "window-ms": text, json: { type: "boolean" } },
});
const number = (name: "minutes" | "per-minute" | "services" | "window-ms", otherwise: number) => {
  const n = Number(values[name] ?? otherwise);
  if (!(Number.isInteger(n) && n > 0)) throw new RangeError(`--${name} is ${values[name]}; give a positive integer`);
  return n;
};
const minutes = number("minutes", 10);
const perMinute = number("per-minute", 10_000);
const services = number("services", 300);
const windowMs = number("window-ms", 1000);

const random = randomOf(5);
const T0 = 1_760_000_000_000;
const FAMILIES: readonly Family[] = ["latency", "errors", "cpu", "memory", "traffic", "other"];
const parent = Array.from({ length: services }, (_, i) => (i === 0 ? -1 : Math.floor((i - 1) / 3)));
const c = correlator({ system: "bench", windowMs });
let seq = 0;
const anomaly = (service: number, timeMs: number): Anomaly => {
  const family = FAMILIES[Math.floor(random() * FAMILIES.length)]!;
  return {
    id: `A-${seq++}`,
    entity: `service-${service}`,
    entityKind: "service",
    series: `${family}.${seq % 20}`,
    unit: "1",
    family,
    direction: "up",
    startMs: timeMs - windowMs,
    detectedMs: timeMs,
    endMs: null,
    p: 10 ** -(4 + 8 * random()),
    value: 10 * random(),
    band: { expected: 1, low: 0, high: 2 },
    detectors: { robustZ: 1 },
    why: "off its course",
  };
};

const windows = Math.floor((minutes * 60_000) / windowMs);
const each = (perMinute * windowMs) / 60_000;
let carried = 0;
let fed = 0;
let slowestMs = 0;
const open: { until: number; a: Anomaly }[] = [];
const seen = new Set<string>();
let events = 0;
let broken = 0;
const stored = new Map<string, Uint8Array | undefined>();
const before = process.cpuUsage();
for (let w = 1; w <= windows; w++) {
  const timeMs = T0 + w * windowMs;
  const edges = Array.from({ length: services - 1 }, (_, i) => ({
    caller: `service-${parent[i + 1]}`,
    callee: `service-${i + 1}`,
    calls: 10,
    errorRatio: 0,
    durationMs: 1,
  }));
  const began = performance.now();
  c.onEdges(edges, timeMs);
  for (let i = open.length - 1; i >= 0; i--) {
    const o = open[i]!;
    if (o.until > w) continue;
    c.onAnomaly({ ...o.a, endMs: timeMs });
    open[i] = open.at(-1)!;
    open.pop();
  }
  if (w % Math.ceil(60_000 / windowMs) === 1) broken = Math.floor(random() * services);
  carried += each;
  for (; carried >= 1; carried--) {
    const near = [broken, parent[broken]!, parent[parent[broken]!] ?? -1].filter((s) => s >= 0);
    const a = anomaly(
      random() < 0.5 ? near[Math.floor(random() * near.length)]! : Math.floor(random() * services),
      timeMs,
    );
    c.onAnomaly(a);
    open.push({ until: w + 2 + Math.floor((random() * 20_000) / windowMs), a });
    fed++;
  }
  for (const e of c.advance(timeMs)) {
    seen.add(e.incident.id);
    events++;
  }
  c.snapshot((k, v) => stored.set(k, v));
  slowestMs = Math.max(slowestMs, performance.now() - began);
}
const { user, system } = process.cpuUsage(before);
const cpuSec = (user + system) / 1e6;
const result = {
  anomalies: fed,
  updates: seq,
  minutes,
  windowMs,
  services,
  incidents: seen.size,
  events,
  cpuSec,
  shareOfCore: cpuSec / (minutes * 60),
  slowestWindowMs: slowestMs,
  rssMiB: process.memoryUsage.rss() / 1048576,
};
process.stdout.write(
  values.json
    ? `${JSON.stringify(result)}\n`
    : `${fed} anomalies of ${minutes} min over ${services} services, windows of ${windowMs} ms: ${cpuSec.toFixed(1)} s of CPU, ${(100 * result.shareOfCore).toFixed(1)} % of a core; slowest window ${slowestMs.toFixed(0)} ms of ${windowMs}; ${seen.size} incidents, ${events} records of them; ${result.rssMiB.toFixed(0)} MiB\n`,
);
