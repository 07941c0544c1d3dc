/** What a pipeline reads, to be read again: files, journals, and what topics hold by now. */
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { type Config, isLive } from "../core/config.ts";
import type { Source } from "../core/source.ts";
import { fileSource } from "../ingest/sources/files.ts";
import { openJournal } from "../runtime/embedded/journal.ts";
import { fileOptions } from "./formats.ts";
import { kafkaSources, type TopicPart } from "./kafka-sources.ts";

export interface RecordedOptions extends TopicPart {
  readonly clock: Clock;
  readonly onWarning: (text: string) => void;
}

/** The config of one process that reads again what the workers of a group have read, or what came over OTLP into a journal. */
export function recordedConfig(config: Config): Config {
  const { runtime, sources } = config;
  if (runtime.kind !== "kafka") return config;
  const topics = { ...runtime, kind: "kafka", onOffsetLost: "earliest" } as Config["sources"][number];
  return {
    ...config,
    runtime: { kind: "embedded" },
    sources: [topics, ...sources.filter((s) => !isLive(s))],
  };
}

/** For such a config, its formats resolved. @throws PipelineError as the sources do; what was opened by then is closed */
export async function recordedSources(config: Config, options: RecordedOptions): Promise<Source[]> {
  const sources: Source[] = [];
  const journal = (dir: string) => openJournal({ dir, readOnly: true, clock: options.clock });
  /** However many ways it came, all that arrived here is in one journal. */
  const arrived = config.sources.find(isLive);
  try {
    for (const [i, source] of config.sources.entries())
      if (source.kind === "kafka") sources.push(...(await kafkaSources(source, options)));
      else if (source.kind === "files") for (const one of fileOptions(source, i)) sources.push(fileSource(one));
      else if (source.kind === "journal") sources.push(await journal(source.path));
      else if (source === arrived) sources.push(await journal(join(config.dataDir, "journal")));
    return sources;
  } catch (error) {
    await closeAll(sources);
    throw error;
  }
}

export async function closeAll(sources: readonly Source[]): Promise<void> {
  for (const s of sources) await s.close().catch(() => {});
}
