/** Signals as a pipeline reads them (Kafka topics, a journal, files of any format), as histories of windows. */
import type { Clock } from "../../core/clock.ts";
import type { Config } from "../../core/config.ts";
import { ERROR_CODES, type ErrorCode, PipelineError } from "../../core/errors.ts";
import { plural } from "../../core/format.ts";
import type { EntityHistory, KnownIncident } from "../../core/history.ts";
import { engine } from "../../runtime/embedded/engine.ts";
import type { PartitionRange } from "../../runtime/kafka/topic-range.ts";
import { assemble } from "../assemble.ts";
import { forgetfulStore } from "../forgetful-store.ts";
import { resolveFormats } from "../formats.ts";
import { covered } from "../postmortem/coverage.ts";
import { closeAll, recordedConfig, recordedSources } from "../recorded-sources.ts";
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
  const config = await resolveFormats(recordedConfig(input.config), (name, found) =>
    say(`${name}: read as ${found.format}`),
  );
  const rows = windowRows(input);
  const { fromMs, toMs, offsets } = input;
  const sources = await recordedSources(config, {
    clock,
    onWarning: say,
    // event times are not after arrival, and may be well before it
    arrived: { fromMs, toMs: toMs === undefined ? undefined : toMs + LATEST_MS },
    offsets,
  });
  try {
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
    await closeAll(sources);
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
