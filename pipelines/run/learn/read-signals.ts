/** Signals as a pipeline reads them (Kafka topics, a journal, files of any format), as histories of windows. */
import { join } from "node:path";
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { ERROR_CODES, type ErrorCode, PipelineError } from "../../core/errors.ts";
import { plural } from "../../core/format.ts";
import type { EntityHistory, KnownIncident } from "../../core/history.ts";
import type { Source } from "../../core/source.ts";
import { formatName } from "../../core/topic-config.ts";
import { fileSource } from "../../ingest/sources/files.ts";
import { engine } from "../../runtime/embedded/engine.ts";
import { openJournal } from "../../runtime/embedded/journal.ts";
import type { PartitionRange } from "../../runtime/kafka/topic-range.ts";
import { assemble } from "../assemble.ts";
import { forgetfulStore } from "../forgetful-store.ts";
import { fileOptions, resolveFormats } from "../formats.ts";
import { kafkaTransport } from "../kafka-transport.ts";
import { covered } from "../postmortem/coverage.ts";
import { checkMatched, incidentsOf, type TimeRange } from "./known-incidents.ts";
import { windowRows } from "./window-rows.ts";

export interface SignalInput extends TimeRange {
  /** Its sources are read as far as they reach now, or its topics where it runs on Kafka. */
  readonly config: Config;
  /** Of every topic, by partition; without a partition, of all. */
  readonly offsets?: readonly PartitionRange[] | undefined;
}

/** A record that arrives this long after the end of the range is not waited for. */
const LATEST_MS = 3_600_000;

/**
 * The stream's own stage cuts windows: counters are rates, histograms quantiles, as live models see them. Memory: the
 * windows (32 M values at most). @throws PipelineError as sources do, and INPUT_INVALID where nothing is in the range
 */
export async function readSignals(
  input: SignalInput,
  { incidents = [], clock, say }: { incidents?: readonly KnownIncident[]; clock: Clock; say: (note: string) => void },
): Promise<EntityHistory[]> {
  const config = await resolveFormats(input.config, (name, found) => say(`${name}: read as ${found.format}`));
  const rows = windowRows(input);
  const sources: Source[] = [];
  try {
    await open(config, { ...input, sources, clock, say });
    if (sources.length === 0)
      throw new PipelineError("CONFIG_INVALID", "sources", {
        detail: "the configuration names no files, journal or topics to learn from",
      });
    const head = covered(assemble(config).features);
    const run = engine({
      sources,
      store: forgetfulStore,
      head,
      next: [{ name: "rows", version: 1, process: (m) => rows.take(m), snapshot: () => {}, restore: () => {} }],
      commitDue: () => false,
      commitBytes: 1 << 26,
    });
    await run.restore();
    // a partition whose records are still on their way
    while (!(await run.drain())) await new Promise((resolve) => setTimeout(resolve, 100));
    for (const [code, rows] of Object.entries(head.coverage.refused)) say(refusal(code as ErrorCode, rows));
  } finally {
    for (const s of sources) await s.close().catch(() => {});
  }
  const all = rows.histories().map((h) => ({ ...h, incidents: incidentsOf(h, incidents) }));
  const where = sources
    .map((s) => s.name)
    .slice(0, 3)
    .join(", ");
  if (all.length === 0)
    throw new PipelineError("INPUT_INVALID", where, {
      detail: "there is no metric in the range",
      hint: "faultwright doctor --topic NAME tells what a topic holds",
    });
  checkMatched(all, incidents, where, say);
  return all;
}

function refusal(code: ErrorCode, rows: number): string {
  const hint = code === "TIME_TOO_LATE" ? "; sort files by time, or give a longer windows.lateness in --config" : "";
  return `${plural(rows, "row")} refused: ${code}, ${ERROR_CODES[code] ?? "unknown"}${hint}`;
}

interface Opening extends SignalInput {
  readonly sources: Source[];
  readonly clock: Clock;
  readonly say: (note: string) => void;
}

async function open(config: Config, { sources, clock, say, fromMs, toMs, offsets }: Opening): Promise<void> {
  const { runtime } = config;
  const topics = [
    ...(runtime.kind === "kafka" ? [{ ...runtime, onOffsetLost: "earliest" as const }] : []),
    ...config.sources.filter((s) => s.kind === "kafka"),
  ];
  for (const source of topics) {
    const { topicRange } = await import("../../runtime/kafka/topic-range.ts");
    const transport = await kafkaTransport(source);
    try {
      sources.push(
        ...(await topicRange({
          transport,
          topics: source.topics.map((t) => ({ name: t.name, format: formatName(t) })),
          onOffsetLost: source.onOffsetLost,
          onWarning: say,
          // event times are not after arrival, and may be well before it
          arrived: { fromMs, toMs: toMs === undefined ? undefined : toMs + LATEST_MS },
          offsets,
        })),
      );
    } catch (error) {
      await transport.close();
      throw error;
    }
  }
  for (const [i, source] of config.sources.entries()) {
    if (source.kind === "files") for (const one of fileOptions(source, i)) sources.push(fileSource(one));
    else if (source.kind === "journal") sources.push(await openJournal({ dir: source.path, readOnly: true, clock }));
    else if (source.kind === "otlp-http" && runtime.kind === "embedded")
      sources.push(await openJournal({ dir: join(config.dataDir, "journal"), readOnly: true, clock }));
  }
}
