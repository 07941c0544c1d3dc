/** The file of incidents whose cause is known: a JSON list, written by `diagnose --remember`. */
import { readFile, rename, writeFile } from "node:fs/promises";
import { z } from "zod";
import { PipelineError } from "../../core/errors.ts";
import type { PastIncident } from "../../diagnose/signature.ts";

const schema = z.array(
  z.strictObject({
    id: z.string().min(1),
    label: z.string().min(1),
    cause: z.string().min(1),
    repair: z.string().nullable(),
    signature: z.record(z.string(), z.number().finite().positive()),
  }),
);

/** An empty list if the file is not there and `optional`. @throws PipelineError SOURCE_UNREADABLE, DECODE_BAD_JSON, DECODE_BAD_FIELD */
export async function readKnownIncidents(path: string, { optional = false } = {}): Promise<PastIncident[]> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (optional && (cause as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new PipelineError("SOURCE_UNREADABLE", path, { detail: (cause as Error).message, cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new PipelineError("DECODE_BAD_JSON", path, { detail: (cause as Error).message, cause });
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, 3).map((i) => `${i.path.join(".")}: ${i.message}`);
  throw new PipelineError("DECODE_BAD_FIELD", path, { detail: issues.join("; ") });
}

/** Adds one, in place of an earlier one of that id; the file is replaced whole or not at all. */
export async function remember(path: string, incident: PastIncident): Promise<void> {
  const known = await readKnownIncidents(path, { optional: true });
  const all = [...known.filter((k) => k.id !== incident.id), incident];
  const half = `${path}.${process.pid}.tmp`;
  await writeFile(half, `${JSON.stringify(all, null, 1)}\n`);
  await rename(half, path);
}
