/** The trail of an incident from what its pipeline read. */
import type { LogTrail } from "../../core/log-trail.ts";
import type { Incident } from "../../core/records.ts";
import { redactor } from "../../core/redact/redactor.ts";
import { type AgainOptions, openAgain } from "./open-again.ts";
import { readTrail, type TrailOptions } from "./read.ts";

export type IncidentTrailOptions = AgainOptions & Pick<TrailOptions, "context" | "aroundMs" | "maxBytes">;

/** @throws PipelineError INPUT_INVALID where there is nothing to read, and as the sources do */
export async function incidentTrail(incident: Incident, options: IncidentTrailOptions): Promise<LogTrail> {
  const { config, input, dataDir, clock, log, ...how } = options;
  const { sources, decoders, close } = await openAgain({ config, input, dataDir, clock, log });
  try {
    return await readTrail(incident, { ...how, sources, decoders, redact: redactor(config?.redact) });
  } finally {
    await close();
  }
}
