/** Which decoders a config needs, and what its topics hold where it leaves that open. */
import type { Config } from "../core/config.ts";
import { PipelineError } from "../core/errors.ts";
import type { KafkaConnection } from "../core/kafka-config.ts";
import type { Decoder } from "../core/signals.ts";
import { formatName, type TopicConfig } from "../core/topic-config.ts";
import { decoderOf, decoders } from "../ingest/decoders/index.ts";
import { type Detection, detectFormat, SURE } from "../ingest/detect-format.ts";
import { type FileSourceOptions, fileSource } from "../ingest/sources/files.ts";
import { kafkaTransport } from "./kafka-transport.ts";
import { sampleTopic } from "./sample-topic.ts";

type Source = Config["sources"][number];
type FilesSource = Extract<Source, { kind: "files" }>;

/** A files source as a topic: its place in the config stands for a name. Undefined: extensions say how files are read. */
const asTopic = ({ format, mapping }: FilesSource, index: number): TopicConfig | undefined =>
  format === undefined ? undefined : { name: `files-${index}`, format, mapping };

/** Topics and files of the config whose format is named. */
function namedFormats(config: Config): TopicConfig[] {
  const followed = config.runtime.kind === "kafka" ? config.runtime.topics.filter((t) => t.format !== "auto") : [];
  const read = config.sources.flatMap((source, i): TopicConfig[] => {
    if (source.kind === "kafka") return source.topics.filter((t) => t.format !== "auto");
    const files = source.kind === "files" ? asTopic(source, i) : undefined;
    return files && files.format !== "auto" ? [files] : [];
  });
  return [...followed, ...read];
}

/** By the format that records carry. @throws PipelineError CONFIG_INVALID naming every format that nothing reads */
export function decodersOf(config: Config): Readonly<Record<string, Decoder>> {
  const out: Record<string, Decoder> = { ...decoders };
  const faults: string[] = [];
  for (const topic of namedFormats(config))
    try {
      out[formatName(topic)] = decoderOf(topic);
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error;
      faults.push(error.message);
    }
  if (faults.length > 0) throw new PipelineError("CONFIG_INVALID", "sources", { detail: faults.join("; ") });
  return out;
}

/** How each file of a source is read. */
export function fileOptions(source: FilesSource, index: number): FileSourceOptions[] {
  const topic = asTopic(source, index);
  if (topic && /^otlp-.*-proto$|^prometheus-remote-write$/.test(topic.format))
    throw new PipelineError("CONFIG_INVALID", `sources.${index}.format`, {
      detail: `${topic.format} has no lines to cut a file into`,
      hint: "read it from a topic, or over OTLP/HTTP",
    });
  const header = source.mapping?.columns === undefined;
  return source.paths.map((path) => (topic ? { path, format: formatName(topic), header } : { path }));
}

/**
 * The config with every `format: auto` replaced by what a sample tells; asks no broker when there is none. Reading a sample
 * costs a group join, some seconds. @throws PipelineError CONFIG_INVALID when a format can't be told
 */
export async function resolveFormats(
  config: Config,
  onFound: (topic: string, found: Detection) => void,
): Promise<Config> {
  const resolve = <T extends { format?: string | undefined; mapping?: unknown }>(
    about: T,
    name: string,
    samples: readonly Uint8Array[],
  ): T => {
    const found = detectFormat(samples);
    if (!found || found.confidence < SURE || found.format === "json")
      throw new PipelineError("CONFIG_INVALID", `format of ${name}`, {
        detail:
          samples.length === 0
            ? "nothing there to tell it from"
            : found
              ? `perhaps ${found.format}, ${found.reason}`
              : "nothing fits",
        hint: `name it; \`faultwright doctor --topic ${name}\` shows what it holds`,
      });
    onFound(name, found);
    return { ...about, format: found.format };
  };
  const resolveTopics = async <T extends KafkaConnection & { topics: TopicConfig[] }>(about: T): Promise<T> => {
    if (about.topics.every((t) => t.format !== "auto")) return about;
    const transport = await kafkaTransport(about);
    try {
      const topics: TopicConfig[] = [];
      for (const t of about.topics) {
        const sample = t.format === "auto" ? (await sampleTopic(transport, t.name)).records : undefined;
        topics.push(
          sample
            ? resolve(
                t,
                t.name,
                sample.map((r) => r.value),
              )
            : t,
        );
      }
      return { ...about, topics };
    } finally {
      await transport.close();
    }
  };
  const runtime = config.runtime.kind === "kafka" ? await resolveTopics(config.runtime) : config.runtime;
  const sources: Source[] = [];
  for (const source of config.sources) {
    if (source.kind === "kafka") sources.push(await resolveTopics(source));
    else if (source.kind === "files" && source.format === "auto") {
      const [path = ""] = source.paths;
      const file = fileSource({ path, format: "text" });
      try {
        const head = await file.read(undefined, 1);
        sources.push(
          resolve(
            source,
            path,
            head.map((r) => r.value),
          ),
        );
      } finally {
        await file.close();
      }
    } else sources.push(source);
  }
  const out = { ...config, runtime, sources };
  decodersOf(out);
  return out;
}
