/** What all forms of a report say, worked out once. */

import { formatDate, formatDuration, formatTime, percent } from "../core/format.ts";
import type { LogTrail } from "../core/log-trail.ts";
import type { Action, Evidence, Incident, Suspect } from "../core/records.ts";
import { SELF_LABEL } from "../core/self.ts";

export interface ReportInput {
  readonly incident: Incident;
  /** Repairs of this incident; others are left out. */
  readonly actions: readonly Action[];
  /** Unix ms, printed on the page. */
  readonly generatedMs: number;
  /** Data directory of the pipeline, for the commands that the page shows. */
  readonly dataDir?: string;
  /** The very lines and spans, where the input could be read again. */
  readonly trail?: LogTrail;
}

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly ms: number | null;
  readonly definition: string;
}

export interface ReportView extends ReportInput {
  readonly headline: string;
  /** The repair that matters now: one waiting for a decision, else the latest. */
  readonly action: Action | undefined;
  readonly command: string | null;
  /** What to do, in one sentence. */
  readonly advice: string;
  readonly figures: readonly Figure[];
  /** Suspects that something telling speaks for, and the names of the others. */
  readonly suspects: readonly Suspect[];
  readonly others: readonly Suspect[];
  /** What a reader must know of it before all else: silenced, merged, what somebody called it. */
  readonly marks: readonly string[];
}

/** Shown to be pasted into a shell, so quoted for one. */
const dirOption = (dir: string | undefined) =>
  dir === undefined || dir === ".faultwright" ? "" : ` --data-dir '${dir.replaceAll("'", "'\\''")}'`;
const between = (from: number, to: number | null) => (to === null ? null : Math.max(0, to - from));

/** Evidence that carries less than this share of the strongest there is says that nothing changed. */
const TELLING = 0.05;
const SHOWN = 5;

function tellingSuspects(all: readonly Suspect[]): Pick<ReportView, "suspects" | "others"> {
  const most = Math.max(0, ...all.flatMap((s) => s.for.map((e) => e.score)));
  const telling = (e: Evidence) => e.score >= TELLING * most;
  const suspects = all
    .map((s) => ({ ...s, for: s.for.filter(telling) }))
    .filter((s, i) => i === 0 || (s.for.length > 0 && s.confidence >= 0.01))
    .slice(0, SHOWN);
  const names = new Set(suspects.map((s) => s.name));
  return { suspects, others: all.filter((s) => !names.has(s.name)) };
}

function marksOf({ muted, mergedInto, verdict, digest, labels }: Incident): string[] {
  const out: string[] = [];
  if (labels.includes(SELF_LABEL)) out.push("This is about faultwright itself, not about what it watches.");
  if (mergedInto !== undefined) out.push(`It is part of ${mergedInto} now: go on there.`);
  if (digest !== undefined)
    out.push(`A flood: ${digest.groups} groups of anomalies are collected here. Look for what they have in common.`);
  if (muted !== undefined)
    out.push(`Nobody is paged: ${muted.silenceId} until ${formatDate(muted.untilMs)} ${formatTime(muted.untilMs)}.`);
  if (verdict !== undefined)
    out.push(`${verdict.by} called it ${verdict.label}${verdict.note === "" ? "." : `: ${verdict.note}`}`);
  return out;
}

/** Similarity from which a repair that worked is worth naming at the top. */
const ALIKE = 0.7;

/** The earlier incident that this one looks like most, where something is known to have fixed it. */
export function seenBefore({ diagnosis }: Incident): string | null {
  const known = diagnosis?.similar?.find((s) => s.similarity >= ALIKE && s.repair !== null);
  return known ? `Looks like ${known.id} (${percent(known.similarity)}), which was fixed by: ${known.repair}` : null;
}

export function reportView(input: ReportInput): ReportView {
  const { incident } = input;
  const { times, diagnosis } = incident;
  const actions = input.actions.filter((a) => a.plan.incidentId === incident.id);
  const action = actions.find((a) => a.state === "proposed") ?? actions.at(0);
  const over = incident.state === "resolved";
  const figure = (name: string, ms: number | null, definition: string) => ({
    name,
    ms,
    value: ms === null ? (over ? "never" : "not yet") : formatDuration(ms),
    definition,
  });
  return {
    ...input,
    actions,
    ...tellingSuspects(diagnosis?.suspects ?? []),
    marks: marksOf(incident),
    headline:
      diagnosis?.headline ??
      `${incident.entities.slice(0, 3).join(", ")}: something is wrong; the cause is being worked out`,
    action,
    command:
      action?.state === "proposed"
        ? `npx faultwright recover approve ${action.plan.id} --hash ${action.plan.hash}${dirOption(input.dataDir)}`
        : null,
    advice: adviceOf(incident, action),
    figures: [
      figure(
        "Time to detect",
        between(times.faultStartMs, times.detectedMs),
        "From the estimated start of the fault to the moment the incident was opened, in event time.",
      ),
      figure(
        "Time to acknowledge",
        between(times.detectedMs, times.acknowledgedMs),
        "From opening to the first acknowledgement by a person.",
      ),
      figure(
        "Time to mitigate",
        between(times.detectedMs, times.mitigatedMs),
        "From opening to the end of the action that was carried out.",
      ),
      figure(
        "Time to recover",
        between(times.faultStartMs, times.resolvedMs),
        "From the estimated start of the fault until every signal that opened the incident was usual again.",
      ),
    ],
  };
}

function adviceOf(incident: Incident, action: Action | undefined): string {
  if (incident.mergedInto !== undefined) return `Nothing here: it is part of ${incident.mergedInto} now.`;
  const first = incident.diagnosis?.suspects[0]?.name;
  const what = action ? `${action.plan.action} of ${action.plan.target}` : "";
  if (incident.state === "resolved")
    return action?.state === "verified"
      ? `Nothing: the ${what} was carried out and verified.`
      : "Nothing now: all signals are usual again. Find out why it happened.";
  if (action?.state === "proposed")
    return `Approve the ${what} (${action.plan.risk} risk), or look at ${first ?? "the evidence"} yourself.`;
  if (action?.state === "approved" || action?.state === "executing") return `Wait: the ${what} is under way.`;
  if (action?.state === "executed") return `Wait: the ${what} is done and is being verified.`;
  if (action?.state === "failed" || action?.state === "unverified") return `Step in: the ${what} did not help.`;
  if (incident.diagnosis?.inconclusive) return "Look for yourself: the evidence does not single out a cause.";
  return first
    ? `Look at ${first} first; no repair is configured for it.`
    : "Look at the evidence below; no cause has been named yet.";
}
