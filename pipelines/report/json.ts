/** The report for programs: one versioned object with a published schema. */
import { z } from "zod";
import type { ReportView } from "./view.ts";

const evidence = z.object({ ranker: z.string(), score: z.number(), text: z.string(), series: z.string().optional() });
const time = z.number().describe("ms since the Unix epoch, UTC");

export const reportSchema = z.object({
  version: z.literal(1),
  generatedMs: time,
  id: z.string(),
  system: z.string(),
  state: z.enum(["open", "acknowledged", "mitigating", "resolved"]),
  severity: z.enum(["critical", "major", "minor"]),
  headline: z.string(),
  advice: z.string(),
  confidence: z.number().min(0).max(1).nullable(),
  inconclusive: z.boolean().nullable(),
  onsetRangeMs: z.tuple([time, time]).nullable(),
  detectedMs: time,
  blastRadius: z.array(z.string()),
  suspects: z.array(
    z.object({
      name: z.string(),
      kind: z.string(),
      score: z.number(),
      confidence: z.number(),
      for: z.array(evidence),
      against: z.array(evidence),
      path: z.array(z.string()),
    }),
  ),
  repair: z
    .object({
      id: z.string(),
      hash: z.string(),
      action: z.string(),
      target: z.string(),
      risk: z.string(),
      state: z.string(),
      command: z.string().nullable(),
    })
    .nullable(),
  figures: z.array(z.object({ name: z.string(), ms: z.number().nullable(), definition: z.string() })),
  timeline: z.array(z.object({ timeMs: time, kind: z.string(), entity: z.string(), text: z.string() })),
  anomalies: z.number().int(),
  missing: z.array(z.string()),
  marks: z.array(z.string()).describe("What must be known before all else: silenced, merged, what somebody called it."),
  similar: z.array(
    z.object({
      id: z.string(),
      headline: z.string(),
      cause: z.string(),
      repair: z.string().nullable(),
      similarity: z.number(),
      why: z.array(z.string()),
    }),
  ),
});

export type ReportJson = z.output<typeof reportSchema>;

export const reportJsonSchema = () => z.toJSONSchema(reportSchema);

export function reportJson(view: ReportView): ReportJson {
  const { incident, action } = view;
  const d = incident.diagnosis;
  return {
    version: 1,
    generatedMs: view.generatedMs,
    id: incident.id,
    system: incident.system,
    state: incident.state,
    severity: incident.severity,
    headline: view.headline,
    advice: view.advice,
    confidence: d?.confidence ?? null,
    inconclusive: d?.inconclusive ?? null,
    onsetRangeMs: d ? [d.onsetRangeMs[0], d.onsetRangeMs[1]] : null,
    detectedMs: incident.times.detectedMs,
    blastRadius: [...incident.entities],
    suspects: (d?.suspects ?? []).map((s) => ({ ...s, for: [...s.for], against: [...s.against], path: [...s.path] })),
    repair: action
      ? {
          id: action.plan.id,
          hash: action.plan.hash,
          action: action.plan.action,
          target: action.plan.target,
          risk: action.plan.risk,
          state: action.state,
          command: view.command,
        }
      : null,
    figures: view.figures.map(({ name, ms, definition }) => ({ name, ms, definition })),
    timeline: [...incident.timeline],
    anomalies: incident.anomalies.length,
    marks: [...view.marks],
    similar: (d?.similar ?? []).map((s) => ({ ...s, why: [...s.why] })),
    missing: [...(d?.missing ?? [])],
  };
}
