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
import { decodersOf, resolveFormats } from "../formats.ts";
import { inputFiles } from "../postmortem/inputs.ts";
import { closeAll, recordedConfig, recordedSources } from "../recorded-sources.ts";

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
  const again = (sources: readonly Source[], known: Again["decoders"] = decoders): Again => ({
    sources,
    decoders: known,
    close: () => closeAll(sources),
  });
  if (input !== undefined) {
    const known = config === undefined ? decoders : decodersOf(config);
    const files = await inputFiles(input, { decoders: known });
    return again(
      files.map(({ path, format }) => fileSource({ path, format })),
      known,
    );
  }
  if (config !== undefined) {
    const resolved = await resolveFormats(recordedConfig(config), () => {});
    return again(await recordedSources(resolved, { clock, onWarning: (text) => log.warn(text) }), decodersOf(resolved));
  }
  const dir = join(dataDir, "journal");
  if (!existsSync(dir))
    throw new PipelineError("INPUT_INVALID", dataDir, {
      detail: "there is no journal",
      hint: "give --config FILE of the pipeline, or --input FILES with its logs and traces",
    });
  return again([await openJournal({ dir, readOnly: true, clock })]);
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
