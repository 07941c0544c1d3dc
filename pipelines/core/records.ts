/** The records that flow between stages. Times are integer milliseconds since the Unix epoch, ranges half-open. */

import type { WindowBatch } from "./batches.ts";
import type { LabelRecord, Silence, Suppression, Verdict } from "./incident-decisions.ts";
import type { ModelScores, ModelSwitch } from "./live-models.ts";
import type { Delivery, Notification } from "./notifications.ts";
import type { Share } from "./share.ts";
import type { Entity, Series } from "./tables.ts";

/** One message of a source, undecoded. `position` is where reading goes on *after* it. */
export interface RawRecord {
  readonly source: string;
  readonly position: string;
  /** Arrival at our door; limits how far in the future an event time may lie. */
  readonly ingestTimeMs: number;
  /** Name of a decoder. */
  readonly format: string;
  readonly value: Uint8Array;
  /** Where several tasks get the record: the part that is ours. */
  readonly share?: Share;
  /** The task that it, or a piece of it, was routed to. */
  readonly part?: number;
}

export interface DeadLetterReason {
  readonly code: string;
  /** What the code means. */
  readonly explanation: string;
  readonly detail: string;
  readonly rows: number;
}

/** What was refused of one record, and the record itself, so that nothing is lost. One for each record, however many reasons. */
export interface DeadLetter {
  readonly source: string;
  /** Where reading went on after it. */
  readonly position: string;
  /** Task that the record, or a piece of it, was routed to; null where it was read as it came. */
  readonly part: number | null;
  /** The part of the payload that was the task's; null: all of it. */
  readonly share: Share | null;
  readonly ingestTimeMs: number;
  /** Name of a decoder. */
  readonly format: string;
  readonly reasons: readonly DeadLetterReason[];
  /** Rows refused, of all reasons; 1 for a record that can't be read at all. */
  readonly rows: number;
  /** Rows of the same record that were used: they would count twice if it came again. */
  readonly taken: number;
  /** Of the record. */
  readonly sizeBytes: number;
  /** False where the record is larger than the limit: `payload` is its beginning then. */
  readonly complete: boolean;
  /** Base64. */
  readonly payload: string;
}

/** A change that somebody made: what broke often follows one. */
export interface ChangeEvent {
  readonly entity: string;
  readonly timeMs: number;
  readonly kind: "deploy" | "restart" | "config" | "scale";
  readonly detail: string;
}

/** Lines of one template in one window. */
export interface LogDigest {
  readonly entity: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly template: string;
  /** Of the template, whose text may become more general later. */
  readonly templateId?: number;
  readonly severity: number;
  readonly count: number;
  readonly isNew: boolean;
  readonly sample: string;
  readonly traceId: string;
}

export type Direction = "up" | "down";
/** What a series tells of: symptoms are what users feel, the rest are what may explain it. */
export type Family = "latency" | "errors" | "traffic" | "silence" | "cpu" | "memory" | "disk" | "network" | "other";

export interface ExpectedBand {
  readonly expected: number;
  readonly low: number;
  readonly high: number;
}

/** One series off its usual course. Emitted on opening, when it gets stronger, and on closing (`endMs` set). */
export interface Anomaly {
  readonly id: string;
  readonly entity: string;
  readonly entityKind: string;
  readonly series: string;
  readonly unit: string;
  readonly family: Family;
  readonly direction: Direction;
  /** Start of the first unusual window. */
  readonly startMs: number;
  /** End of the window in which it was opened: the moment of detection in event time. */
  readonly detectedMs: number;
  readonly endMs: number | null;
  /** Smallest tail probability seen, in (0, 1]. */
  readonly p: number;
  /** Most evidence so far: decimal orders of improbability, summed over recent windows. Records of earlier versions lack it. */
  readonly evidence?: number;
  /** Value, expected value and band in the strongest window. */
  readonly value: number;
  readonly band: ExpectedBand;
  /** Detectors by their share of the evidence. */
  readonly detectors: Readonly<Record<string, number>>;
  readonly why: string;
}

export interface Evidence {
  readonly ranker: string;
  readonly score: number;
  readonly text: string;
  /** Series this evidence can be checked against, `entity/series`. */
  readonly series?: string;
}

/** A ranked cause. */
export interface Suspect {
  readonly name: string;
  readonly kind: string;
  readonly score: number;
  /** Share of belief over all suspects, in [0, 1]. */
  readonly confidence: number;
  readonly for: readonly Evidence[];
  readonly against: readonly Evidence[];
  /** Entities from the symptom to the cause. */
  readonly path: readonly string[];
}

/** Values of one series around the incident, on the window grid: NaN (null in JSON) is a gap. */
export interface EvidenceChart {
  readonly entity: string;
  readonly series: string;
  readonly unit: string;
  readonly startMs: number;
  readonly stepMs: number;
  readonly values: readonly (number | null)[];
  readonly band: ExpectedBand;
  readonly onsetMs: number;
}

export interface Diagnosis {
  readonly onsetMs: number;
  readonly onsetRangeMs: readonly [number, number];
  readonly confidence: number;
  readonly inconclusive: boolean;
  readonly headline: string;
  readonly suspects: readonly Suspect[];
  readonly charts: readonly EvidenceChart[];
  readonly edges: readonly CallEdge[];
  readonly logs: readonly LogDigest[];
  readonly changes: readonly ChangeEvent[];
  readonly missing: readonly string[];
  /** Earlier incidents that looked alike, the most similar first; absent where there is none. */
  readonly similar?: readonly Similar[];
}

export interface Similar {
  readonly id: string;
  readonly headline: string;
  readonly cause: string;
  /** What fixed it; null if nothing did that is known. */
  readonly repair: string | null;
  /** Cosine of the two signatures, 0 to 1. */
  readonly similarity: number;
  /** Shared features, the most telling first. */
  readonly why: readonly string[];
}

export interface CallEdge {
  readonly caller: string;
  readonly callee: string;
  readonly calls: number;
  readonly errorRatio: number;
  readonly durationMs: number;
}

export type IncidentState = "open" | "acknowledged" | "mitigating" | "resolved";

/** Times are null until they happen. */
export interface IncidentTimes {
  readonly faultStartMs: number;
  readonly detectedMs: number;
  readonly acknowledgedMs: number | null;
  readonly mitigatedMs: number | null;
  readonly verifiedMs: number | null;
  readonly resolvedMs: number | null;
}

export interface Incident {
  readonly id: string;
  readonly version: number;
  readonly system: string;
  readonly state: IncidentState;
  readonly severity: "critical" | "major" | "minor";
  readonly times: IncidentTimes;
  /** Times it was reopened after resolving. */
  readonly reopened: number;
  readonly entities: readonly string[];
  readonly anomalies: readonly Anomaly[];
  readonly diagnosis: Diagnosis | null;
  readonly timeline: readonly TimelineEntry[];
  readonly labels: readonly string[];
  /** What somebody said it was; the last word counts. */
  readonly verdict?: Verdict;
  /** It is part of this incident now, and resolved here. */
  readonly mergedInto?: string;
  /** A silence, calendar or suppression covers all of its anomalies: it is recorded, and nobody is paged. */
  readonly muted?: { readonly silenceId: string; readonly untilMs: number };
  /** Too many opened at once: this one stands for so many groups of anomalies. */
  readonly digest?: { readonly groups: number };
}

export interface TimelineEntry {
  readonly timeMs: number;
  readonly kind: "anomaly" | "state" | "diagnosis" | "change" | "action" | "log";
  readonly entity: string;
  readonly text: string;
}

export type ActionState =
  | "proposed"
  | "approved"
  | "rejected"
  | "executing"
  | "executed"
  | "failed"
  | "verified"
  | "unverified"
  | "expired";

/** A typed recovery step, before anything is done. `hash` binds an approval to exactly this plan. */
export interface Plan {
  readonly id: string;
  readonly incidentId: string;
  readonly action: string;
  readonly target: string;
  readonly reason: string;
  /** Earliest moment at which the fault may have begun: restores go back to before it. */
  readonly onsetMs: number | null;
  readonly preconditions: readonly string[];
  readonly effect: string;
  readonly blastRadius: readonly string[];
  readonly reversible: boolean;
  readonly expectedLoss: string;
  readonly risk: "low" | "medium" | "high";
  readonly createdMs: number;
  readonly expiresMs: number;
  /** The plan whose effect this one takes back. */
  readonly undoOf?: string;
  readonly hash: string;
}

export interface Action {
  readonly plan: Plan;
  readonly state: ActionState;
  readonly version: number;
  readonly approvedBy: string | null;
  readonly attempts: number;
  /** Why people have to go on from here: nothing more is tried. */
  readonly needsHuman?: string;
  readonly history: readonly { readonly timeMs: number; readonly state: ActionState; readonly detail: string }[];
}

/**
 * What people decide about incidents. `incident`, where it is given, is one that was over as it stood: the stage has
 * forgotten it by then.
 */
export type IncidentControl = { readonly timeMs: number; readonly incident?: Incident } & (
  | { readonly kind: "resolve"; readonly incidentId: string; readonly by: string; readonly note: string }
  | { readonly kind: "reopen"; readonly incidentId: string; readonly by: string; readonly note: string }
  | { readonly kind: "label"; readonly record: LabelRecord }
  | { readonly kind: "merge"; readonly incidentId: string; readonly into: string; readonly by: string }
  | { readonly kind: "split"; readonly incidentId: string; readonly entities: readonly string[]; readonly by: string }
  | { readonly kind: "silence"; readonly silence: Silence }
  | { readonly kind: "unsilence"; readonly silenceId: string; readonly by: string }
);

/** What people and the executor tell the stages; travels through the journal, so that a replay sees the same. */
export type Control =
  | ModelSwitch
  | { readonly kind: "tick"; readonly timeMs: number }
  /** The source has come to this event time with nothing for us; `silent`: it has had nothing at all since. 0: never. */
  | { readonly kind: "mark"; readonly timeMs: number; readonly silent: boolean }
  | { readonly kind: "acknowledge"; readonly timeMs: number; readonly incidentId: string; readonly by: string }
  | IncidentControl
  | {
      readonly kind: "suppress";
      readonly timeMs: number;
      readonly suppressionId: string;
      readonly by: string;
      readonly expiresMs: number;
      /** Not only at its time of the week. */
      readonly anyTime: boolean;
    }
  | { readonly kind: "unsuppress"; readonly timeMs: number; readonly suppressionId: string; readonly by: string }
  | {
      readonly kind: "approve";
      readonly timeMs: number;
      readonly planId: string;
      readonly hash: string;
      readonly by: string;
    }
  | { readonly kind: "reject"; readonly timeMs: number; readonly planId: string; readonly by: string }
  /** Asks for a plan that takes this one's effect back. */
  | { readonly kind: "undo"; readonly timeMs: number; readonly planId: string; readonly by: string }
  | {
      readonly kind: "dryRun";
      readonly timeMs: number;
      readonly planId: string;
      readonly ok: boolean;
      readonly detail: string;
    }
  | {
      readonly kind: "executing";
      readonly timeMs: number;
      readonly planId: string;
      readonly incidentId: string;
      readonly detail: string;
    }
  | {
      readonly kind: "result";
      readonly timeMs: number;
      readonly planId: string;
      readonly incidentId: string;
      readonly ok: boolean;
      readonly detail: string;
    };

/** What travels between stages. Ids that are new come first, then windows, then anomalies, then the watermark that makes them final. */
export type Message =
  | { readonly type: "tables"; readonly entities: readonly Entity[]; readonly series: readonly Series[] }
  | { readonly type: "windows"; readonly batch: WindowBatch }
  | { readonly type: "logs"; readonly digests: readonly LogDigest[] }
  | { readonly type: "edges"; readonly endMs: number; readonly edges: readonly CallEdge[] }
  | { readonly type: "anomaly"; readonly anomaly: Anomaly }
  | { readonly type: "change"; readonly change: ChangeEvent }
  | { readonly type: "control"; readonly control: Control }
  | { readonly type: "incident"; readonly incident: Incident }
  | { readonly type: "watermark"; readonly timeMs: number }
  /** The sender has had no input at all so far: nobody need wait for its watermark. */
  | { readonly type: "idle" };

/** Topics that outlive a run. */
export interface TopicRecords {
  readonly anomalies: Anomaly;
  readonly incidents: Incident;
  readonly actions: Action;
  readonly notifications: Notification;
  readonly deliveries: Delivery;
  readonly silences: Silence;
  readonly suppressions: Suppression;
  readonly "dead-letters": DeadLetter;
  /** How the versions of a model get on; nobody is paged by it. */
  readonly scores: ModelScores;
}
export type Topic = keyof TopicRecords;
export const TOPICS: readonly Topic[] = [
  "anomalies",
  "incidents",
  "actions",
  "silences",
  "suppressions",
  "notifications",
  "deliveries",
  "dead-letters",
  "scores",
];
