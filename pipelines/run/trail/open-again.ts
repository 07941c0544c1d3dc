/** What a pipeline read, to be read again: files, the sources of a config, or the journal of a data directory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { PipelineError } from "../../core/errors.ts";
import type { RawRecord } from "../../core/records.ts";
import type { Decoder } from "../../core/signals.ts";
import type { Source } from "../../core/source.ts";
import { decoders } from "../../ingest/decoders/index.ts";
import { fileSource } from "../../ingest/sources/files.ts";
import { openJournal } from "../../runtime/embedded/journal.ts";
import { decodersOf, fileOptions, resolveFormats } from "../formats.ts";
import { kafkaSources } from "../kafka-sources.ts";
import { inputFiles } from "../postmortem/inputs.ts";

export interface AgainOptions {
  readonly config?: Config | undefined;
  /** Files and folders, instead of what the config names. */
  readonly input?: readonly string[] | undefined;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Again {
  readonly sources: readonly Source[];
  readonly decoders: Readonly<Record<string, Decoder>>;
  close(): Promise<void>;
}

/** @throws PipelineError INPUT_INVALID where there is nothing to read, and as the sources do */
export async function openAgain({ config, input, dataDir, clock, log }: AgainOptions): Promise<Again> {
  const sources: Source[] = [];
  const close = async () => {
    for (const source of sources) await source.close().catch(() => {});
  };
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
    return { sources, decoders: known, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const CHUNK_BYTES = 1024 * 1024;
const WAIT_MS = 100;
/** Reads without a record from a source that is not at its end. */
const MOST_IDLE = 50;

/** All records of a source as it is now. */
export async function* recordsOf(source: Source): AsyncGenerator<RawRecord> {
  let position: string | undefined;
  for (let idle = 0; idle < MOST_IDLE; ) {
    const records = await source.read(position, CHUNK_BYTES);
    for (const record of records) {
      position = record.position;
      yield record;
    }
    if (records.length > 0) idle = 0;
    else if (!source.grows || (await source.finished(position))) return;
    else {
      idle++;
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    }
  }
}
