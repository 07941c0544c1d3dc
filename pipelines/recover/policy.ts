import type { Diagnosis, Incident, Suspect } from "../core/records.ts";

/** When all that a rule names fits the first suspect, `action` is what to do. */
export interface PolicyRule {
  /** Kind of the suspect, a glob with `*`. */
  readonly kind?: string;
  /** Name of the suspect, a glob with `*`. */
  readonly name?: string;
  /** A ranker that must speak for the suspect, a glob with `*`. */
  readonly evidence?: string;
  /** A change of the suspect at most `withinMs` before the onset. */
  /** What a series that is out of the ordinary is called, a glob with `*`. */
  readonly series?: string;
  /** Template of a log line that came with the fault, a glob with `*`. */
  readonly log?: string;
  /** A label of the incident, a glob with `*`. */
  readonly label?: string;
  readonly severity?: readonly ("critical" | "major" | "minor")[];
  /** Least confidence of the diagnosis, 0 to 1. */
  readonly confidence?: number;
  readonly change?: { readonly kind: "deploy" | "restart" | "config" | "scale"; readonly withinMs: number };
  /** Kind of action; `none` leaves it to people. */
  readonly action: string;
}

/** First match wins: a fresh deploy is rolled back, all else is restarted. */
export const DEFAULT_POLICY: readonly PolicyRule[] = [
  { evidence: "change*", change: { kind: "deploy", withinMs: 1_800_000 }, action: "rollback" },
  { action: "restart" },
];

/**
 * From the gentlest step on: restart, roll back, restore, fail over; after the last one a human is paged. A target has few
 * of them, and one whose dry run fails (no earlier release that was verified, no backup of before) is passed over.
 */
export const DEFAULT_LADDER: readonly string[] = [
  ...["restart", "vm-resume", "vm-reset", "vm-start", "scale", "cordon"],
  ...["rollback", "vm-revert", "restore-files", "point-in-time-recovery", "restore-latest"],
  "promote-replica",
];

/** Names of entities meet as `name` or `kind:name`. */
export const sameEntity = (entity: string, name: string): boolean => entity === name || entity.endsWith(`:${name}`);

/** The policy's answer to a diagnosis: the action for its first suspect, `null` when no rule names one. */
export function chooseAction(policy: readonly PolicyRule[], incident: Incident): string | null {
  const diagnosis = incident.diagnosis;
  const suspect = diagnosis?.suspects[0];
  if (diagnosis == null || suspect === undefined) return null;
  const rule = policy.find((r) => fits(r, suspect, diagnosis) && holds(r, incident));
  return rule === undefined || rule.action === "none" ? null : rule.action;
}

/** What the rule asks of the incident, beside its suspect. */
function holds({ series, log, label, severity, confidence }: PolicyRule, incident: Incident): boolean {
  const diagnosis = incident.diagnosis as Diagnosis;
  if (severity !== undefined && !severity.includes(incident.severity)) return false;
  if (confidence !== undefined && diagnosis.confidence < confidence) return false;
  if (label !== undefined && !incident.labels.some((l) => globMatches(label, l))) return false;
  if (log !== undefined && !diagnosis.logs.some((l) => globMatches(log, l.template))) return false;
  return series === undefined || incident.anomalies.some((a) => globMatches(series, a.series));
}

/** A deploy is seen with the first telemetry of the new release, so after the fault that it brought may have shown. */
const SEEN_LATE_MS = 5000;

function fits(rule: PolicyRule, suspect: Suspect, diagnosis: Diagnosis): boolean {
  const { kind = "*", name = "*", evidence, change } = rule;
  if (!globMatches(kind, suspect.kind) || !globMatches(name, suspect.name)) return false;
  if (evidence !== undefined && !suspect.for.some((e) => globMatches(evidence, e.ranker))) return false;
  if (change === undefined) return true;
  const early = diagnosis.onsetMs - change.withinMs;
  const late = Math.max(diagnosis.onsetMs, diagnosis.onsetRangeMs[1]) + SEEN_LATE_MS;
  return diagnosis.changes.some(
    (c) => c.kind === change.kind && c.timeMs >= early && c.timeMs <= late && sameEntity(c.entity, suspect.name),
  );
}

/** `*` stands for any characters, all else for itself. Linear in the text for each star: no pattern can hang it. */
export function globMatches(pattern: string, text: string): boolean {
  const parts = pattern.split("*");
  const first = parts[0] as string;
  if (parts.length === 1) return pattern === text;
  const last = parts.at(-1) as string;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  const end = text.length - last.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
