/** What a backtest found, as reports show it. */

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** null: it can't be told (no incidents, no times). */
export interface Measured {
  readonly value: number | null;
  /** 95 %, from resampled incidents; null where it was not resampled. */
  readonly interval: Interval | null;
}

export const BACKTEST_MEASURES = {
  recall: "share of incidents with an alarm in them",
  precision: "alarms that were incidents: incidents found / (incidents found + false incidents)",
  f1: "harmonic mean of the two",
  falsePerWeek: "false incidents a week of quiet time, all entities together",
  timeToDetectMs: "median time from an incident's start to its first alarm, of those found",
  nab: "NAB score, standard profile, 0 without alarms, 100 perfect (Lavin & Ahmad 2015)",
  pooledAucPr: "area under precision and recall of rows, one threshold for all entities",
  aucPr: "the same for each entity, mean",
  vusPr: "volume under the range-PR surface, mean of entities (Paparrizos et al. 2022)",
  rowF1: "best F1 of rows over all thresholds, mean of entities",
  rangeF1: "best range-based F1 over thresholds, mean of entities (Tatbul et al. 2018)",
} as const;
export type BacktestMeasure = keyof typeof BACKTEST_MEASURES;

export interface BacktestModel {
  readonly label: string;
  readonly chosen: string;
  readonly measures: Readonly<Record<BacktestMeasure, Measured>>;
  readonly incidents: number;
  readonly found: number;
  readonly falseIncidents: number;
  readonly entities: readonly EntityResult[];
  /** Recall against precision of rows, pooled. */
  readonly curve: readonly (readonly [recall: number, precision: number])[];
}

export interface EntityResult {
  readonly entity: string;
  readonly incidents: number;
  readonly found: number;
  readonly falseIncidents: number;
  readonly recall: number | null;
  readonly precision: number | null;
  readonly f1: number | null;
  /** Of quiet time of this entity alone. */
  readonly falsePerWeek: number | null;
  readonly medianDelayMs: number | null;
  readonly nab: number | null;
  readonly aucPr: number | null;
  readonly vusPr: number | null;
  readonly rangeF1: number | null;
  /** Columns and score whose distribution changed since training (PSI of 0.1 and more); null for an untrained model. */
  readonly drift: readonly { readonly name: string; readonly psi: number; readonly level: string }[] | null;
}

export interface BacktestDifference {
  readonly measure: BacktestMeasure;
  readonly model: string;
  readonly against: string;
  readonly difference: number;
  readonly interval: Interval;
  /** The interval holds 0. */
  readonly withinNoise: boolean;
}

export interface BacktestTimeline {
  readonly entity: string;
  readonly axis: "time" | "row";
  readonly from: number;
  readonly to: number;
  readonly incidents: readonly (readonly [number, number])[];
  readonly models: readonly {
    readonly label: string;
    /** [place, highest score up to the next]. */
    readonly score: readonly (readonly [number, number])[];
    readonly alarms: readonly number[];
  }[];
}

export interface BacktestReport {
  readonly rows: number;
  readonly weeks: number | null;
  readonly incidents: number;
  readonly replicates: number;
  readonly models: readonly BacktestModel[];
  readonly differences: readonly BacktestDifference[];
  readonly timelines: readonly BacktestTimeline[];
  readonly notes: readonly string[];
}
