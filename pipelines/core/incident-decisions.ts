/** What people decide about incidents, and the rules that come of it. Times are ms since the Unix epoch, event time. */
export const VERDICTS = ["real", "expected", "noise"] as const;

export interface Verdict {
  readonly label: (typeof VERDICTS)[number];
  readonly by: string;
  readonly atMs: number;
  readonly note: string;
}

/** A verdict on its way in. */
export interface LabelRecord extends Verdict {
  readonly incidentId: string;
}

export const MATCH_FIELDS = ["entity", "kind", "series", "metric", "family"] as const;

/** About an anomaly; `=~` and `!~` take a regular expression (RE2) that must match the whole value. */
export interface Matcher {
  readonly field: (typeof MATCH_FIELDS)[number];
  readonly op: "=" | "!=" | "=~" | "!~";
  readonly value: string;
}

/** From `startsMs` to `endsMs` of event time, anomalies that all matchers match page nobody. */
export interface Silence {
  readonly id: string;
  readonly matchers: readonly Matcher[];
  readonly startsMs: number;
  readonly endsMs: number;
  /** `mute`: incidents are recorded and nobody is paged. `ignore`: what matches takes no part in incidents. */
  readonly mode: "mute" | "ignore";
  readonly by: string;
  readonly comment: string;
  readonly createdMs: number;
  /** Who ended it before its time. */
  readonly endedBy: string | null;
}

/** One of the signs that a suppression covers. */
export interface Sign {
  readonly entity: string;
  /** With its attributes, the template of a log series among them. */
  readonly series: string;
  readonly direction: "up" | "down";
}

/**
 * Incidents that show nothing but these signs page nobody. Proposed when somebody labels an incident expected or noise;
 * in force once a person accepts it, until it expires or is removed.
 */
export interface Suppression {
  readonly id: string;
  readonly state: "proposed" | "active" | "expired" | "removed";
  readonly label: "expected" | "noise";
  /** The incident that was labelled. */
  readonly incidentId: string;
  readonly signs: readonly Sign[];
  /** Hour of the week, UTC, 0 is Monday from midnight, at which it began; an hour and a half either way. Null: at any time. */
  readonly hourOfWeek: number | null;
  readonly note: string;
  readonly proposedBy: string;
  readonly createdMs: number;
  readonly acceptedBy: string | null;
  readonly acceptedMs: number | null;
  readonly expiresMs: number | null;
  /** Who removed it. */
  readonly endedBy: string | null;
  /** Incidents that it kept quiet, and when it did so last. */
  readonly count: number;
  readonly lastMs: number | null;
}
