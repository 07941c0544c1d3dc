/** What both forms of a post-mortem say, in words. */
import { formatDuration, percent, plural } from "../../core/format.ts";
import type { FoundIncident, KnownIncident, PostmortemReport } from "../../core/schemas/postmortem.ts";

export const stamp = (ms: number | null): string =>
  ms === null ? "–" : new Date(ms).toISOString().slice(0, 19).replace("T", " ");

export const lengthOf = (i: FoundIncident, toMs: number): string =>
  i.resolvedMs === null
    ? `over ${formatDuration(Math.max(0, toMs - i.startMs))}, not over`
    : formatDuration(i.resolvedMs - i.startMs);

export const causeOf = (i: FoundIncident): string =>
  i.cause === null
    ? "no cause found"
    : `${i.cause.name}, ${percent(i.cause.confidence)} sure${i.cause.inconclusive ? " (inconclusive)" : ""}`;

const VERDICTS = { true: "", unlisted: "", duplicate: "second of ", false: "false alarm" } as const;
export const verdictOf = (i: FoundIncident): string => {
  if (i.verdict === "true") return i.knownId ?? "";
  return i.verdict === "duplicate" ? `${VERDICTS.duplicate}${i.knownId ?? ""}` : VERDICTS[i.verdict];
};

export const rankOf = (k: KnownIncident): string =>
  k.incidentId === null || k.service === "" ? "" : k.causeRank === null ? "not named" : `suspect ${k.causeRank}`;

const interval = (v: readonly [number, number] | null) =>
  v === null ? "" : ` (95 % interval ${percent(v[0])} to ${percent(v[1])})`;

/** Against the known list, in sentences. */
export function comparisonLines(r: PostmortemReport): string[] {
  const k = r.known;
  if (!k) return [];
  const of = k.list.length;
  const covered = of - k.missed;
  const lines = [
    `${covered} of ${plural(of, "known incident")} seen${k.recall === null ? "" : `: ${percent(k.recall)}${interval(k.recallInterval)}`}${k.late > 0 ? `, ${k.late} later than ${formatDuration(k.lateMs)} after the start` : ""}${k.merged > 0 ? `, ${k.merged} only as part of another incident` : ""}`,
    `${plural(k.missed, "missed incident")}, ${plural(k.false, "false alarm")}, ${k.duplicates} opened twice${k.precision === null ? "" : `; ${percent(k.precision)} of what was opened has one of its own${interval(k.precisionInterval)}`}`,
  ];
  if (k.medianDelayMs !== null)
    lines.push(`detected ${formatDuration(k.medianDelayMs)} after the known start (median)`);
  return lines;
}

/** What somebody should do about it, the most important first. */
export function adviceOf(r: PostmortemReport): string[] {
  const out: string[] = [];
  const open = r.incidents.filter((i) => i.state !== "resolved");
  if (open.length > 0)
    out.push(
      `Look at ${open
        .slice(0, 3)
        .map((i) => i.id)
        .join(", ")} first: not over at the end of the range.`,
    );
  const worst = r.causes.find((c) => c.name !== "no cause found");
  if (worst && worst.downMs > 0)
    out.push(
      `Mend ${worst.name}: ${plural(worst.incidents, "incident")}, ${formatDuration(worst.downMs)} of the range.`,
    );
  const missed = r.known?.list.filter((k) => k.outcome === "missed") ?? [];
  if (missed.length > 0)
    out.push(
      `Find out why ${missed
        .slice(0, 3)
        .map((k) => k.id)
        .join(
          ", ",
        )}${missed.length > 3 ? " and others" : ""} left no trace: what measures it, and was it in the input?`,
    );
  if (r.data.rows > 0 && r.data.refused.length > 0) {
    const refused = r.data.refused.reduce((n, c) => n + c.rows, 0);
    if (refused > 0.01 * r.data.rows) out.push(`${refused} rows could not be used: see "What was missing".`);
  }
  if (out.length === 0) out.push(r.incidents.length === 0 ? "Nothing to do." : "Nothing is open.");
  return out;
}

/** What the report can't know. */
export function missingLines(r: PostmortemReport): string[] {
  return [
    ...r.warnings,
    ...r.data.refused.map((c) => `${plural(c.rows, "row")} refused, ${c.code}: ${c.explanation}`),
    ...r.data.gaps.map(
      (g) => `no data from ${stamp(g.fromMs)} to ${stamp(g.toMs)} (${formatDuration(g.toMs - g.fromMs)})`,
    ),
  ];
}
