/** Raw events of a recorded incident: kept finer than any window grid, because calls and lines tell more one by one. */

/** One slot a span. `owner` and `operation` index the lists; `parent` is the parent's slot or -1. */
export interface SpanTable {
  readonly length: number;
  readonly startMs: Float64Array;
  readonly durationUs: Float64Array;
  readonly parent: Int32Array;
  readonly owner: Int32Array;
  readonly operation: Int32Array;
  readonly owners: readonly string[];
  readonly operations: readonly { readonly owner: number; readonly name: string }[];
}

/** One slot a log line; `template` indexes the list. */
export interface LineTable {
  readonly length: number;
  readonly timeMs: Float64Array;
  readonly template: Int32Array;
  /** Number of the line's trace, -1 where none is known. */
  readonly trace: Int32Array;
  readonly templates: readonly {
    readonly entity: string;
    readonly text: string;
    /** Highest OpenTelemetry severity seen, 0 unknown. */
    readonly severity: number;
    readonly sample: string;
  }[];
}
