/** Event-time windows over all signals of one task. */

import type { WindowBatch } from "../core/batches.ts";
import type { LineParameters, LogTemplates, TemplateRates } from "../core/log-templates.ts";
import type { CallEdge, ChangeEvent, LogDigest } from "../core/records.ts";
import type { SignalSink } from "../core/signals.ts";
import { fromChunk, type Stateful, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import { COUNTER } from "../core/tables.ts";
import { callSpans } from "./call-spans.ts";
import { logLines } from "./log-lines.ts";
import { OpenWindow, WindowArrays } from "./open-window.ts";
import { counterRates, histogramFeatures } from "./rates.ts";
import { silence } from "./silence.ts";

export interface WindowOptions {
  /** Length of a tumbling window, ms, aligned to the epoch. */
  readonly windowMs: number;
  /** How long a window waits for rows that come late, ms of event time. */
  readonly latenessMs: number;
  /** An entity that has been silent for this long is forgotten, ms. */
  readonly forgetMs: number;
}

/** What judges lines of text. */
export interface LogParts {
  readonly templates: LogTemplates;
  readonly rates: TemplateRates;
  readonly parameters: LineParameters;
}

export interface ClosedWindow {
  readonly batch: WindowBatch;
  readonly logs: readonly LogDigest[];
  readonly edges: readonly CallEdge[];
}

const NO_CHANGES: readonly ChangeEvent[] = [];

/** A jump in event time longer than this many windows is a gap in the data, not a row of empty windows. */
const LONGEST_RUN_OF_EMPTY = 600;

/**
 * Adds rows to the windows their event time falls in and closes windows as the watermark passes them.
 * The watermark is the latest event time seen, never ahead of arrival, less `latenessMs`; it never goes back.
 */
export function windows(sink: SignalSink, { windowMs, latenessMs, forgetMs }: WindowOptions, logParts: LogParts) {
  const { tables } = sink;
  const open = new Map<number, OpenWindow>();
  const arrays = new WindowArrays();
  /** Chunks of windows that have closed since the last snapshot. */
  const closedKeys: string[] = [];
  const rates = counterRates(tables);
  const histograms = histogramFeatures(tables);
  const spans = callSpans(tables);
  const logs = logLines(tables, logParts);
  const quiet = silence(tables, forgetMs);
  const { templates, rates: templateRates, parameters } = logParts;
  const parts: Record<string, Stateful> = {
    rates,
    histograms,
    spans,
    logs,
    quiet,
    templates,
    templateRates,
    parameters,
  };
  /** Event-time clock of every source still running; the slowest holds the watermark. */
  const clocks = new Map<string, number>();
  /** Sources that have nothing more for now. */
  const idle = new Set<string>();
  let clockMs = 0;
  /** Start of the first window not yet closed; 0 before any data. */
  let nextStart = 0;
  /** Windows in which anything arrived: only there does nothing mean zero. */
  const alive = new Set<number>();

  const startOf = (timeMs: number) => Math.floor(timeMs / windowMs) * windowMs;
  /** Window of the row before: most rows fall in the same one. */
  let current: OpenWindow | undefined;
  const windowAt = (timeMs: number): OpenWindow | undefined => {
    if (current && timeMs >= current.startMs && timeMs < current.endMs) return current;
    const start = startOf(timeMs);
    if (start < nextStart) return undefined;
    let w = open.get(start);
    if (!w) {
      w = new OpenWindow(start, start + windowMs, arrays);
      open.set(start, w);
    }
    current = w;
    return w;
  };
  const advanceClock = () => {
    let slowest = Number.POSITIVE_INFINITY;
    let newestIdle = 0;
    for (const [source, t] of clocks)
      if (!idle.has(source)) slowest = Math.min(slowest, t);
      else if (Number.isFinite(t)) newestIdle = Math.max(newestIdle, t);
    // Who is idle holds nobody up; where all are, time goes on by itself.
    clockMs = Math.max(clockMs, Number.isFinite(slowest) ? slowest : newestIdle);
  };
  const startIfOpen = (timeMs: number): number | undefined => windowAt(timeMs)?.startMs;

  return {
    /** Names a source that is about to be read, for the first time or again after it left; the watermark waits for it. */
    join(source: string): void {
      if (!Number.isFinite(clocks.get(source))) clocks.set(source, 0);
    },
    /** A source that has nothing more to say holds nobody up. */
    leave(source: string): void {
      clocks.set(source, Number.POSITIVE_INFINITY);
      advanceClock();
    },
    /** Event-time clock of a source, 0 before its first row, Infinity when it has left. */
    clockOf: (source: string): number => clocks.get(source) ?? 0,
    /** Takes what the sink holds; gives the change events in it. Rows too late are rejected in the sink. */
    add(source: string, ingestTimeMs: number): readonly ChangeEvent[] {
      let newestMs = 0;
      let late = 0;
      const { length, seriesIds, timeMs: times, startMs: starts, value: values } = sink.points;
      let heardEntity = -1;
      let heardMs = 0;
      for (let i = 0; i < length; i++) {
        const id = seriesIds[i] as number;
        const timeMs = times[i] as number;
        if (timeMs > newestMs) newestMs = timeMs;
        // Points of one sender at one time are one hearing.
        const entityId = tables.entityIds[id] as number;
        if (entityId !== heardEntity || timeMs !== heardMs) {
          quiet.hear(entityId, timeMs);
          heardEntity = entityId;
          heardMs = timeMs;
        }
        let target = id;
        let value = values[i] as number;
        if (tables.kinds[id] === COUNTER) {
          target = rates.add(id, timeMs, starts[i] as number, value);
          if (target < 0) continue;
          value = rates.rate;
        }
        const w = windowAt(timeMs);
        if (w) w.add(target, value);
        else late += 1;
      }
      if (sink.rows > length) {
        const h = sink.histograms;
        histograms.add(h, (seriesId, timeMs, value) => {
          const w = windowAt(timeMs);
          if (w) w.add(seriesId, value);
          else late += 1;
        });
        for (let i = 0; i < h.length; i++) {
          const timeMs = h.timeMs[i] as number;
          if (timeMs > newestMs) newestMs = timeMs;
          quiet.hear(tables.entityIds[h.seriesIds[i] as number] ?? 0, timeMs);
        }
        const s = sink.spans;
        late += spans.add(s, startIfOpen);
        for (let i = 0; i < s.length; i++) {
          const endMs = (s.startMs[i] as number) + (s.durationMs[i] as number);
          if (endMs > newestMs) newestMs = endMs;
          quiet.hear(s.entityIds[i] as number, endMs);
        }
        const l = sink.logs;
        late += logs.add(l, startIfOpen);
        for (let i = 0; i < l.length; i++) {
          const timeMs = l.timeMs[i] as number;
          if (timeMs > newestMs) newestMs = timeMs;
          quiet.hear(l.entityIds[i] as number, timeMs);
        }
      }
      if (late > 0) sink.refuse("TIME_TOO_LATE", `windows before ${nextStart} are closed`, late);
      // A sender whose clock runs ahead must not close the windows of all others.
      const seenMs = Math.min(newestMs, ingestTimeMs);
      if (newestMs > 0) alive.add(startOf(seenMs));
      const own = clocks.get(source);
      const woken = idle.size > 0 && idle.delete(source);
      if (own === undefined || seenMs > own) clocks.set(source, seenMs);
      if (woken || own === undefined || seenMs > own) advanceClock();
      if (sink.deploys.length === 0) return NO_CHANGES;
      return sink.deploys.map((d) => ({
        entity: tables.entities[d.entityId]?.name ?? "?",
        timeMs: Math.floor(seenMs),
        kind: "deploy" as const,
        detail: `release ${d.from} to ${d.to}`,
      }));
    },
    /** Takes the sink's points as of now in event time: they are seen, but time does not go on by them. */
    addAside(): void {
      if (clockMs === 0) return;
      const p = sink.points;
      const w = windowAt(clockMs);
      for (let i = 0; i < p.length; i++) w?.add(p.seriesIds[i] as number, p.value[i] as number);
    },
    /** Time passes although nobody sends. */
    tick(source: string, timeMs: number): void {
      const own = clocks.get(source) ?? 0;
      if (own > 0) clocks.set(source, Math.max(own, timeMs));
      advanceClock();
    },
    /** How far a source has come, said by itself: it had nothing for us up to there, or (`silent`) nothing at all since. */
    mark(source: string, timeMs: number, silent: boolean): void {
      clocks.set(source, Math.max(clocks.get(source) ?? 0, timeMs));
      if (silent) idle.add(source);
      else idle.delete(source);
      advanceClock();
    },
    /** `deltaMs` went by in which the source had nothing. */
    pass(source: string, deltaMs: number): void {
      const own = clocks.get(source) ?? 0;
      clocks.set(source, own > 0 ? own + deltaMs : 0);
      idle.add(source);
      advanceClock();
    },
    /** No source has ever had anything: there is no event time. */
    get waitsForNobody(): boolean {
      return clockMs === 0 && [...clocks.keys()].every((source) => idle.has(source));
    },
    /** Every source has left: what was seen is final. */
    finish(): void {
      for (const w of open.values()) clockMs = Math.max(clockMs, w.endMs + latenessMs);
    },
    get watermarkMs(): number {
      return clockMs - latenessMs;
    },
    /** Whether `advance` would give anything: asked for each record. */
    get due(): boolean {
      return clockMs > 0 && (nextStart === 0 || nextStart + windowMs <= clockMs - latenessMs);
    },
    /** Windows that the watermark has passed, in order. */
    *advance(): Generator<ClosedWindow> {
      if (clockMs === 0) return;
      if (nextStart === 0) {
        const first = Math.min(...open.keys(), startOf(clockMs));
        nextStart = first;
      }
      while (nextStart + windowMs <= clockMs - latenessMs) {
        let start = nextStart;
        if (clockMs - latenessMs - start > LONGEST_RUN_OF_EMPTY * windowMs && !open.has(start)) {
          const held = [...open.keys()].filter((k) => k > start);
          start = Math.min(startOf(clockMs - latenessMs) - windowMs, ...held);
        }
        const w = open.get(start) ?? new OpenWindow(start, start + windowMs, arrays);
        if (w === current) current = undefined;
        const heard = alive.delete(start);
        const edges = spans.close(start, w, heard);
        const digests = logs.close(start, w, heard);
        quiet.close(w, heard);
        open.delete(start);
        closedKeys.push(...w.savedKeys());
        nextStart = start + windowMs;
        for (const a of alive) if (a < nextStart) alive.delete(a);
        yield { batch: w.close(), logs: digests, edges };
      }
    },
    snapshot(put, full = false) {
      for (const w of open.values()) w.snapshot(scoped(put, "open"), full);
      for (const key of closedKeys) put(`open/${key}`, undefined);
      closedKeys.length = 0;
      for (const [name, part] of Object.entries(parts)) part.snapshot(scoped(put, name), full);
      const running = [...clocks].map(([k, v]) => [k, Number.isFinite(v) ? v : -1]);
      put("time", toChunk([clockMs, nextStart, [...alive], running, [...idle]]));
    },
    restore(chunks) {
      for (const [key, bytes] of scopedChunks(chunks, "open")) {
        const [start, block] = key.split("/").map(Number) as [number, number];
        const w = open.get(start) ?? new OpenWindow(start, start + windowMs, arrays);
        open.set(start, w);
        w.restore(block, bytes);
      }
      for (const [name, part] of Object.entries(parts)) part.restore(scopedChunks(chunks, name));
      const time = chunks.get("time");
      if (!time) return;
      const [c, n, a, running, silent] = fromChunk<[number, number, number[], [string, number][], string[]]>(time);
      for (const source of silent) idle.add(source);
      for (const [source, t] of running) clocks.set(source, t < 0 ? Number.POSITIVE_INFINITY : t);
      clockMs = c;
      nextStart = n;
      for (const start of a) alive.add(start);
    },
  } satisfies Stateful & Record<string, unknown>;
}
