/** How long an entity has said nothing: what a crash or a hang looks like from outside. */
import { grown } from "../core/interning.ts";
import { bytesIn, float64Of, type Stateful } from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import type { OpenWindow } from "./open-window.ts";

/** Hearings before silence means anything. */
const REGULAR = 10;

/** Gives `telemetry.age` (s) per entity and window, for entities heard at least 10 times, until they are forgotten. O(entities) a window. */
export function silence(
  tables: Tables,
  forgetMs: number,
): Stateful & {
  hear(entityId: number, timeMs: number): void;
  close(window: OpenWindow, alive: boolean): void;
} {
  /** Event time last heard, 0 for never, and how often. By entity id. */
  let lastMs = new Float64Array(64);
  let heard = new Uint32Array(64);
  /** One past the highest id heard. */
  let entities = 0;
  let dirty = false;
  const room = (need: number) => {
    entities = Math.max(entities, need);
    lastMs = grown(lastMs, need);
    heard = grown(heard, need);
  };
  /** Series of the age of each entity, + 1; 0 for not yet asked. */
  let ages = new Int32Array(64);
  const ageSeries = (entityId: number): number => {
    ages = grown(ages, entityId + 1);
    const known = ages[entityId] as number;
    if (known > 0) return known - 1;
    const id = tables.internSeries(entityId, "telemetry.age", "s", "gauge", {});
    ages[entityId] = id + 1;
    return id;
  };
  return {
    hear(entityId, timeMs) {
      if (entityId >= entities) room(entityId + 1);
      if (timeMs <= (lastMs[entityId] as number)) return;
      dirty = true;
      lastMs[entityId] = timeMs;
      heard[entityId] = (heard[entityId] as number) + 1;
    },
    close(window, alive) {
      if (!alive) return;
      for (let entityId = 0; entityId < entities; entityId++) {
        if ((heard[entityId] as number) < REGULAR) continue;
        const ageMs = Math.max(0, window.endMs - (lastMs[entityId] as number));
        if (ageMs > forgetMs) continue;
        const id = ageSeries(entityId);
        if (id >= 0) window.add(id, ageMs / 1000);
      }
    },
    snapshot(put, full = false) {
      if (dirty || full) {
        const all = new Float64Array(2 * entities);
        all.set(lastMs.subarray(0, entities));
        all.set(heard.subarray(0, entities), entities);
        put("heard", bytesIn(all));
      }
      dirty = false;
    },
    restore(chunks) {
      const bytes = chunks.get("heard");
      if (!bytes) return;
      const all = float64Of(bytes);
      room(all.length / 2);
      lastMs.set(all.subarray(0, entities));
      heard.set(all.subarray(entities));
    },
  };
}
