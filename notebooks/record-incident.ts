/**
 * Records an incident for `explore-incident.ipynb`: makes signals of three services from a seed, runs the real stages
 * over them, and writes what these saw: `npx tsx notebooks/record-incident.ts DIR`. Same seed, same files, to the byte.
 *
 * The fault: workers of `payment` hang and spin by turns, so its CPU no longer follows the load (each value is one seen
 * all the time, only not at that load); five minutes later requests time out, and `orders` and `gateway` wait with it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseConfig } from "../pipelines/core/config.ts";
import type { Anomaly, Incident, Message } from "../pipelines/core/records.ts";
import type { OutputRecord, Store } from "../pipelines/core/store.ts";
import { type Entity, type Series, seriesName } from "../pipelines/core/tables.ts";
import { fileSource } from "../pipelines/ingest/sources/files.ts";
import { assemble } from "../pipelines/run/assemble.ts";
import { engine } from "../pipelines/runtime/embedded/engine.ts";

const SERVICES = ["gateway", "orders", "payment"];
const STEP_MS = 2500;
const WINDOW_MS = 5000;
const MINUTE_MS = 60_000;

/** Event times, ms. */
export const TIMES = {
  startMs: 1_760_000_000_000,
  faultMs: 1_760_000_000_000 + 62 * MINUTE_MS,
  timeoutsMs: 1_760_000_000_000 + 67 * MINUTE_MS,
  fixedMs: 1_760_000_000_000 + 74 * MINUTE_MS,
  endMs: 1_760_000_000_000 + 78 * MINUTE_MS,
};

export interface Recording {
  /** `startMs,service,metric,value`, a row for each series and window. */
  readonly windowsCsv: string;
  readonly anomalies: readonly Anomaly[];
  /** The last version of each. */
  readonly incidents: readonly Incident[];
}

/** Standard normal, the same for the same seed. */
function normalOf(seed: number): () => number {
  let s = seed >>> 0;
  const uniform = () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return (s + 0.5) / 2 ** 32;
  };
  return () => {
    let sum = -6;
    for (let i = 0; i < 12; i++) sum += uniform();
    return sum;
  };
}

/** A load around 1, from 0.5 to 1.5, that forgets itself within half a minute. */
function loadOf(z: () => number): () => number {
  let x = 0;
  return () => {
    x = 0.9 * x + Math.sqrt(1 - 0.81) * z();
    return 1 + 0.5 * Math.tanh(0.7 * x);
  };
}

function signalsCsv(seed: number): string {
  const z = normalOf(seed);
  const [loads, turns] = [loadOf(z), loadOf(z)];
  const rows = ["timestamp,service,requests,latency_ms,error_ratio,cpu_utilization,queue_depth,memory_bytes"];
  for (let t = TIMES.startMs; t < TIMES.endMs; t += STEP_MS) {
    const [load, turn] = [loads(), turns()];
    const timeouts = t >= TIMES.timeoutsMs && t < TIMES.fixedMs;
    for (const [k, service] of SERVICES.entries()) {
      const hung = service === "payment" && t >= TIMES.faultMs && t < TIMES.fixedMs;
      const worked = hung ? turn : load;
      const waited = timeouts ? [120, 180, 260][k]! : 0;
      const failed = timeouts ? [0.05, 0.1, 0.3][k]! : 0;
      rows.push(
        [
          t,
          service,
          (100 * load + 2 * z()).toFixed(2),
          (15 + 5 * k + 10 * load + 0.8 * z() + waited).toFixed(3),
          Math.max(0, 0.004 + 0.001 * z() + failed).toFixed(5),
          (0.1 + 0.25 * worked + 0.008 * z()).toFixed(4),
          (3 + 4 * load + 0.3 * z()).toFixed(3),
          Math.round(8e7 + 1e6 * k + 2e5 * z()),
        ].join(","),
      );
    }
  }
  return `${rows.join("\n")}\n`;
}

/** Enough of a store for one run that is never resumed. */
function memoryStore(outputs: OutputRecord[]): Store {
  const unused = async () => [];
  return {
    commit: async (commit) => void outputs.push(...commit.outputs),
    positions: async () => new Map(),
    state: async () => new Map(),
    records: unused,
    latest: unused,
    audit: async () => {},
    auditTrail: unused,
    forget: async () => ({ rows: 0, incidents: [], more: false }),
    close: async () => {},
  };
}

/** Runs the pipeline's own stages over the signals in `dir`, which must exist; `more` of the configuration. */
export async function record(dir: string, seed = 1, more: Readonly<Record<string, unknown>> = {}): Promise<Recording> {
  const path = join(dir, "signals.csv");
  writeFileSync(path, signalsCsv(seed));
  const windows = { window: WINDOW_MS, lateness: WINDOW_MS };
  const stages = assemble(parseConfig(JSON.stringify({ system: "shop", windows, ...more })));
  const [entities, series]: [Entity[], Series[]] = [[], []];
  const lines = ["startMs,service,metric,value"];
  const tap = (message: Message) => {
    if (message.type === "tables") {
      entities.push(...message.entities);
      series.push(...message.series);
    } else if (message.type === "windows") {
      const { batch } = message;
      for (let i = 0; i < batch.length; i++) {
        const s = series[batch.seriesIds[i]!]!;
        lines.push([batch.startMs, entities[s.entityId]!.name, seriesName(s), batch.value[i]].join(","));
      }
    }
  };
  const process: typeof stages.incidents.process = (message, out) => {
    tap(message);
    stages.incidents.process(message, out);
  };
  const outputs: OutputRecord[] = [];
  const source = fileSource({ path });
  const run = engine({
    sources: [source],
    store: memoryStore(outputs),
    head: stages.features,
    next: [{ ...stages.incidents, process }, stages.act],
    commitDue: () => false,
  });
  await run.restore();
  await run.drain();
  await run.commit();
  await source.close();
  const latest = <T>(topic: string) => [
    ...new Map(outputs.filter((o) => o.topic === topic).map((o) => [o.key, JSON.parse(o.value) as T])).values(),
  ];
  return { windowsCsv: `${lines.join("\n")}\n`, anomalies: latest("anomalies"), incidents: latest("incidents") };
}

/** Writes `windows.csv`, `anomalies.json` and `incidents.json` into `dir`. */
export async function recordTo(dir: string, seed?: number): Promise<Recording> {
  mkdirSync(dir, { recursive: true });
  const recording = await record(dir, seed);
  writeFileSync(join(dir, "windows.csv"), recording.windowsCsv);
  for (const name of ["anomalies", "incidents"] as const)
    writeFileSync(join(dir, `${name}.json`), `${JSON.stringify(recording[name], null, 1)}\n`);
  return recording;
}

// no top-level await: kernels load this file by require
if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) void recordTo(process.argv[2] ?? "recorded");
