/**
 * The benchmark's load: metrics of service instances as the OpenTelemetry Collector's Kafka exporter writes them
 * (OTLP protobuf, one resource a record, 100 points a record), and the same points as one JSON message each.
 * Templates are encoded once by protobufjs; only times and values are patched. Seeded: the same options give the same
 * values.
 */
import { encode } from "../../ingest/decoders/otlp-proto.ts";

export const POINTS_PER_RECORD = 100;
const DAY_MS = 86_400_000;
/** One instance has its levels tripled for a minute of every ten. */
const FAULT = { everyMs: 600_000, fromMs: 300_000, toMs: 360_000, factor: 3 };

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly sum: boolean;
  readonly int: boolean;
  /** Level of a gauge, or growth of a counter a second. */
  readonly base: number;
  readonly attributes: readonly Readonly<Record<string, string>>[];
}

const cross = (key: string, values: readonly string[], with_: readonly Readonly<Record<string, string>>[] = [{}]) =>
  with_.flatMap((row) => values.map((v) => ({ ...row, [key]: v })));
const numbered = (prefix: string, n: number) => Array.from({ length: n }, (_, i) => `${prefix}${i}`);
const ROUTES = ["/", "/cart", "/checkout", "/products/{id}", "/search", "/login", "/orders/{id}", "/healthz"];

/** What one instance reports: 100 series, 60 of them cumulative sums. */
const METRICS: readonly Metric[] = [
  {
    name: "system.cpu.time",
    unit: "s",
    sum: true,
    int: false,
    base: 0.2,
    attributes: cross("state", ["user", "system", "idle", "wait", "softirq"], cross("cpu", numbered("cpu", 4))),
  },
  {
    name: "system.memory.usage",
    unit: "By",
    sum: false,
    int: true,
    base: 2e9,
    attributes: cross("state", ["used", "free", "cached", "buffered", "slab_reclaimable"]),
  },
  {
    name: "system.disk.io",
    unit: "By",
    sum: true,
    int: true,
    base: 4e5,
    attributes: cross("direction", ["read", "write"], cross("device", ["nvme0n1", "nvme1n1", "dm-0", "dm-1"])),
  },
  {
    name: "system.network.io",
    unit: "By",
    sum: true,
    int: true,
    base: 9e5,
    attributes: cross("direction", ["receive", "transmit"], cross("device", ["eth0", "eth1", "lo", "cni0"])),
  },
  {
    name: "http.server.active_requests",
    unit: "{request}",
    sum: false,
    int: true,
    base: 40,
    attributes: cross("http.route", ROUTES),
  },
  {
    name: "http.server.requests",
    unit: "{request}",
    sum: true,
    int: true,
    base: 30,
    attributes: cross("http.response.status_code", ["200", "404", "500"], cross("http.route", ROUTES)),
  },
  {
    name: "db.client.connection.count",
    unit: "{connection}",
    sum: false,
    int: true,
    base: 25,
    attributes: cross("state", ["used", "idle"], cross("db.client.connection.pool.name", ["main", "replica", "audit"])),
  },
  {
    name: "jvm.memory.used",
    unit: "By",
    sum: false,
    int: true,
    base: 3e8,
    attributes: cross("jvm.memory.pool.name", numbered("pool-", 8)),
  },
  {
    name: "queue.depth",
    unit: "{message}",
    sum: false,
    int: false,
    base: 120,
    attributes: cross("messaging.destination.name", numbered("orders.", 10)),
  },
  ...["process.cpu.utilization", "process.threads", "process.open_file_descriptors"].map((name) => ({
    name,
    unit: "1",
    sum: false,
    int: false,
    base: 55,
    attributes: [{}],
  })),
];
/** The metric of each of the 100 series. */
const SERIES = METRICS.flatMap((metric) => metric.attributes.map((attributes) => ({ metric, attributes })));
if (SERIES.length !== POINTS_PER_RECORD) throw new Error(`${SERIES.length} series an instance`);

export interface LoadOptions {
  /** A multiple of 100. */
  readonly series: number;
  readonly partitions: number;
  /** Event time between two points of a series. */
  readonly stepMs: number;
  /** Event time of the first points. */
  readonly startMs: number;
}

export interface LoadRecord {
  readonly partition: number;
  readonly key: Buffer;
  readonly timestampMs: number;
  readonly value: Buffer;
}

const identity = (i: number) => {
  const service = `${["cart", "orders", "payment", "search", "gateway"][i % 5]}`;
  const id = `${String(i).padStart(8, "0")}-5c1e-4b7a-9f00-3d2b6c8a1e4f`;
  return { service, id, host: `node-${String(i >> 3).padStart(5, "0")}.shop.internal` };
};
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
/** Times and values of the template, found again by the first. */
const TIME_MARK = Buffer.from("f1e2d3c4b5a69708", "hex");

function template(instance: number): Buffer {
  const { service, id, host } = identity(instance);
  const startTimeUnixNano = "1760000000000000000";
  const timeUnixNano = String(TIME_MARK.readBigUInt64LE());
  const metrics = METRICS.map(({ name, unit, sum, int, attributes }) => {
    const dataPoints = attributes.map((row) => ({
      timeUnixNano,
      ...(sum ? { startTimeUnixNano } : {}),
      ...(int ? { asInt: "1" } : { asDouble: 1 }),
      attributes: Object.entries(row).map(([k, v]) => text(k, v)),
    }));
    return sum
      ? { name, unit, sum: { dataPoints, aggregationTemporality: 2, isMonotonic: true } }
      : { name, unit, gauge: { dataPoints } };
  });
  const attributes = [
    text("service.name", service),
    text("service.namespace", "shop"),
    text("service.instance.id", id),
    text("service.version", "2.14.3"),
    text("host.name", host),
    text("k8s.pod.name", `${service}-${id.slice(0, 8)}`),
    text("deployment.environment.name", "production"),
  ];
  const scopeMetrics = [{ scope: { name: "shop.telemetry", version: "1.4.0" }, metrics }];
  return Buffer.from(encode("metrics", { resourceMetrics: [{ resource: { attributes }, scopeMetrics }] }));
}

/** Where the times stand; the value's tag and value follow each. All instances have names of their own length. */
function timesIn(bytes: Buffer): Int32Array {
  const out = new Int32Array(POINTS_PER_RECORD);
  for (let i = 0, at = 0; i < POINTS_PER_RECORD; i++) {
    at = bytes.indexOf(TIME_MARK, at);
    if (at < 0) throw new Error("the template lacks points");
    out[i] = at;
    at += 8;
  }
  return out;
}

/** Values of all series, step by step. */
class Values {
  readonly row = new Float64Array(POINTS_PER_RECORD);
  readonly #counters: Float64Array;
  #random = 0x9e3779b9;

  constructor(series: number) {
    this.#counters = new Float64Array(series);
  }

  /** The instance's 100 values at a time into `row`; called once for each step, in order. */
  next(instance: number, timeMs: number, stepMs: number, instances: number): void {
    const day = 1 + 0.3 * Math.sin((2 * Math.PI * timeMs) / DAY_MS + instance);
    const inFault = timeMs % FAULT.everyMs;
    const struck = Math.floor(timeMs / FAULT.everyMs) % instances === instance;
    const level = struck && inFault >= FAULT.fromMs && inFault < FAULT.toMs ? day * FAULT.factor : day;
    for (let j = 0; j < POINTS_PER_RECORD; j++) {
      let x = this.#random;
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      this.#random = x;
      const { metric } = SERIES[j]!;
      const v = metric.base * level * (1 + (j % 7) / 7 + x * 2e-11);
      if (!metric.sum) this.row[j] = metric.int ? Math.round(v) : v;
      else {
        const grown = this.#counters[instance * POINTS_PER_RECORD + j]! + (v * stepMs) / 1000;
        this.#counters[instance * POINTS_PER_RECORD + j] = grown;
        this.row[j] = metric.int ? Math.round(grown) : grown;
      }
    }
  }
}

const INT = Uint8Array.from(SERIES, ({ metric }) => (metric.int ? 1 : 0));

/** OTLP records without end, in order of event time. Their bytes are the caller's. */
export function* otlpRecords({ series, partitions, stepMs, startMs }: LoadOptions): Generator<LoadRecord> {
  const instances = series / POINTS_PER_RECORD;
  if (!Number.isInteger(instances) || instances < 1)
    throw new RangeError(`series is ${series}; give a multiple of 100`);
  const templates = Array.from({ length: instances }, (_, i) => template(i));
  const times = templates.map(timesIn);
  const keys = templates.map((_, i) => Buffer.from(identity(i).id));
  const values = new Values(series);
  for (let timeMs = startMs; ; timeMs += stepMs) {
    const nanos = BigInt(timeMs) * 1_000_000n;
    const low = Number(nanos & 0xffffffffn);
    const high = Number(nanos >> 32n);
    for (let i = 0; i < instances; i++) {
      const value = Buffer.from(templates[i]!);
      const at = times[i]!;
      values.next(i, timeMs, stepMs, instances);
      for (let j = 0; j < POINTS_PER_RECORD; j++) {
        const p = at[j]!;
        value.writeUInt32LE(low, p);
        value.writeUInt32LE(high, p + 4);
        const v = values.row[j]!;
        if (INT[j] === 1) {
          value.writeUInt32LE(v % 4294967296, p + 9);
          value.writeUInt32LE(Math.floor(v / 4294967296), p + 13);
        } else value.writeDoubleLE(v, p + 9);
      }
      yield { partition: i % partitions, key: keys[i]!, timestampMs: timeMs, value };
    }
  }
}

/** The same points, each a JSON message that the `jsonl` decoder reads. */
export function* jsonRecords({ series, partitions, stepMs, startMs }: LoadOptions): Generator<LoadRecord> {
  const instances = Math.max(1, series / POINTS_PER_RECORD);
  const values = new Values(instances * POINTS_PER_RECORD);
  const parts = Array.from({ length: instances }, (_, i) => {
    const { service, id, host } = identity(i);
    return SERIES.map(({ metric: { name, unit, sum }, attributes }) => {
      const kind = sum ? "counter" : "gauge";
      const rest = { entity: `${service}/${id.slice(0, 8)}`, host, metric: name, unit, kind, attributes };
      return `,${JSON.stringify(rest).slice(1, -1)},"value":`;
    });
  });
  const keys = parts.map((_, i) => Buffer.from(identity(i).id));
  for (let timeMs = startMs; ; timeMs += stepMs)
    for (let i = 0; i < instances; i++) {
      values.next(i, timeMs, stepMs, instances);
      for (let j = 0; j < POINTS_PER_RECORD; j++) {
        const value = Buffer.from(`{"time":${timeMs}${parts[i]![j]}${values.row[j]}}`, "latin1");
        yield { partition: i % partitions, key: keys[i]!, timestampMs: timeMs, value };
      }
    }
}
