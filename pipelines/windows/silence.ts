/** How long an entity has said nothing: what a crash or a hang looks like from outside. */
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
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
  const lastMs = new Map<number, number>();
  const heard = new Map<number, number>();
  let dirty = false;
  return {
    hear(entityId, timeMs) {
      dirty = true;
      if (timeMs <= (lastMs.get(entityId) ?? 0)) return;
      lastMs.set(entityId, timeMs);
      heard.set(entityId, (heard.get(entityId) ?? 0) + 1);
    },
    close(window, alive) {
      if (!alive) return;
      for (const [entityId, last] of lastMs) {
        if ((heard.get(entityId) ?? 0) < REGULAR) continue;
        const ageMs = Math.max(0, window.endMs - last);
        if (ageMs > forgetMs) continue;
        const id = tables.internSeries(entityId, "telemetry.age", "s", "gauge", {});
        if (id >= 0) window.add(id, ageMs / 1000);
      }
    },
    snapshot(put, full = false) {
      if (dirty || full) put("heard", toChunk([[...lastMs], [...heard]]));
      dirty = false;
    },
    restore(chunks) {
      const bytes = chunks.get("heard");
      if (!bytes) return;
      const [l, h] = fromChunk<[[number, number][], [number, number][]]>(bytes);
      for (const [k, v] of l) lastMs.set(k, v);
      for (const [k, v] of h) heard.set(k, v);
    },
  };
}
