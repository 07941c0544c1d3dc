import { PipelineError } from "../../core/errors.ts";
import type { EntityHistory } from "../../core/history.ts";
import type { Message } from "../../core/records.ts";
import { type Entity, type Series, seriesName } from "../../core/tables.ts";
import type { TimeRange } from "./known-incidents.ts";

/** Values of all entities together at most, gaps between them too: 256 MB. */
const MOST_VALUES = 32 * 1024 * 1024;

/** The pipeline's own measure of silence has a value where nothing was sent. */
const SILENCE = "telemetry.age";

interface Column {
  readonly rows: number[];
  readonly values: number[];
}
interface Rows {
  readonly startsMs: number[];
  readonly columns: Map<number, Column>;
}

/**
 * Closed windows as rows: one for each entity and window in which it sent something, a column for each of its series in
 * order of their names, NaN where a series was silent. @throws PipelineError LIMIT_BYTES beyond 32 M values, gaps included
 */
export function windowRows({ fromMs = Number.NEGATIVE_INFINITY, toMs = Number.POSITIVE_INFINITY }: TimeRange) {
  const entities: Entity[] = [];
  const series: Series[] = [];
  const held = new Map<number, Rows>();
  let values = 0;
  const tooMany = () =>
    new PipelineError("LIMIT_BYTES", "history", {
      detail: `the range holds more than ${MOST_VALUES} values`,
      hint: "give a shorter range, fewer topics, or longer windows",
    });
  return {
    take(message: Message): void {
      if (message.type === "tables") {
        for (const e of message.entities) entities[e.id] = e;
        for (const s of message.series) series[s.id] = s;
        return;
      }
      if (message.type !== "windows") return;
      const { batch } = message;
      if (batch.startMs < fromMs || batch.startMs >= toMs) return;
      values += batch.length;
      if (values > MOST_VALUES) throw tooMany();
      for (let i = 0; i < batch.length; i++) {
        const id = batch.seriesIds[i]!;
        const entityId = series[id]!.entityId;
        const rows = held.get(entityId) ?? { startsMs: [], columns: new Map<number, Column>() };
        held.set(entityId, rows);
        if (rows.startsMs.at(-1) !== batch.startMs) rows.startsMs.push(batch.startMs);
        const column = rows.columns.get(id) ?? { rows: [], values: [] };
        rows.columns.set(id, column);
        column.rows.push(rows.startsMs.length - 1);
        column.values.push(batch.value[i]!);
      }
    },
    histories(): EntityHistory[] {
      const cells = [...held.values()].reduce((n, r) => n + r.startsMs.length * r.columns.size, 0);
      if (cells > MOST_VALUES) throw tooMany();
      const names = new Map<string, number>();
      for (const id of held.keys()) names.set(entities[id]!.name, (names.get(entities[id]!.name) ?? 0) + 1);
      return [...held]
        .map(([id, { startsMs, columns }]): EntityHistory => {
          const { name, kind } = entities[id]!;
          const heard = new Uint8Array(startsMs.length);
          for (const [s, column] of columns)
            if (series[s]!.metric !== SILENCE) for (const row of column.rows) heard[row] = 1;
          /** Where each row goes. */
          const places = new Int32Array(startsMs.length).fill(-1);
          let kept = 0;
          heard.forEach((h, row) => {
            if (h === 1) places[row] = kept++;
          });
          const sorted = [...columns]
            .map(([s, column]) => ({ column, name: seriesName(series[s]!) }))
            .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
          const out = new Float64Array(kept * sorted.length).fill(Number.NaN);
          sorted.forEach(({ column }, d) => {
            column.rows.forEach((row, k) => {
              if (places[row]! >= 0) out[places[row]! * sorted.length + d] = column.values[k]!;
            });
          });
          const at = Float64Array.from(startsMs.filter((_, row) => places[row]! >= 0));
          return {
            entity: names.get(name) === 1 ? name : `${kind}:${name}`,
            columns: sorted.map((c) => c.name),
            axis: "time",
            at,
            timesMs: at,
            values: out,
            incidents: [],
          };
        })
        .filter((h) => h.at.length > 0)
        .sort((a, b) => (a.entity < b.entity ? -1 : a.entity > b.entity ? 1 : 0));
    },
  };
}
