/** What a stage counts as it goes: plain numbers, read only when somebody asks. */

/** Name of the count, value of its one label ("" for none), the number since the stage was made. */
export type Tally = readonly [count: TallyName, label: string, n: number];

export type TallyName = "records" | "rows" | "letters" | "letterRows" | "windows" | "anomalies" | "incidents";

/** Sources that are told apart; all others are counted together. */
const SOURCES = 100;

/** Records and rows by source. The last source asked for is at hand: they come in runs. */
export function sourceCounts() {
  const bySource = new Map<string, { records: number; rows: number }>();
  let last = "";
  let own = { records: 0, rows: 0 };
  const find = (source: string) => {
    const name = bySource.has(source) || bySource.size < SOURCES ? source : "other";
    const known = bySource.get(name) ?? { records: 0, rows: 0 };
    bySource.set(name, known);
    return known;
  };
  return {
    of(source: string): { records: number; rows: number } {
      if (source !== last || bySource.size === 0) {
        own = find(source);
        last = source;
      }
      return own;
    },
    *tally(): Generator<Tally> {
      for (const [source, { records, rows }] of bySource) {
        yield ["records", source, records];
        yield ["rows", source, rows];
      }
    },
  };
}

/** Counts by one label whose values come from a list of ours. */
export class LabelCounts {
  readonly #name: TallyName;
  readonly #byLabel = new Map<string, number>();
  constructor(name: TallyName) {
    this.#name = name;
  }
  add(label: string, n = 1): void {
    this.#byLabel.set(label, (this.#byLabel.get(label) ?? 0) + n);
  }
  *tally(): Generator<Tally> {
    for (const [label, n] of this.#byLabel) yield [this.#name, label, n];
  }
}
