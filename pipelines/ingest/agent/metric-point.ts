/** One measured value. Gauges are read as they are; sums are cumulative, monotonic counters since `startMs`. */
export interface MetricPoint {
  name: string;
  /** UCUM, as in the OpenTelemetry semantic conventions: `1`, `By`, `s`, `{operation}`. */
  unit: string;
  kind: "gauge" | "sum";
  value: number;
  attributes: Record<string, string>;
  /** Sums only: when the counter was at zero, milliseconds since the Unix epoch. */
  startMs?: number;
  /** Set for a watched process: its `service.name`. Absent for the host itself. */
  service?: string;
}

/** One reading of the host. `missing` names what could not be read, each once in a collector's life. */
export interface Collection {
  timeMs: number;
  points: MetricPoint[];
  missing: string[];
}

/** Reads the host. Never rejects for a source that is absent: that goes into `missing`. */
export interface Collector {
  collect(nowMs: number): Promise<Collection>;
}

/** Which processes to watch: `match` over the command line, `service` a name that may hold `$1` to `$9`. */
export interface ProcessRule {
  match: string;
  service: string;
}

/** Collects points, leaving out values that are not finite. */
export class PointList {
  readonly points: MetricPoint[] = [];
  readonly service: string | undefined;

  constructor(service?: string) {
    this.service = service;
  }

  gauge(name: string, unit: string, value: number, attributes: Record<string, string> = {}): void {
    if (!Number.isFinite(value)) return;
    const point: MetricPoint = { name, unit, kind: "gauge", value, attributes };
    if (this.service !== undefined) point.service = this.service;
    this.points.push(point);
  }

  sum(name: string, unit: string, value: number, startMs: number, attributes: Record<string, string> = {}): void {
    if (Number.isFinite(value)) this.points.push({ name, unit, kind: "sum", value, attributes, startMs });
  }
}

/** Remembers what was said, so that each absence is told once. */
export function onceEach(): { add(what: string): void; take(): string[] } {
  const said = new Set<string>();
  let fresh: string[] = [];
  return {
    add(what) {
      if (said.has(what)) return;
      // Bounded: mount points and devices may come and go for ever.
      if (said.size >= 1000) return;
      said.add(what);
      fresh.push(what);
    },
    take() {
      const out = fresh;
      fresh = [];
      return out;
    },
  };
}
