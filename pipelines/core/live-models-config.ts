/** `detect.models`: which registered models score the stream beside the statistical banks. */
import { z } from "zod";
import { duration } from "./duration.ts";

const liveModel = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/i, "letters, digits, dot, dash and underscore")
    .describe("In the registry; the version that is live there is live here, the shadow is scored beside it."),
  entities: z
    .array(z.string().min(1))
    .min(1)
    .default(["*"])
    .describe("Names, or kind:name, `*` for any text: of the entities that it was trained on, those to score."),
  like: z
    .string()
    .min(1)
    .optional()
    .describe("Entities that it was not trained on begin as this one, which it was; they share one network."),
  columns: z
    .record(z.string(), z.string())
    .default({})
    .describe("Column of the training data to series, where they are called differently here."),
});

export const liveModelsSchema = z
  .strictObject({
    registry: z.string().min(1).optional().describe("Folder of the registry; by default `models` in dataDir."),
    poll: duration.default(2000).describe("How often the registry is looked at."),
    summary: z
      .number()
      .int()
      .positive()
      .max(100_000)
      .default(60)
      .describe("Windows in one record of the topic `scores`."),
    entities: z.number().int().positive().default(10_000).describe("Most entities that one version scores in a task."),
    use: z
      .array(liveModel)
      .max(100)
      .default([])
      .superRefine((list, context) => {
        for (const [i, { name }] of list.entries())
          if (list.findIndex((m) => m.name === name) < i)
            context.addIssue({ code: "custom", path: [i, "name"], message: `${name} is there already` });
      }),
  })
  .prefault({})
  .describe("Trained models that score the stream. Statistics go on beside them, and alone where a model can't.");

export type LiveModelsConfig = z.output<typeof liveModelsSchema>;
export type LiveModelConfig = LiveModelsConfig["use"][number];
