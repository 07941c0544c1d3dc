/** First reading: which lines and traces of a range tell of an incident. */
import { Miner } from "../../../models/logs/miner.ts";
import { SPAN_KIND } from "../../core/batches.ts";
import type { TrailLine } from "../../core/log-trail.ts";
import type { Incident } from "../../core/records.ts";
import type { SignalSink } from "../../core/signals.ts";

const WARN = 13;
const ERROR = 17;
/** Lines shown of a group. */
const SHOWN = 2;
const MOST_GROUPS = 40;
const MOST_TRACES = 20;
/** Groups held while reading: beyond, lines are counted only. */
const MOST_HELD = 5000;
/** Of a longer line the beginning tells its template. */
const MINED_CHARS = 500;

export interface Place {
  /** Record and row: the same in both readings. */
  readonly key: string;
  readonly line: TrailLine;
}

export interface PickedGroup {
  readonly entity: string;
  readonly template: string;
  severity: number;
  count: number;
  readonly places: Place[];
}

export interface Picked {
  readonly groups: readonly PickedGroup[];
  readonly traceIds: readonly string[];
  readonly beyond: number;
}

export interface TrailRange {
  readonly fromMs: number;
  readonly toMs: number;
}

/** From the fault's earliest possible start to the end of what is off, and `aroundMs` more on both sides. */
export function trailRange(incident: Incident, aroundMs: number): TrailRange {
  const { times, diagnosis, anomalies } = incident;
  const ends = anomalies.map((a) => a.endMs ?? a.detectedMs);
  const start = Math.min(times.faultStartMs, diagnosis?.onsetRangeMs[0] ?? times.faultStartMs);
  const end = Math.max(times.detectedMs, times.resolvedMs ?? 0, ...ends.slice(0, 10_000));
  return { fromMs: start - aroundMs, toMs: end + aroundMs };
}

export const traceKey = (source: string, position: string, row: number): string => `${source}@${position}#${row}`;

/** Memory: 5,000 groups with two lines each, and the traces of spans that failed, as many. */
export function pickLines(incident: Incident, { fromMs, toMs }: TrailRange) {
  const miner = new Miner({ mostTemplates: 2000 });
  const groups = new Map<string, PickedGroup & { id: number }>();
  /** Traces with a span that failed, by entity and operation of the first. */
  const failed = new Map<string, string>();
  let beyond = 0;
  const digests = incident.diagnosis?.logs ?? [];
  const named = new Set(digests.map((d) => d.sample));
  const rank = new Map<string, number>();
  for (const [i, s] of (incident.diagnosis?.suspects ?? []).entries()) rank.set(s.name, i);
  for (const name of incident.entities) if (!rank.has(name)) rank.set(name, rank.size);
  const rankOf = (entity: string) => rank.get(entity) ?? rank.size;

  return {
    add(sink: SignalSink, source: string, position: string): void {
      const { logs, spans, tables } = sink;
      const nameOf = (id: number) => tables.entities[id]?.name ?? "?";
      for (let i = 0; i < logs.length; i++) {
        const timeMs = logs.timeMs[i] as number;
        const severity = logs.severity[i] as number;
        const body = logs.body[i] as string;
        if (timeMs < fromMs || timeMs >= toMs) continue;
        if (severity < WARN && !named.has(body.slice(0, 500))) continue;
        const entity = nameOf(logs.entityIds[i] as number);
        const id = miner.add(firstLine(body));
        const key = `${id} ${entity}`;
        const group = groups.get(key) ?? { entity, template: "", severity, count: 0, places: [], id };
        if (group.count === 0 && groups.size >= MOST_HELD) {
          beyond++;
          continue;
        }
        groups.set(key, group);
        group.count++;
        group.severity = Math.max(group.severity, severity);
        if (group.places.length >= SHOWN) continue;
        const at = `${source}@${position}`;
        const line = { timeMs, entity, severity, body, traceId: logs.traceId[i] as string, at };
        group.places.push({ key: traceKey(source, position, i), line });
      }
      for (let i = 0; i < spans.length; i++) {
        const startMs = spans.startMs[i] as number;
        if (spans.error[i] !== 1 || startMs < fromMs || startMs >= toMs || failed.size >= MOST_HELD) continue;
        if (spans.kind[i] === SPAN_KIND.internal) continue;
        const key = `${nameOf(spans.entityIds[i] as number)} ${spans.operation[i]}`;
        if (!failed.has(key)) failed.set(key, spans.traceId[i] as string);
      }
    },
    done(): Picked {
      const merged = new Map<string, PickedGroup>();
      for (const { id, ...group } of groups.values()) {
        const live = miner.current(id);
        const key = `${live} ${group.entity}`;
        const known = merged.get(key);
        if (!known) {
          merged.set(key, { ...group, template: miner.textOf(live) });
          continue;
        }
        known.count += group.count;
        known.severity = Math.max(known.severity, group.severity);
        known.places.push(...group.places);
        known.places.sort((a, b) => a.line.timeMs - b.line.timeMs).splice(SHOWN);
      }
      const level = (g: PickedGroup) => (g.severity >= ERROR ? 1 : 0);
      const sorted = [...merged.values()].sort(
        (a, b) =>
          level(b) - level(a) ||
          rankOf(a.entity) - rankOf(b.entity) ||
          (a.places[0] as Place).line.timeMs - (b.places[0] as Place).line.timeMs,
      );
      const shown = sorted.slice(0, MOST_GROUPS);
      const ids = new Set<string>();
      const take = (id: string) => void (id !== "" && ids.size < MOST_TRACES && ids.add(id));
      for (const g of shown) take(g.places[0]?.line.traceId ?? "");
      for (const d of digests) take(d.traceId);
      const byRank = [...failed].sort(([a], [b]) => rankOf(entityOf(a)) - rankOf(entityOf(b)));
      for (const [, id] of byRank) take(id);
      return { groups: shown, traceIds: [...ids], beyond: beyond + sorted.length - shown.length };
    },
  };
}

const entityOf = (key: string): string => key.slice(0, key.indexOf(" "));

/** Of a message of several lines the first that holds something. */
const firstLine = (body: string): string =>
  (
    body
      .slice(0, 4 * MINED_CHARS)
      .split("\n", 20)
      .find((l) => l.trim() !== "") ?? ""
  ).slice(0, MINED_CHARS);
