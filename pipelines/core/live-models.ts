/** What is said of the models that score a stream: who is live and who is shadow, and how they get on. */

export type ModelRole = "live" | "shadow";

/** An immutable version of a model: the number, and the checksum of its manifest. */
export interface ModelPick {
  readonly version: number;
  readonly checksum: string;
}

/** Who is live and who is shadow from the next window on: travels with the input, so that a replay switches where the run did. */
export interface ModelSwitch {
  readonly kind: "model";
  /** When it was decided. */
  readonly timeMs: number;
  readonly name: string;
  readonly live: ModelPick | null;
  readonly shadow: ModelPick | null;
  /** Why it is not what the registry says, or why nobody is live; else "". */
  readonly why: string;
}

/** How one version got on with one entity in the windows of a record. */
export interface RoleScores {
  readonly version: number;
  readonly state: ModelState;
  /** Windows of which it had an opinion. */
  readonly scored: number;
  /** Of these, with a tail probability below 0.001. */
  readonly odd: number;
  /** Smallest tail probability; null where it had none that counts. */
  readonly leastP: number | null;
  /** Mean evidence a window, in decimal orders of improbability. */
  readonly meanOrders: number | null;
  /** Anomalies opened. Those of a shadow are told here and nowhere else. */
  readonly opened: readonly ShadowAnomaly[];
}

export interface ShadowAnomaly {
  readonly series: string;
  readonly startMs: number;
  readonly detectedMs: number;
  readonly p: number;
  readonly why: string;
}

/** `warming`: it learns what is usual for itself. Only `scoring` opens anomalies; in all others statistics alone do. */
export const MODEL_STATES = ["scoring", "warming", "failed", "silent"] as const;
export type ModelState = (typeof MODEL_STATES)[number];

/** A column of what a model reads, or its score, against the rows that it was trained on. */
export interface ModelDrift {
  readonly name: string;
  /** Population stability index, less what chance gives; null with fewer than 200 values. */
  readonly psi: number | null;
  readonly level: "stable" | "shifted" | "changed" | "unknown";
}

/** Live and shadow beside each other, of one entity over some windows. */
export interface ScoresSummary {
  readonly kind: "summary";
  readonly model: string;
  readonly entity: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly live: RoleScores | null;
  readonly shadow: RoleScores | null;
  /** Windows that both found odd, only live, only shadow; null unless there are both. */
  readonly agreement: { readonly both: number; readonly onlyLive: number; readonly onlyShadow: number } | null;
  /** Of the live version, or else the shadow: columns that are not stable, and the score. */
  readonly drift: readonly ModelDrift[];
}

/** Another version scores from this window on. */
export interface ScoresSwitch {
  readonly kind: "switch";
  readonly model: string;
  /** Start of the first window that it is so for. */
  readonly startMs: number;
  readonly live: number | null;
  readonly shadow: number | null;
  readonly before: { readonly live: number | null; readonly shadow: number | null };
  readonly why: string;
}

export type ModelScores = ScoresSummary | ScoresSwitch;

/** How one configured model gets on in one task, for metrics, health and `models show`. */
export interface ModelStatus {
  readonly model: string;
  readonly role: ModelRole;
  /** null: nobody has the role. */
  readonly version: number | null;
  readonly checksum: string | null;
  readonly entities: Readonly<Record<ModelState, number>>;
  /** Windows of entities scored, found odd, anomalies opened, since the stage was made. */
  readonly scored: number;
  readonly odd: number;
  readonly opened: number;
  /** Largest drift of an entity's columns, and of its score; null where unknown. */
  readonly drift: { readonly columns: number | null; readonly score: number | null };
  /** What makes it fall back to statistics: reason to number of entities (0: all). */
  readonly fallback: Readonly<Record<string, number>>;
}
