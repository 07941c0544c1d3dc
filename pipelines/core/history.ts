/** Recorded metrics of one entity, and the incidents that are known of it: what training and backtests read. */
export interface EntityHistory {
  readonly entity: string;
  /** Names of the value columns. */
  readonly columns: readonly string[];
  /** What `at` counts: ms since 1970, or rows of a file whose times are bare numbers. */
  readonly axis: "time" | "row";
  /** Place of each row on the axis, rising, [rows]. */
  readonly at: Float64Array;
  /** Times as scorers take them, [rows]: `at`, or NaN on an axis of rows. */
  readonly timesMs: Float64Array;
  /** Row-major [rows, columns]; NaN is a gap. */
  readonly values: Float64Array;
  /** In order of start. */
  readonly incidents: readonly KnownIncident[];
}

/** Half-open [start, end) on the entity's axis. */
export interface KnownIncident {
  readonly start: number;
  readonly end: number;
  /** "" for all entities. */
  readonly entity: string;
  readonly cause: string;
}

/** 1 on rows within an incident, [rows]. */
export function labelsOf({ at, incidents }: Pick<EntityHistory, "at" | "incidents">): Uint8Array {
  const labels = new Uint8Array(at.length);
  for (const { start, end } of incidents)
    for (let i = firstAt(at, start); i < at.length && at[i]! < end; i++) labels[i] = 1;
  return labels;
}

/** First row at or after a place. */
export function firstAt(at: Float64Array, place: number): number {
  let [lo, hi] = [0, at.length];
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (at[mid]! < place) lo = mid + 1;
    else hi = mid;
  }
  return lo;
}

/** Rows [from, to) of a history, its incidents cut to them. */
export function slice(h: EntityHistory, from: number, to: number): EntityHistory {
  const dims = h.columns.length;
  const [first, last] = [h.at[from] ?? Number.POSITIVE_INFINITY, h.at[to - 1] ?? Number.NEGATIVE_INFINITY];
  return {
    ...h,
    at: h.at.subarray(from, to),
    timesMs: h.timesMs.subarray(from, to),
    values: h.values.subarray(from * dims, to * dims),
    incidents: h.incidents.filter((i) => i.start <= last && i.end > first),
  };
}
