import type { Silence } from "../core/incident-decisions.ts";
import type { Anomaly, CallEdge, ChangeEvent, Control, Diagnosis, Incident, TimelineEntry } from "../core/records.ts";
import type { Stateful } from "../core/stage.ts";

export interface CorrelatorOptions {
  readonly system: string;
  /** Length of a window, ms: the unit of the defaults below. */
  readonly windowMs: number;
  /** Total weight that opens an incident, default 1.5. */
  readonly minEvidence?: number;
  /** An incident is over when nothing has held it for this long, default 60 s. */
  readonly quietMs?: number;
  /** The same anomalies within this time after resolving reopen it, default 10 min. */
  readonly reopenMs?: number;
  /** Default 8 windows, see `OpenRule`. */
  readonly sustainMs?: number;
  /** Default 4 windows, see `OpenRule`. */
  readonly confirmMs?: number;
  /** Default 6 windows, see `OpenRule`. */
  readonly confirmErrorsMs?: number;
  /** Anomalies detected further apart than this don't open an incident together, default 20 windows. */
  readonly joinMs?: number;
  /** Calls that are known without having been seen: `[caller, callee]`. Never forgotten. */
  readonly topology?: readonly (readonly [caller: string, callee: string])[];
  readonly flood?: Partial<FloodLimits>;
  /** Waiting anomalies, default 5,000; the weakest go first. */
  readonly maxPending?: number;
  /** Incidents a week that may open without a fault; undefined: by the rule alone, see `OpenRule`. */
  readonly falseIncidentsPerWeek?: number | undefined;
  /** What keeps an anomaly from paging anybody at this time: a calendar, a suppression. */
  readonly covered?: ((anomaly: Anomaly, nowMs: number) => Cover | undefined) | undefined;
}

export interface Cover {
  readonly id: string;
  readonly untilMs: number;
  /** For the timeline. */
  readonly text?: string;
}

/** More than `incidents` opened within `perMs`: what comes on top is collected in one. */
export interface FloodLimits {
  readonly incidents: number;
  readonly perMs: number;
}

export interface IncidentEvent {
  readonly kind: "opened" | "updated" | "resolved" | "reopened";
  readonly incident: Incident;
}

export interface Correlator extends Stateful {
  onAnomaly(anomaly: Anomaly): void;
  /** So many series had a value in a window. */
  onWindow(rows: number): void;
  onEdges(edges: readonly CallEdge[], endMs: number): void;
  onChange(change: ChangeEvent): void;
  /** Gives the silence that it made or ended. What it says about incidents comes with the next `drain`. */
  onControl(control: Control): Silence | undefined;
  /** Time passes: joins, opens, resolves, forgets. At most one event an incident. */
  advance(watermarkMs: number): IncidentEvent[];
  /** Changes made between two `advance` calls (acknowledge, repair, diagnosis, notes), for writing them at once. */
  drain(): IncidentEvent[];
  /** What is known of chance; undefined without a budget. */
  readonly budget?: { readonly loneLevel: number; readonly correction: number; readonly peaks: number } | undefined;
  markMitigated(incidentId: string, timeMs: number): void;
  setDiagnosis(incidentId: string, diagnosis: Diagnosis, timeMs: number): void;
  addNote(incidentId: string, entry: TimelineEntry): void;
  get(incidentId: string): Incident | undefined;
  /** Not resolved, oldest first. */
  openIncidents(): Incident[];
}
