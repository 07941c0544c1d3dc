import type { WindowBatch } from "../core/batches.ts";
import type { Calendars } from "../core/calendar.ts";
import type { Tables } from "../core/tables.ts";

/** A window without the rows of entities that a calendar says to ignore now: to detectors a gap. The same batch where there is none. */
export function watchedRows(tables: Tables, calendars: Calendars): (batch: WindowBatch) => WindowBatch {
  return (batch) => {
    const ignoring = calendars.inForce(batch.startMs, batch.endMs).filter((c) => c.mode === "ignore");
    if (ignoring.length === 0) return batch;
    const ignored = tables.entities.map(({ name }) => ignoring.some((c) => c.covers(name)));
    const { entityIds } = tables;
    const kept: number[] = [];
    for (let i = 0; i < batch.length; i++) if (!ignored[entityIds[batch.seriesIds[i]!]!]) kept.push(i);
    if (kept.length === batch.length) return batch;
    const pick = (column: Float64Array) => Float64Array.from(kept, (i) => column[i]!);
    return {
      ...batch,
      length: kept.length,
      seriesIds: Uint32Array.from(kept, (i) => batch.seriesIds[i]!),
      value: pick(batch.value),
      count: pick(batch.count),
      min: pick(batch.min),
      max: pick(batch.max),
    };
  };
}
