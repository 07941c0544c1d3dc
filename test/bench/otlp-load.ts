/**
 * OTLP metric records for benchmarks: one service instance a record, 100 points (5 cumulative sums and 5 gauges with 10
 * attribute sets each), every 10 s. One template is patched in place, so that making a record costs next to nothing and
 * holds no memory that grows with the series.
 */
import { encode } from "../ingest/decoders/otlp-proto.ts";

export const POINTS_A_RECORD = 100;
export const INTERVAL_MS = 10_000;
const SUMS = 5;
const SETS = 10;
const START_MS = Date.UTC(2026, 0, 1);
const INSTANCE = "instance-0000000";
const attribute = (key: string, stringValue: string) => ({ key, value: { stringValue } });
/** Stand-ins that are found again in the encoded template. */
const MARK_TIME = 0x1234_5678_9abc_def0n;
const MARK_VALUE = -7.25e77;

export interface OtlpLoad {
  /** Record of one instance in one interval; `value` is overwritten by the next call. */
  record(instance: number, interval: number): { readonly value: Buffer; readonly ingestTimeMs: number };
  readonly recordBytes: number;
}

/** `oddEvery`: one instance in so many has its gauges doubled from interval `oddFrom` on, for 20 intervals. */
export function otlpLoad({ oddEvery = 500, oddFrom = 40 } = {}): OtlpLoad {
  const dataPoints = Array.from({ length: SETS }, (_, i) => ({
    timeUnixNano: String(MARK_TIME),
    startTimeUnixNano: `${START_MS}000000`,
    asDouble: MARK_VALUE,
    attributes: [
      attribute("http.route", `/api/v1/items/${i}`),
      attribute("http.request.method", i % 2 === 0 ? "GET" : "POST"),
      attribute("http.response.status_code", "200"),
    ],
  }));
  const metrics = Array.from({ length: POINTS_A_RECORD / SETS }, (_, i) =>
    i < SUMS
      ? {
          name: `http.server.requests.${i}`,
          unit: "1",
          sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true },
        }
      : { name: `http.server.queue.${i}`, unit: "1", gauge: { dataPoints } },
  );
  const resource = {
    attributes: [
      attribute("service.name", "checkout"),
      attribute("service.instance.id", INSTANCE),
      attribute("host.name", "node-17.example"),
    ],
  };
  const value = Buffer.from(
    encode("metrics", { resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "bench" }, metrics }] }] }),
  );
  const mark = Buffer.alloc(16);
  mark.writeBigUInt64LE(MARK_TIME, 0);
  mark.writeDoubleLE(MARK_VALUE, 8);
  const all = (needle: Buffer) => {
    const at: number[] = [];
    for (let i = value.indexOf(needle); i >= 0; i = value.indexOf(needle, i + 1)) at.push(i);
    return at;
  };
  const times = all(mark.subarray(0, 8));
  const values = all(mark.subarray(8));
  const digits = value.indexOf(INSTANCE) + INSTANCE.length - 7;
  if (times.length !== POINTS_A_RECORD || values.length !== POINTS_A_RECORD) throw new Error("marks are lost");
  let seed = 1;
  const uniform = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return {
    recordBytes: value.length,
    record(instance, interval) {
      const timeMs = START_MS + (interval + 1) * INTERVAL_MS;
      const ns = BigInt(timeMs) * 1_000_000n;
      const [low, high] = [Number(ns & 0xffff_ffffn), Number(ns >> 32n)];
      for (let i = 0, rest = instance; i < 7; i++, rest = Math.floor(rest / 10))
        value[digits + 6 - i] = 48 + (rest % 10);
      const odd = instance % oddEvery === 0 && interval >= oddFrom && interval < oddFrom + 20;
      for (let i = 0; i < POINTS_A_RECORD; i++) {
        value.writeUInt32LE(low, times[i] as number);
        value.writeUInt32LE(high, (times[i] as number) + 4);
        const noise = uniform() + uniform() + uniform() - 1.5;
        // The rate of a sum moves by the noise of two neighbours, about 1 % of 100 a second.
        const usual = i < SUMS * SETS ? 1000 * (interval + 1) + 10 * noise : 100 + i + 10 * noise;
        value.writeDoubleLE(odd && i >= SUMS * SETS ? 2 * usual : usual, values[i] as number);
      }
      return { value, ingestTimeMs: timeMs + 50 };
    },
  };
}
