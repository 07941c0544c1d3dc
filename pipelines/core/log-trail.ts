/** The lines and spans behind an incident, as they came. */

export interface TrailLine {
  readonly timeMs: number;
  readonly entity: string;
  /** OpenTelemetry severity number. */
  readonly severity: number;
  readonly body: string;
  readonly traceId: string;
  /** The record it stands in: source and position. */
  readonly at: string;
}

/** Lines of one template and entity that are warnings, errors or named by the diagnosis. */
export interface TrailGroup {
  readonly entity: string;
  readonly template: string;
  readonly severity: number;
  /** Lines within the range. */
  readonly count: number;
  /** The first ones, each with the lines of its entity around it. */
  readonly lines: readonly {
    readonly line: TrailLine;
    readonly before: readonly TrailLine[];
    readonly after: readonly TrailLine[];
  }[];
}

export interface TrailSpan {
  readonly entity: string;
  readonly operation: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly spanId: string;
  readonly parentId: string;
  /** Calls from the first span of the trace to this one. */
  readonly depth: number;
}

/** One request over all services: spans parents first, lines by time. */
export interface TrailTrace {
  readonly traceId: string;
  readonly spans: readonly TrailSpan[];
  readonly lines: readonly TrailLine[];
}

export interface LogTrail {
  readonly fromMs: number;
  readonly toMs: number;
  /** Errors of suspects first. */
  readonly groups: readonly TrailGroup[];
  readonly traces: readonly TrailTrace[];
  readonly read: { readonly records: number; readonly lines: number; readonly spans: number };
  /** What could not be read, or was more than is kept. */
  readonly missing: readonly string[];
}
