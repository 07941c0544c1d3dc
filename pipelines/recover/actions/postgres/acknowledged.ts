import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { PipelineError } from "../../../core/errors.ts";
import type { UseOf } from "../../../core/recover-config.ts";
import type { PostgresServer } from "./server.ts";

export interface DataLoss {
  /** Lines of the log that were read. */
  readonly acknowledged: number;
  /** Acknowledged and not there. */
  readonly lost: number;
  /** Of those, acknowledged before the recovery target: these should be there. */
  readonly lostBeforeTarget: number;
  /** There and never acknowledged: the client was told nothing, so either is right. */
  readonly unacknowledged: number;
  readonly lossRatio: number;
  /** From the first lost to the last acknowledged write. */
  readonly lossWindowMs: number;
  /** Lines that are no JSON with `id` and `timeMs`, such as one torn by a crash. */
  readonly unreadable: number;
}

/**
 * Compares what clients were told is stored with what is stored. The log has to be kept outside the database: only so the
 * figure is honest. Memory: the ids that are there, at most `maxIds`.
 * @throws PipelineError INPUT_INVALID beyond `maxIds`, ACTION_FAILED when the database cannot be read
 */
export async function measureLoss(
  server: PostgresServer,
  { log, query }: NonNullable<UseOf<"postgres">["acknowledged"]>,
  { targetMs = null, maxIds = 5_000_000 }: { targetMs?: number | null; maxIds?: number } = {},
): Promise<DataLoss> {
  const there = new Set<string>();
  await server.lines(query, (line) => {
    if (line !== "" && there.size <= maxIds) there.add(line);
  });
  if (there.size > maxIds)
    throw new PipelineError("INPUT_INVALID", "acknowledged.query", { detail: `more than ${maxIds} ids` });
  const found = new Set<string>();
  let [acknowledged, lost, lostBeforeTarget, unreadable] = [0, 0, 0, 0];
  let [firstLostMs, lastMs] = [Number.POSITIVE_INFINITY, 0];
  const seenLost = new Set<string>();
  for await (const line of createInterface({ input: createReadStream(log), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === "") continue;
    const row = parseRow(line);
    if (row === undefined) {
      unreadable++;
      continue;
    }
    if (found.has(row.id) || seenLost.has(row.id)) continue;
    acknowledged++;
    lastMs = Math.max(lastMs, row.timeMs);
    if (there.has(row.id)) found.add(row.id);
    else {
      seenLost.add(row.id);
      lost++;
      if (targetMs !== null && row.timeMs < targetMs) lostBeforeTarget++;
      firstLostMs = Math.min(firstLostMs, row.timeMs);
    }
  }
  return {
    ...{ acknowledged, lost, lostBeforeTarget, unreadable },
    unacknowledged: there.size - found.size,
    lossRatio: acknowledged === 0 ? 0 : lost / acknowledged,
    lossWindowMs: lost === 0 ? 0 : lastMs - firstLostMs,
  };
}

/** How many writes were acknowledged at or after `sinceMs`: what going back there gives up. */
export async function acknowledgedSince(log: string, sinceMs: number): Promise<number> {
  let count = 0;
  for await (const line of createInterface({ input: createReadStream(log), crlfDelay: Number.POSITIVE_INFINITY }))
    if ((parseRow(line)?.timeMs ?? -1) >= sinceMs) count++;
  return count;
}

function parseRow(line: string): { id: string; timeMs: number } | undefined {
  try {
    const row = JSON.parse(line) as { id?: unknown; timeMs?: unknown } | null;
    if (typeof row?.id !== "string" && typeof row?.id !== "number") return undefined;
    return typeof row.timeMs === "number" && Number.isFinite(row.timeMs)
      ? { id: String(row.id), timeMs: row.timeMs }
      : undefined;
  } catch {
    return undefined;
  }
}

export const lossText = (loss: DataLoss): string =>
  `${loss.lost} of ${loss.acknowledged} acknowledged writes are not there (${(loss.lossRatio * 100).toFixed(2)} %)`;
