/** How a topic or a file is read: its format, and for plain JSON and CSV which field means what. */
import { z } from "zod";

const path = z.string().min(1).max(200);
const kind = z.enum(["gauge", "counter", "delta"]).default("gauge");

export const mappingSchema = z
  .strictObject({
    time: path.optional().describe("Field with the event time; without it, when the record arrived."),
    timeUnit: z.enum(["auto", "s", "ms", "us", "ns", "iso"]).default("auto").describe("auto: by size, or ISO 8601."),
    service: path.optional().describe("Field that names the service a row is about."),
    host: path.optional().describe("Field that names the host."),
    entity: path.optional().describe("Field that names what a row is about, where there is no service."),
    resource: z.record(z.string().min(1), path).default({}).describe("Other resource attributes: k8s.pod.name: pod"),
    metric: z
      .strictObject({ name: path, value: path, unit: path.optional(), kind })
      .optional()
      .describe("Fields that hold a metric's name and its value."),
    values: z
      .array(
        z.union([
          path,
          z.strictObject({ path, name: z.string().min(1).optional(), unit: z.string().default(""), kind }),
        ]),
      )
      .default([])
      .describe("Fields that each hold a metric's value; a missing one is a gap."),
    body: path.optional().describe("Field with a log line's text."),
    severity: path.optional().describe("Field with its level: a word, or OpenTelemetry's number."),
    traceId: path.optional(),
    attributes: z.array(path).default([]).describe("Fields that set series apart, or that a log line keeps."),
    rows: path.optional().describe("JSON: the list that holds the rows. A list at the top needs no naming."),
    columns: z.array(z.string()).optional().describe("CSV without a header line: its columns."),
  })
  .refine((m) => m.metric !== undefined || m.values.length > 0 || m.body !== undefined, {
    message: "name what a row holds: metric, values or body",
  })
  .describe("Which field means what. Fields are names, or paths with dots into nested objects.");

export type Mapping = z.output<typeof mappingSchema>;

const MAPPED: readonly string[] = ["json", "csv"];
const mappingFits = ({ format, mapping }: { format?: string | undefined; mapping?: unknown }): boolean =>
  mapping === undefined ? format !== "json" : format !== undefined && MAPPED.includes(format);
const FITS = { message: "`mapping` goes with format json or csv, and json needs one", path: ["mapping"] };

export const topicSchema = z
  .strictObject({
    name: z.string().min(1),
    format: z.string().min(1).default("auto").describe("A decoder's name; auto: told from a sample at the start."),
    mapping: mappingSchema.optional(),
  })
  .refine(mappingFits, FITS);

export type TopicConfig = z.output<typeof topicSchema>;

/** For a source of its own kind: the same fields, the format optional. */
export const formatFields = { format: z.string().min(1).optional(), mapping: mappingSchema.optional() };
export const withMapping = <T extends z.ZodType<{ format?: string | undefined; mapping?: unknown }>>(schema: T) =>
  schema.refine(mappingFits, FITS);

/** What records of a topic or files carry as their format: the decoder's name, `json:orders` for one with a mapping. */
export const formatName = (about: { readonly name: string; readonly format: string; readonly mapping?: unknown }) =>
  about.mapping === undefined ? about.format : `${about.format}:${about.name}`;
