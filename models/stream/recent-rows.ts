/** The last rows of a stream, [capacity, dims] at most, each with whether it may be learned from. */
export interface RecentRows {
  push(row: Float64Array, usable: boolean): void;
  /** Oldest first. With fewer than half of the rows usable, all are: what is common is no exception. */
  inOrder(): { rows: Float64Array; use: Uint8Array };
  save(): Record<"recent" | "usable" | "pushed", number[]>;
  load(values: Readonly<Record<string, readonly number[]>>): void;
}

/** The ring grows up to `capacity` as rows come. */
export function recentRows(dims: number, capacity: number): RecentRows {
  let held = new Float64Array(0);
  const use = new Uint8Array(capacity);
  let pushed = 0;
  return {
    push(row, usable) {
      const at = pushed % capacity;
      if ((at + 1) * dims > held.length) {
        const wider = new Float64Array(Math.min(capacity, Math.max(64, 2 * (at + 1))) * dims);
        wider.set(held);
        held = wider;
      }
      held.set(row, at * dims);
      use[at] = usable ? 1 : 0;
      pushed++;
    },
    inOrder() {
      const n = Math.min(pushed, capacity);
      const start = pushed > capacity ? pushed % capacity : 0;
      const rows = new Float64Array(n * dims);
      const usable = new Uint8Array(n);
      for (let i = 0; i < n; i++) {
        const from = (start + i) % n;
        rows.set(held.subarray(from * dims, (from + 1) * dims), i * dims);
        usable[i] = use[from] as number;
      }
      if (2 * usable.reduce((a, b) => a + b, 0) < n) usable.fill(1);
      return { rows, use: usable };
    },
    save() {
      const n = Math.min(pushed, capacity);
      return {
        recent: Array.from(held.subarray(0, n * dims)),
        usable: Array.from(use.subarray(0, n)),
        pushed: [pushed],
      };
    },
    load(values) {
      const n = Math.min(values.pushed?.[0] ?? 0, capacity);
      if ((values.recent?.length ?? 0) !== n * dims) throw new RangeError("recent rows: the state is of another shape");
      held = Float64Array.from(values.recent ?? []);
      use.set(values.usable ?? []);
      pushed = values.pushed?.[0] ?? 0;
    },
  };
}
