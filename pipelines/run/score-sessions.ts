/** Scores sessions of log events by a model learned from others. */
import { open, rename, rm } from "node:fs/promises";
import { type SessionModelName, sessionModels } from "../../models/logs/sessions/index.ts";
import { PipelineError } from "../core/errors.ts";
import { sessionRows } from "../ingest/logs/session-file.ts";

export interface ScoreSessionsOptions {
  /** Sessions to learn from: all taken as normal (a few anomalies are trimmed), or labelled. */
  readonly train: string;
  readonly input: string;
  readonly output: string;
  /** Learn from the column Label. */
  readonly labels?: boolean;
  /** By default nearest-counts, with labels decision-tree. */
  readonly model?: SessionModelName;
  /** Share of normal sessions that may be flagged. */
  readonly falseAlarms?: number;
}

export interface ScoreSessionsResult {
  readonly model: SessionModelName;
  readonly trainSessions: number;
  readonly sessions: number;
  readonly flagged: number;
  readonly threshold: number;
  /** Training sessions left out as anomalies among the normal ones. */
  readonly trimmedSessions: number;
}

/** Most sessions learned from: the first so many of the file. */
const MOST_TRAIN = 1_000_000;

export const SESSION_MODELS = Object.keys(sessionModels) as SessionModelName[];

/**
 * Writes `SessionId,score,flag` for every row of `input`, in order; a higher score is stranger, flag is 0 or 1. The column
 * Label of `input` is never read. Throws CONFIG_INVALID, DECODE_BAD_FIELD, SOURCE_UNREADABLE, STORE_FAILED.
 */
export async function scoreSessions({
  train,
  input,
  output,
  labels = false,
  model: name = labels ? "decision-tree" : "nearest-counts",
  falseAlarms,
}: ScoreSessionsOptions): Promise<ScoreSessionsResult> {
  const sessions: (readonly string[])[] = [];
  const truth: number[] = [];
  for await (const rows of sessionRows(train))
    for (const { events, label } of rows) {
      if (sessions.length >= MOST_TRAIN) break;
      if (labels && label === undefined)
        throw new PipelineError("CONFIG_INVALID", train, { detail: "no column Label", hint: "leave --labels out" });
      sessions.push(events);
      truth.push(label ?? 0);
    }
  const kind = sessionModels[name];
  const options = falseAlarms === undefined ? {} : { falseAlarms };
  const model = await kind.fit(sessions, labels ? truth : undefined, options).catch((cause: unknown) => {
    if (!(cause instanceof RangeError)) throw cause;
    throw new PipelineError("CONFIG_INVALID", train, { detail: cause.message, cause });
  });
  let count = 0;
  let flagged = 0;
  const partial = `${output}.partial`;
  try {
    const file = await open(partial, "w");
    try {
      await file.write("SessionId,score,flag\n");
      for await (const rows of sessionRows(input)) {
        let text = "";
        for (const { id, events } of rows) {
          const score = model.score(events);
          const flag = score > model.threshold ? 1 : 0;
          count++;
          flagged += flag;
          text += `${/[",\n]/.test(id) ? `"${id.replaceAll('"', '""')}"` : id},${Number(score.toPrecision(12))},${flag}\n`;
        }
        await file.write(text);
      }
    } finally {
      await file.close();
    }
    await rename(partial, output);
  } catch (cause) {
    await rm(partial, { force: true });
    if (cause instanceof PipelineError) throw cause;
    throw new PipelineError("STORE_FAILED", output, { detail: (cause as Error).message, cause });
  }
  const trimmedSessions = "trimmedSessions" in model ? Number(model.trimmedSessions) : 0;
  return {
    model: name,
    trainSessions: sessions.length,
    sessions: count,
    flagged,
    threshold: model.threshold,
    trimmedSessions,
  };
}
