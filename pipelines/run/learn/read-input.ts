/** What `train` and `backtest` are given: files, or signals as a pipeline reads them. */
import { PipelineError } from "../../core/errors.ts";
import type { EntityHistory } from "../../core/history.ts";
import type { TimeRange } from "./known-incidents.ts";
import { readHistory } from "./read-history.ts";
import { readIncidents } from "./read-incidents.ts";
import { readSignals, type SignalInput } from "./read-signals.ts";

export interface HistoryInput extends TimeRange {
  /** A file or folder of tables. */
  readonly input?: string | undefined;
  /** Instead of it: topics, a journal or files through the stream's windows. */
  readonly signals?: Omit<SignalInput, keyof TimeRange> | undefined;
  /** File of known incidents. */
  readonly incidents?: string | undefined;
  /** A column of 0 and 1 whose runs of 1 are incidents. */
  readonly labelColumn?: string | undefined;
}

/** How errors name it. */
export const inputName = ({ input }: HistoryInput): string => input ?? "signals";

/** @throws PipelineError as `readHistory` and `readSignals` */
export async function readInput(
  options: HistoryInput & { readonly now: () => number; readonly say: (note: string) => void },
  part: "train" | "test",
): Promise<EntityHistory[]> {
  const { input, signals, labelColumn, fromMs, toMs, now, say } = options;
  const incidents = options.incidents === undefined ? [] : await readIncidents(options.incidents);
  if (signals) {
    if (labelColumn !== undefined)
      throw new PipelineError("CONFIG_INVALID", "--label-column", {
        detail: "it is a column of files, not of signals",
      });
    return readSignals({ ...signals, fromMs, toMs }, { incidents, clock: { nowMs: now }, say });
  }
  if (input === undefined)
    throw new PipelineError("CONFIG_INVALID", "--input", { detail: "nothing says what to read" });
  return readHistory({ input, incidents, labelColumn, part, fromMs, toMs, say });
}
