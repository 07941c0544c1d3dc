/** Figures from incidents, each with its definition: what `measure` works out and `report` shows. */

/** What a figure is worked out from: one outage, times in ms since the epoch, null where unknown or not yet. */
export interface OutageRecord {
  readonly id: string;
  readonly service: string;
  readonly severity: string;
  /** What kind of fault it was, empty where nobody says: with the service, its signature. */
  readonly mode: string;
  readonly startMs: number;
  readonly detectedMs: number | null;
  readonly acknowledgedMs: number | null;
  readonly mitigatedMs: number | null;
  /** null: it is not over. */
  readonly resolvedMs: number | null;
  /** A deploy or a change of configuration caused it; null: nobody says. */
  readonly byChange: boolean | null;
  /** Repairs carried out, and those verified; null: nobody says. */
  readonly repairs: { readonly attempted: number; readonly verified: number } | null;
  /** Writes acknowledged to clients, and those of them lost; null: nobody counted. */
  readonly writes: { readonly acknowledged: number; readonly lost: number } | null;
  /** A fault put in on purpose; null: nobody says. */
  readonly injected: boolean | null;
}

export interface ReliabilityFigure {
  readonly key: string;
  readonly name: string;
  /** null: it can't be told, `note` says why. */
  readonly value: number | null;
  /** `1` for shares, `h`, `/h`. */
  readonly unit: "1" | "h" | "/h" | "count";
  readonly interval: { readonly low: number; readonly high: number | null; readonly level: number } | null;
  /** What it rests on. */
  readonly count: number;
  readonly definition: string;
  readonly source: string;
  readonly note: string;
}

/** How long something took over all outages, those that are not over counted as lasting longer. */
export interface DurationFigure {
  readonly key: string;
  readonly name: string;
  readonly unit: "h";
  /** Mean; at least so long where `atLeast`. */
  readonly mean: number | null;
  readonly atLeast: boolean;
  readonly median: number | null;
  readonly p90: number | null;
  readonly max: number | null;
  /** Over, and not over yet. */
  readonly ended: number;
  readonly open: number;
  readonly definition: string;
  readonly source: string;
}

export interface BurnRate {
  readonly windowHours: number;
  readonly downHours: number;
  /** 1: the budget lasts exactly the period that the objective is for. */
  readonly burnRate: number;
}

export interface LifetimeFit {
  readonly shape: number;
  readonly shapeInterval: readonly [number, number];
  readonly scaleHours: number;
  readonly scaleIntervalHours: readonly [number, number];
  readonly logLikelihood: number;
  /** p of the likelihood ratio against a constant rate. */
  readonly constantRateP: number;
  readonly gaps: number;
}

export interface FailureForecast {
  readonly model: "weibull" | "exponential";
  readonly sinceLastHours: number;
  /** From now; null where it is beyond what can be said. */
  readonly medianHours: number | null;
  /** 80 %: one in ten comes earlier, one in ten later; the uncertainty of the fit is in it. */
  readonly lowHours: number | null;
  readonly highHours: number | null;
  readonly within: readonly { readonly hours: number; readonly probability: number }[];
}

export interface ReliabilityReport {
  readonly fromMs: number;
  readonly toMs: number;
  readonly observedHours: number;
  readonly units: number;
  readonly incidents: number;
  readonly open: number;
  readonly figures: readonly ReliabilityFigure[];
  readonly durations: readonly DurationFigure[];
  readonly errorBudget: {
    readonly objective: number;
    readonly allowedHours: number;
    readonly downHours: number;
    /** Negative where it is overspent. */
    readonly remainingShare: number;
    readonly burnRates: readonly BurnRate[];
    readonly definition: string;
    readonly source: string;
  };
  readonly timeBetweenFailures: {
    readonly survival: readonly {
      readonly hours: number;
      readonly survival: number;
      readonly low: number;
      readonly high: number;
      readonly atRisk: number;
    }[];
    readonly weibull: LifetimeFit | null;
    readonly forecast: FailureForecast | null;
    /** Laplace's score: > 1.96 failures come ever faster, < -1.96 ever slower. */
    readonly trend: number | null;
    readonly definition: string;
    readonly source: string;
  };
  readonly warnings: readonly string[];
}
