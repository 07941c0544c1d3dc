/** Log lines to counts, and error lines to templates. */
import type { LogBatch, LogDigest } from "../core/records.ts";
import { fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import type { OpenWindow } from "./open-window.ts";

const WARN = 13;
const ERROR = 17;

/**
 * A line with its variable parts replaced by `<*>`: quoted text, UUIDs, hex of 8 or more, numbers with their unit.
 * Linear in the first 500 characters; what is left out of a longer line can't tell templates apart.
 */
export function maskLine(line: string): string {
  return line
    .slice(0, 500)
    .replace(/[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}/g, "<*>")
    .replace(/\b(?:0x)?[0-9a-fA-F]{8,}\b/g, "<*>")
    .replace(/"[^"]{0,200}"|'[^']{0,200}'/g, "<*>")
    .replace(/\d+(?:[.:,]\d+)*/g, "<*>");
}

interface WindowLogs {
  counts: Record<string, [lines: number, errors: number]>;
  digests: Record<string, { count: number; severity: number; isNew: boolean; sample: string; traceId: string }>;
}

/** Memory: at most 200 templates a window and 5,000 known ones; the rest of a flood is counted, not kept. */
export function logLines(tables: Tables): Stateful & {
  add(logs: LogBatch, windowOf: (timeMs: number) => number | undefined): number;
  close(startMs: number, window: OpenWindow, alive: boolean): LogDigest[];
} {
  const windows = new Map<number, WindowLogs>();
  const speakers = new Set<number>();
  const templates = new Set<string>();
  const dirty = new Set<number>();
  let namesDirty = false;
  return {
    add(logs, windowOf) {
      let late = 0;
      for (let i = 0; i < logs.length; i++) {
        const start = windowOf(logs.timeMs[i] as number);
        if (start === undefined) {
          late += 1;
          continue;
        }
        const w = windows.get(start) ?? { counts: {}, digests: {} };
        windows.set(start, w);
        dirty.add(start);
        const entityId = logs.entityIds[i] as number;
        const severity = logs.severity[i] as number;
        if (!speakers.has(entityId)) {
          speakers.add(entityId);
          namesDirty = true;
        }
        w.counts[entityId] ??= [0, 0];
        const c = w.counts[entityId] as [number, number];
        c[0] += 1;
        if (severity >= ERROR) c[1] += 1;
        if (severity < WARN) continue;
        const body = logs.body[i] as string;
        const key = `${entityId} ${maskLine(body)}`;
        const seen = w.digests[key];
        if (seen) {
          seen.count += 1;
          continue;
        }
        if (Object.keys(w.digests).length >= 200) continue;
        const isNew = !templates.has(key);
        if (isNew && templates.size < 5000) {
          templates.add(key);
          namesDirty = true;
        }
        w.digests[key] = { count: 1, severity, isNew, sample: body.slice(0, 500), traceId: logs.traceId[i] as string };
      }
      return late;
    },
    close(startMs, window, alive) {
      const w = windows.get(startMs) ?? { counts: {}, digests: {} };
      windows.delete(startMs);
      dirty.add(startMs);
      const seconds = (window.endMs - window.startMs) / 1000;
      for (const entityId of speakers) {
        const c = w.counts[entityId];
        if (!c && !alive) continue;
        for (const [k, metric] of ["logs.lines", "logs.errors"].entries()) {
          const id = tables.internSeries(entityId, metric, "1/s", "gauge", {});
          if (id >= 0) window.add(id, (c?.[k] ?? 0) / seconds);
        }
      }
      return Object.entries(w.digests).map(([key, d]) => {
        const space = key.indexOf(" ");
        return {
          entity: tables.entities[Number(key.slice(0, space))]?.name ?? "?",
          startMs,
          endMs: window.endMs,
          template: key.slice(space + 1),
          ...d,
        };
      });
    },
    snapshot(put, full = false) {
      if (full) for (const k of windows.keys()) dirty.add(k);
      for (const k of dirty) put(`window/${k}`, windows.has(k) ? toChunk(windows.get(k)) : undefined);
      dirty.clear();
      if (namesDirty || full) put("names", toChunk([[...speakers], [...templates]]));
      namesDirty = false;
    },
    restore(chunks) {
      for (const [key, bytes] of chunks) {
        if (key !== "names") {
          windows.set(Number(key.slice("window/".length)), fromChunk(bytes));
          continue;
        }
        const [s, t] = fromChunk<[number[], string[]]>(bytes);
        for (const id of s) speakers.add(id);
        for (const name of t) templates.add(name);
      }
    },
  };
}
