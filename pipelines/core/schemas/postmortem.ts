/** What `faultwright postmortem` writes: the report of a past range, for programs. Times are ms since the Unix epoch. */
import { z } from "zod";
import type { ReliabilityReport } from "../reliability.ts";

const timeMs = z.number();
const maybeMs = timeMs.nullable();
const share = z.number().min(0).max(1);

/** The same object that `faultwright reliability --json` prints: each figure with its definition. */
const reliability = z.custom<ReliabilityReport>((v) => typeof v === "object" && v !== null);

export const foundIncident = z.object({
  id: z.string().describe("Of the incident, with #2 where it came back for the first time, and so on."),
  incidentId: z.string(),
  occurrence: z.number().int().describe("1, and one more each time it came back."),
  severity: z.enum(["critical", "major", "minor"]),
  state: z.enum(["open", "acknowledged", "mitigating", "resolved"]),
  startMs: timeMs.describe("Estimated start of the fault."),
  detectedMs: timeMs,
  resolvedMs: maybeMs.describe("null: not over where reading ended."),
  entities: z.array(z.string()),
  headline: z.string(),
  cause: z
    .object({ name: z.string(), confidence: share, inconclusive: z.boolean(), why: z.string() })
    .nullable()
    .describe("First suspect; null where there is no diagnosis."),
  suspects: z.array(z.string()).describe("All of them, the likeliest first."),
  anomalies: z.number().int(),
  labels: z.array(z.string()),
  report: z.string().nullable().describe("Page of its own, relative to this file; null past the limit."),
  verdict: z
    .enum(["true", "duplicate", "false", "unlisted"])
    .describe("Against the known list: of a known incident, a second one of it, of none. unlisted: no list was given."),
  knownId: z.string().nullable(),
});

export const knownIncident = z.object({
  id: z.string(),
  service: z.string(),
  startMs: timeMs,
  endMs: maybeMs,
  outcome: z
    .enum(["found", "late", "merged", "missed"])
    .describe("late: found, but later than allowed. merged: within an incident that counts for another one."),
  incidentId: z.string().nullable(),
  delayMs: maybeMs.describe("From its start to the detection; negative where the list has a later start."),
  causeRank: z.number().int().nullable().describe("Place of its service among the suspects; null: not among them."),
});

export const postmortemV1 = z
  .object({
    version: z.literal(1),
    system: z.string(),
    fromMs: timeMs,
    toMs: timeMs,
    headline: z.string(),
    windowMs: z.number().describe("Length of a window of the stages."),
    inputs: z.array(
      z.object({ name: z.string(), format: z.string(), rows: z.number(), firstMs: maybeMs, lastMs: maybeMs }),
    ),
    data: z.object({
      rows: z.number(),
      refused: z.array(z.object({ code: z.string(), explanation: z.string(), rows: z.number() })),
      firstMs: maybeMs,
      lastMs: maybeMs,
      learnedMs: maybeMs.describe("Until then there was too little data to tell what is usual."),
      gaps: z.array(z.object({ fromMs: timeMs, toMs: timeMs })).describe("Stretches without any row, longest first."),
      anomalies: z.number().int().describe("Series off their course, of which the incidents were made."),
    }),
    incidents: z.array(foundIncident),
    known: z
      .object({
        list: z.array(knownIncident),
        toleranceMs: z.number(),
        lateMs: z.number(),
        found: z.number().int(),
        late: z.number().int(),
        merged: z.number().int(),
        missed: z.number().int(),
        false: z.number().int(),
        duplicates: z.number().int(),
        recall: share.nullable(),
        recallInterval: z.tuple([share, share]).nullable(),
        precision: share.nullable(),
        precisionInterval: z.tuple([share, share]).nullable(),
        medianDelayMs: maybeMs,
      })
      .nullable()
      .describe("null: no list was given."),
    causes: z.array(
      z.object({ name: z.string(), incidents: z.number().int(), downMs: z.number(), severity: z.string() }),
    ),
    reliability,
    warnings: z.array(z.string()),
  })
  .describe("Post-mortem of a range: what was found, against what is known, and the figures of reliability.");

export type PostmortemReport = z.output<typeof postmortemV1>;
export type FoundIncident = z.output<typeof foundIncident>;
export type KnownIncident = z.output<typeof knownIncident>;
export type KnownComparison = NonNullable<PostmortemReport["known"]>;

export const POSTMORTEM_SCHEMA_FILE = "postmortem.v1.schema.json";

/** JSON Schema 2020-12; what the reliability object holds is described by its own figures. */
export function postmortemJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(postmortemV1, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if ((zodSchema as unknown) === reliability) Object.assign(jsonSchema, { type: "object" });
    },
  });
  return { $schema, $id: "urn:faultwright:schema:postmortem:v1", title: "postmortem v1", ...rest };
}
