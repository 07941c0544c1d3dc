/** The trail of an incident from what its pipeline read: the config's sources, files, or the journal of a data directory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import type { LogTrail } from "../../core/log-trail.ts";
import type { Incident } from "../../core/records.ts";
import { redactor } from "../../core/redact/redactor.ts";
import type { Source } from "../../core/source.ts";
import { decoders } from "../../ingest/decoders/index.ts";
import { fileSource } from "../../ingest/sources/files.ts";
import { openJournal } from "../../runtime/embedded/journal.ts";
import { decodersOf, fileOptions, resolveFormats } from "../formats.ts";
import { kafkaSources } from "../kafka-sources.ts";
import { inputFiles } from "../postmortem/inputs.ts";
import { readTrail, type TrailOptions } from "./read.ts";

export interface IncidentTrailOptions extends Pick<TrailOptions, "context" | "aroundMs" | "maxBytes"> {
  readonly config?: Config | undefined;
  /** Files and folders, instead of what the config names. */
  readonly input?: readonly string[] | undefined;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** @throws PipelineError INPUT_INVALID where there is nothing to read, and as the sources do */
export async function incidentTrail(incident: Incident, options: IncidentTrailOptions): Promise<LogTrail> {
  const { config, input, dataDir, clock, log, ...how } = options;
  const sources: Source[] = [];
  try {
    let known = config === undefined ? decoders : decodersOf(config);
    if (input !== undefined)
      for (const { path, format } of await inputFiles(input, { decoders: known }))
        sources.push(fileSource({ path, format }));
    else if (config !== undefined) {
      const { runtime } = config;
      const followed = runtime.kind === "kafka" ? [{ ...runtime, kind: "kafka" as const }] : config.sources;
      const resolved = await resolveFormats(
        { ...config, runtime: { kind: "embedded" }, sources: followed as Config["sources"] },
        () => {},
      );
      known = decodersOf(resolved);
      for (const [i, source] of resolved.sources.entries())
        if (source.kind === "kafka") sources.push(...(await kafkaSources(source, log)));
        else if (source.kind === "files") for (const file of fileOptions(source, i)) sources.push(fileSource(file));
        else {
          const dir = source.kind === "journal" ? source.path : join(config.dataDir, "journal");
          sources.push(await openJournal({ dir, readOnly: true, clock }));
        }
    } else {
      const dir = join(dataDir, "journal");
      if (!existsSync(dir))
        throw new PipelineError("INPUT_INVALID", dataDir, {
          detail: "there is no journal",
          hint: "give --config FILE of the pipeline, or --input FILES with its logs and traces",
        });
      sources.push(await openJournal({ dir, readOnly: true, clock }));
    }
    return await readTrail(incident, { ...how, sources, decoders: known, redact: redactor(config?.redact) });
  } finally {
    for (const source of sources) await source.close().catch(() => {});
  }
}
