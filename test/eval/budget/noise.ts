/** Windows without faults: noise of several kinds on series such as services have, as fast as the detectors read them. */
import type { WindowBatch } from "../../../pipelines/core/batches.ts";
import type { Tables } from "../../../pipelines/core/tables.ts";
import { floorOf } from "../../../pipelines/detect/floors.ts";

export const NOISES = ["white", "ar1", "seasonal", "heavy"] as const;
export type Noise = (typeof NOISES)[number];

/** What an entity reports: a service as most are watched. */
const SERIES = [
  ["http.server.request.duration", "ms"],
  ["http.server.request.duration.p99", "ms"],
  ["http.server.errors", "{request}/s"],
  ["http.server.requests", "{request}/s"],
  ["process.cpu.utilization", "1"],
  ["process.memory.usage", "By"],
  ["disk.io.time", "ms"],
  ["network.io", "By/s"],
  ["queue.depth", "{item}"],
  ["cache.hits", "{hit}"],
] as const;

/** Uniform in (0, 1), xorshift of 32 bits twice. */
export function uniform(seed: number): () => number {
  let [a, b] = [(seed * 2654435761) >>> 0 || 1, (seed ^ 0x9e3779b9) >>> 0 || 2];
  const next = () => {
    const t = a ^ (a << 11);
    a = b;
    b = (b ^ (b >>> 19) ^ t ^ (t >>> 8)) >>> 0;
    return b;
  };
  for (let i = 0; i < 20; i++) next();
  return () => (next() + 0.5) / 4294967296;
}

/** Standard normal by the polar method, exact in the tail. */
function normal(seed: number): () => number {
  const u = uniform(seed);
  let kept = Number.NaN;
  return () => {
    if (!Number.isNaN(kept)) {
      const out = kept;
      kept = Number.NaN;
      return out;
    }
    for (;;) {
      const x = 2 * u() - 1;
      const y = 2 * u() - 1;
      const s = x * x + y * y;
      if (s >= 1 || s === 0) continue;
      const f = Math.sqrt((-2 * Math.log(s)) / s);
      kept = y * f;
      return x * f;
    }
  };
}

/**
 * Student's t of three degrees of freedom, exact in the tail, from one point in the disc where four normals were needed.
 * @see Bailey 1994, Math. Comput. 62(206)
 */
function student3(seed: number): () => number {
  const u = uniform(seed);
  return () => {
    for (;;) {
      const x = 2 * u() - 1;
      const y = 2 * u() - 1;
      const s = x * x + y * y;
      if (s < 1 && s > 0) return x * Math.sqrt((3 * (1 / Math.cbrt(s * s) - 1)) / s);
    }
  };
}

/** Interns `series` gauges, ten an entity; an entity is a service. */
export function internServices(tables: Tables, series: number): void {
  for (let s = 0; s < series; s++) {
    const [metric, unit] = SERIES[s % SERIES.length]!;
    const e = tables.internNamed("service", `service-${Math.floor(s / SERIES.length)}`);
    if (tables.internSeries(e, metric, unit, "gauge", {}) !== s) throw new Error(`series ${s} has no room`);
  }
}

/**
 * One window after the other, the arrays used again: level 40 of the series' least deviation that matters, standard
 * deviation 4 of it. `ar1`: lag-one correlation 0.9. `seasonal`: a day's wave of three deviations, each series with its
 * phase. `heavy`: Student's t of three degrees of freedom.
 */
export function noiseWindows(
  tables: Tables,
  { kind, series, windowMs, seed }: { kind: Noise; series: number; windowMs: number; seed: number },
): (i: number) => WindowBatch {
  const draw = kind === "heavy" ? student3(seed) : normal(seed);
  const scale = Float64Array.from({ length: series }, (_, s) => floorOf(tables.seriesAt(s)!));
  const value = new Float64Array(series);
  const seriesIds = Uint32Array.from({ length: series }, (_, s) => s);
  const count = new Float64Array(series).fill(1);
  const last = new Float64Array(kind === "ar1" ? series : 0);
  const fresh = Math.sqrt(1 - 0.81);
  // sin(turn i + s) by the sum of angles: two products a value
  const phases = kind === "seasonal" ? series : 0;
  const sines = Float64Array.from({ length: phases }, (_, s) => 3 * Math.sin(s));
  const cosines = Float64Array.from({ length: phases }, (_, s) => 3 * Math.cos(s));
  const turn = (2 * Math.PI * windowMs) / 86_400_000;
  const fill = (i: number) => {
    if (kind === "ar1")
      for (let s = 0; s < series; s++) {
        last[s] = 0.9 * last[s]! + (i === 0 ? 1 : fresh) * draw();
        value[s] = scale[s]! * (40 + 4 * last[s]!);
      }
    else if (kind === "seasonal") {
      const [sine, cosine] = [Math.sin(turn * i), Math.cos(turn * i)];
      for (let s = 0; s < series; s++)
        value[s] = scale[s]! * (40 + 4 * (draw() + sine * cosines[s]! + cosine * sines[s]!));
    } else for (let s = 0; s < series; s++) value[s] = scale[s]! * (40 + 4 * draw());
  };
  return (i) => {
    fill(i);
    const startMs = Date.UTC(2026, 0, 5) + i * windowMs;
    return { startMs, endMs: startMs + windowMs, length: series, seriesIds, value, count, min: value, max: value };
  };
}
