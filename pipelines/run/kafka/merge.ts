/** Several feature tasks as one input: in order of event time, whatever the order in which their records lie in the log. */
import type { WindowBatch } from "../../core/batches.ts";
import type { Message } from "../../core/records.ts";
import { fromChunk, type Outbox, type Stage, scoped, scopedChunks, toChunk } from "../../core/stage.ts";
import type { Tables } from "../../core/tables.ts";
import type { TaskRecord } from "../../runtime/kafka/task.ts";
import { fromRecord } from "./wire.ts";

/** Held back while one task is behind, bytes; beyond it the others go on without that one. */
const PENDING_BYTES = 256 * 1024 * 1024;

interface Held {
  readonly seq: number;
  readonly origin: string;
  readonly type: Message["type"];
  readonly value: Uint8Array;
}
interface Origin {
  /** Its last watermark, 0 before the first, infinite while it has never had anything to say. */
  watermarkMs: number;
  /** Its ids to ours, -1 where a limit was reached. */
  readonly entities: number[];
  readonly series: number[];
  /** Messages since its last watermark. */
  open: Held[];
}

/**
 * A feature task sends what belongs to a window, then the watermark. Windows are handed on when all tasks have passed
 * them, task by task in order of their names, their ids made one numbering. All `expected` tasks are waited for, unless
 * one says that it has had no input at all; what it sends later for windows already handed on keeps its anomalies and
 * logs, but no longer changes the history.
 */
export function mergeOrigins(next: Stage<Message> & { readonly tables: Tables }, expected: readonly string[]) {
  const origins = new Map<string, Origin>();
  /** End of window to what tasks sent for it. */
  const groups = new Map<number, Held[]>();
  let pendingBytes = 0;
  let seq = 0;
  let releasedMs = 0;
  const added: Held[] = [];
  const removed: number[] = [];
  const told = new Map<string, number>();

  const originOf = (name: string): Origin => {
    const known = origins.get(name) ?? { watermarkMs: 0, entities: [], series: [], open: [] };
    origins.set(name, known);
    return known;
  };

  for (const name of expected) originOf(name);

  const learn = (name: string, { entities, series }: Extract<Message, { type: "tables" }>) => {
    const own = originOf(name);
    for (const e of entities) own.entities[e.id] = next.tables.internNamed(e.kind, e.name, e.attributes);
    for (const s of series) {
      const entity = own.entities[s.entityId] ?? -1;
      own.series[s.id] = entity < 0 ? -1 : next.tables.internSeries(entity, s.metric, s.unit, s.kind, s.attributes);
    }
  };

  const release = (endMs: number, out: Outbox) => {
    const late = endMs <= releasedMs;
    const held = groups.get(endMs) as Held[];
    groups.delete(endMs);
    const pieces: WindowBatch[] = [];
    const rest: Message[] = [];
    for (const h of held.sort((a, b) => (a.origin === b.origin ? a.seq - b.seq : a.origin < b.origin ? -1 : 1))) {
      pendingBytes -= h.value.length;
      removed.push(h.seq);
      const { message } = fromRecord(recordOf(h));
      if (message.type === "tables") learn(h.origin, message);
      else if (message.type === "windows") pieces.push(renumbered(message.batch, originOf(h.origin).series));
      else rest.push(message);
    }
    if (!late && pieces.length > 0) next.process({ type: "windows", batch: joined(pieces) }, out);
    for (const message of rest) next.process(message, out);
    if (late) return;
    releasedMs = endMs;
    next.process({ type: "watermark", timeMs: endMs }, out);
  };

  const advance = (out: Outbox) => {
    let slowest = Number.POSITIVE_INFINITY;
    for (const { watermarkMs } of origins.values()) slowest = Math.min(slowest, watermarkMs);
    for (const endMs of [...groups.keys()].sort((a, b) => a - b)) {
      if (endMs > slowest && pendingBytes <= PENDING_BYTES) return;
      release(endMs, out);
    }
  };

  return {
    name: next.name,
    version: next.version,
    process(record: TaskRecord, out: Outbox): void {
      const { origin, message } = fromRecord(record);
      // What people say is for now, not for a window.
      if (message.type === "control") return next.process(message, out);
      const own = originOf(origin);
      if (message.type === "idle") {
        if (own.watermarkMs === 0) own.watermarkMs = Number.POSITIVE_INFINITY;
        return advance(out);
      }
      if (own.watermarkMs === Number.POSITIVE_INFINITY) own.watermarkMs = 0;
      if (message.type !== "watermark") {
        // A copy: a view would keep the whole fetch in memory.
        const h = { seq: seq++, origin, type: message.type, value: new Uint8Array(record.value) };
        own.open.push(h);
        added.push(h);
        pendingBytes += h.value.length;
        return;
      }
      own.watermarkMs = Math.max(own.watermarkMs, message.timeMs);
      groups.set(message.timeMs, [...(groups.get(message.timeMs) ?? []), ...own.open]);
      own.open = [];
      advance(out);
    },
    snapshot(put, full = false) {
      const kept = full ? [...groups.values(), ...[...origins.values()].map((o) => o.open)].flat() : added;
      const gone = new Set(removed);
      for (const h of kept)
        if (!gone.has(h.seq)) put(`held/${h.seq}`, Buffer.concat([toChunk([h.origin, h.type]), NEWLINE, h.value]));
      for (const n of removed) put(`held/${n}`, undefined);
      added.length = 0;
      removed.length = 0;
      const at = [...groups].map(([endMs, list]) => [endMs, list.map((h) => h.seq)]);
      put(
        "time",
        toChunk([
          seq,
          releasedMs,
          at,
          [...origins].map(([name, o]) => [name, Number.isFinite(o.watermarkMs) ? o.watermarkMs : -1]),
        ]),
      );
      for (const [name, { entities, series }] of origins) {
        if (!full && told.get(name) === entities.length + series.length) continue;
        told.set(name, entities.length + series.length);
        put(`ids/${name}`, toChunk([entities, series]));
      }
      next.snapshot(scoped(put, "stage"), full);
    },
    restore(chunks) {
      next.restore(scopedChunks(chunks, "stage"));
      const held = new Map<number, Held>();
      for (const [n, bytes] of scopedChunks(chunks, "held")) {
        const at = bytes.indexOf(10);
        const [origin, type] = fromChunk<[string, Message["type"]]>(bytes.subarray(0, at));
        held.set(Number(n), { seq: Number(n), origin, type, value: bytes.slice(at + 1) });
      }
      const time = chunks.get("time");
      if (time) {
        const [s, r, at, names] = fromChunk<[number, number, [number, number[]][], [string, number][]]>(time);
        [seq, releasedMs] = [s, r];
        for (const [name, ms] of names) originOf(name).watermarkMs = ms < 0 ? Number.POSITIVE_INFINITY : ms;
        for (const [endMs, list] of at) {
          groups.set(
            endMs,
            list.map((n) => held.get(n) as Held),
          );
          for (const n of list) {
            pendingBytes += held.get(n)?.value.length ?? 0;
            held.delete(n);
          }
        }
      }
      for (const h of [...held.values()].sort((a, b) => a.seq - b.seq)) {
        originOf(h.origin).open.push(h);
        pendingBytes += h.value.length;
      }
      for (const [name, bytes] of scopedChunks(chunks, "ids")) {
        const [entities, series] = fromChunk<[number[], number[]]>(bytes);
        const own = originOf(name);
        for (const id of entities) own.entities.push(id);
        for (const id of series) own.series.push(id);
        told.set(name, entities.length + series.length);
      }
    },
  } satisfies Stage<TaskRecord>;
}

const NEWLINE = Buffer.from("\n");
const recordOf = ({ origin, type, value, seq }: Held): TaskRecord => ({
  topic: "held",
  partition: 0,
  offset: BigInt(seq),
  timestampMs: 0,
  key: null,
  value,
  headers: { "fw-origin": origin, "fw-type": type },
});

/** Rows of series that we know, under our ids, ascending. */
function renumbered(batch: WindowBatch, ids: readonly number[]): WindowBatch {
  const rows: [id: number, row: number][] = [];
  for (let i = 0; i < batch.length; i++) {
    const id = ids[batch.seriesIds[i] as number] ?? -1;
    if (id >= 0) rows.push([id, i]);
  }
  rows.sort(([a], [b]) => a - b);
  const column = (from: Float64Array) => Float64Array.from(rows, ([, i]) => from[i] as number);
  return {
    startMs: batch.startMs,
    endMs: batch.endMs,
    length: rows.length,
    seriesIds: Uint32Array.from(rows, ([id]) => id),
    value: column(batch.value),
    count: column(batch.count),
    min: column(batch.min),
    max: column(batch.max),
  };
}

/** Batches of one window as one; of a series that two of them hold, the first. */
function joined(pieces: readonly WindowBatch[]): WindowBatch {
  const first = pieces[0] as WindowBatch;
  if (pieces.length === 1) return first;
  const rows: [id: number, piece: WindowBatch, row: number][] = [];
  for (const piece of pieces)
    for (let i = 0; i < piece.length; i++) rows.push([piece.seriesIds[i] as number, piece, i]);
  rows.sort(([a], [b]) => a - b);
  const once = rows.filter(([id], i) => i === 0 || rows[i - 1]?.[0] !== id);
  const column = (of: (p: WindowBatch) => Float64Array) => Float64Array.from(once, ([, p, i]) => of(p)[i] as number);
  return {
    startMs: first.startMs,
    endMs: first.endMs,
    length: once.length,
    seriesIds: Uint32Array.from(once, ([id]) => id),
    value: column((p) => p.value),
    count: column((p) => p.count),
    min: column((p) => p.min),
    max: column((p) => p.max),
  };
}
