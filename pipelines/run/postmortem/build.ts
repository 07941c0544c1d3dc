/** The report of a range from what was found in it. */
import { ERROR_CODES, type ErrorCode } from "../../core/errors.ts";
import { formatDuration, percent, plural } from "../../core/format.ts";
import type { OutageRecord } from "../../core/reliability.ts";
import type { FoundIncident, PostmortemReport } from "../../core/schemas/postmortem.ts";
import { compareKnown, type KnownOptions } from "../../measure/known-incidents.ts";
import { reliabilityReport } from "../../measure/reliability/report.ts";
import type { Coverage } from "./coverage.ts";
import type { FoundRow } from "./found.ts";

export interface BuildOptions {
  readonly system: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly windowMs: number;
  readonly rows: readonly FoundRow[];
  /** Undefined: the incidents come from a store, and nobody counted what they were made of. */
  readonly coverage: Coverage | undefined;
  readonly inputs: PostmortemReport["inputs"];
  readonly known: readonly OutageRecord[] | undefined;
  readonly knownOptions: KnownOptions;
  readonly objective: number | undefined;
  readonly units: number | undefined;
  readonly warnings: readonly string[];
}

/** Values that a detector sees of a series before it says anything. */
const LEARNING_WINDOWS = 30;
const SHOWN_GAPS = 20;
/** A silent stretch shorter than this many windows is sampling, not a gap. */
const GAP_WINDOWS = 6;
const LATE_SHARE = 0.01;

export function buildPostmortem(options: BuildOptions): PostmortemReport {
  const { system, windowMs, rows, coverage, inputs, known, warnings: given } = options;
  const warnings = [...given];
  // What nobody watched did not go well: it is unknown.
  const fromMs = coverage?.firstMs ? Math.max(options.fromMs, coverage.firstMs) : options.fromMs;
  const toMs = coverage?.lastMs ? Math.min(options.toMs, coverage.lastMs) : options.toMs;
  if (fromMs > options.fromMs || toMs < options.toMs)
    warnings.push("the data cover less than the range that was asked for: the figures are of what they cover");
  const learnedMs = coverage?.firstMs ? coverage.firstMs + LEARNING_WINDOWS * windowMs : null;
  if (learnedMs !== null && learnedMs > fromMs)
    warnings.push(
      `what is usual was still being learned until ${new Date(learnedMs).toISOString()}: faults before that can't be seen; give data from before the range too`,
    );

  const result =
    known &&
    compareKnown(
      rows.map((r) => r.incident),
      known.filter((k) => k.startMs < toMs && (k.resolvedMs ?? k.startMs) >= fromMs),
      options.knownOptions,
    );
  const byKnown = new Map(known?.map((k) => [k.id, k]));
  const incidents = rows.map(({ incident }): FoundIncident => ({ ...incident, ...result?.verdicts.get(incident.id) }));
  const outages = rows.map(({ outage }, i): OutageRecord => {
    const { verdict, knownId } = incidents[i]!;
    const k = verdict === "true" && knownId !== null ? byKnown.get(knownId) : undefined;
    // What only people know: what was lost, what was tried, whether a change was to blame.
    return k
      ? {
          ...outage,
          writes: k.writes ?? outage.writes,
          byChange: k.byChange ?? outage.byChange,
          repairs: k.repairs ?? outage.repairs,
          injected: k.injected ?? outage.injected,
        }
      : outage;
  });
  const reliability = reliabilityReport(outages, {
    fromMs,
    toMs: Math.max(toMs, fromMs + 1),
    ...(options.objective === undefined ? {} : { objective: options.objective }),
    ...(options.units === undefined ? {} : { units: options.units }),
  });

  const refused = Object.entries(coverage?.refused ?? {})
    .map(([code, n]) => ({ code, explanation: ERROR_CODES[code as ErrorCode] ?? code, rows: n }))
    .sort((a, b) => b.rows - a.rows || (a.code < b.code ? -1 : 1));
  const late = coverage?.refused.TIME_TOO_LATE ?? 0;
  if (coverage && late > LATE_SHARE * coverage.rows)
    warnings.push(
      `${percent(late / Math.max(1, coverage.rows))} of the rows came after their window was closed: sort the files by time, or give a longer --lateness`,
    );
  if (coverage && coverage.rows === 0) warnings.push("no row could be read: see what was refused");
  const gaps = (coverage?.gaps ?? [])
    .filter((g) => g.toMs - g.fromMs >= GAP_WINDOWS * windowMs && g.toMs > fromMs && g.fromMs < toMs)
    .sort((a, b) => b.toMs - b.fromMs - (a.toMs - a.fromMs) || a.fromMs - b.fromMs)
    .slice(0, SHOWN_GAPS);
  return {
    version: 1,
    system,
    fromMs,
    toMs,
    headline: headlineOf(
      incidents,
      reliability.figures.find((f) => f.key === "availability")?.value ?? null,
      fromMs,
      toMs,
    ),
    windowMs,
    inputs,
    data: {
      rows: coverage?.rows ?? 0,
      refused,
      firstMs: coverage?.firstMs || null,
      lastMs: coverage?.lastMs || null,
      learnedMs,
      gaps,
      anomalies: coverage?.anomalies ?? 0,
    },
    incidents,
    known: result?.comparison ?? null,
    causes: causesOf(incidents, fromMs, toMs),
    reliability,
    warnings,
  };
}

function headlineOf(
  incidents: readonly FoundIncident[],
  availability: number | null,
  fromMs: number,
  toMs: number,
): string {
  const range = formatDuration(toMs - fromMs);
  if (incidents.length === 0) return `No incident in ${range}`;
  const critical = incidents.filter((i) => i.severity === "critical").length;
  const open = incidents.filter((i) => i.state !== "resolved").length;
  const longest = incidents.reduce((a, b) => (lengthOf(b, toMs) > lengthOf(a, toMs) ? b : a));
  const parts = [
    `${plural(incidents.length, "incident")} in ${range}`,
    ...(critical > 0 ? [`${critical} critical`] : []),
    ...(open > 0 ? [`${open} not over`] : []),
    `the longest ${formatDuration(lengthOf(longest, toMs))}${longest.cause ? ` (${longest.cause.name})` : ""}`,
    ...(availability === null ? [] : [`without an incident ${Number((100 * availability).toFixed(2))} % of the time`]),
  ];
  return parts.join(", ");
}

const lengthOf = (i: FoundIncident, toMs: number) => Math.max(0, (i.resolvedMs ?? toMs) - i.startMs);

/** What to mend first: suspects by the time that incidents of theirs took. */
function causesOf(incidents: readonly FoundIncident[], fromMs: number, toMs: number): PostmortemReport["causes"] {
  const order = ["minor", "major", "critical"];
  const causes = new Map<string, { incidents: number; downMs: number; severity: string }>();
  for (const i of incidents) {
    const name = i.cause?.name ?? "no cause found";
    const known = causes.get(name) ?? { incidents: 0, downMs: 0, severity: "minor" };
    const downMs = Math.max(0, Math.min(toMs, i.resolvedMs ?? toMs) - Math.max(fromMs, i.startMs));
    causes.set(name, {
      incidents: known.incidents + 1,
      downMs: known.downMs + downMs,
      severity: order[Math.max(order.indexOf(known.severity), order.indexOf(i.severity))] as string,
    });
  }
  return [...causes]
    .map(([name, c]) => ({ name, ...c }))
    .sort((a, b) => b.downMs - a.downMs || b.incidents - a.incidents || (a.name < b.name ? -1 : 1));
}
