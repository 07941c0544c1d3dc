/** Stage `route`: topics that hold many entities without order, to one topic in which each entity has its partition. */
import type { RawRecord } from "../../core/records.ts";
import { type Redactor, redactor } from "../../core/redact/redactor.ts";
import { SELF, SELF_FORMAT } from "../../core/self.ts";
import { type Share, shareOf } from "../../core/share.ts";
import { type Decoder, decoderFor, type SignalLimits, SignalSink } from "../../core/signals.ts";
import { fromChunk, toChunk } from "../../core/stage.ts";
import { DEFAULT_ENTITY_RULES, type Entity, entityName, Tables } from "../../core/tables.ts";
import { otlpParts } from "../../ingest/otlp-split.ts";
import type { Produced, TaskRecord, TaskStage } from "../../runtime/kafka/task.ts";

export const HEADERS = {
  /** Decoder of the record; in `intake` and `signals`. */
  format: "fw-format",
  /** Topic and partition it came from, and the position after it there. */
  origin: "fw-origin",
  position: "fw-position",
  /** `index/of`, with `!` for the primary: the part that is the reader's. */
  share: "fw-share",
} as const;

export interface RouteOptions {
  readonly decoders: Readonly<Record<string, Decoder>>;
  readonly limits: SignalLimits;
  /** Topic to format; undefined where the record says it. */
  readonly formats: ReadonlyMap<string, string | undefined>;
  readonly topic: string;
  readonly partitions: number;
  /** Event time after which partitions that got nothing are told how far we are, ms. */
  readonly markMs: number;
  /** Applied to log lines and spans before they stand in our topic. */
  readonly redact?: Redactor;
}

/** Spans of all services: who called whom is found by pairing them, so they stay together. */
const SPANS = 0;
/** Formats in which no text stands. */
const NUMBERS = /metrics|prometheus|influx|telegraf|^control$|^self$/;
/** Names are looked up in tables that are thrown away at this size: routing keeps no state but its clocks. */
const ENTITIES = 10_000;

/** Remembers which entities the record at hand is of. */
class Touched extends Tables {
  readonly touched = new Set<Entity>();
  override internNamed(...args: Parameters<Tables["internNamed"]>): number {
    const id = super.internNamed(...args);
    if (id >= 0) this.hear(id);
    return id;
  }
  override hear(id: number): void {
    this.touched.add(this.entities[id] as Entity);
  }
}

/**
 * Bytes are passed on as they are, but for secrets, which are overwritten. OTLP protobuf is cut at its resources; of any other format each partition that has a
 * part in a record gets the whole and keeps to its share. What can't be read goes to one partition, whose decoder says
 * why. Marks in every partition tell how far each origin has come, so that none waits for one that has nothing for it.
 */
export function routeTask(options: RouteOptions, partition: number): TaskStage {
  const { decoders, limits, formats, topic, partitions, markMs, redact = redactor() } = options;
  /** Event time of each origin, ms; 0 before its first row. */
  const clocks = new Map<string, number>();
  const marked = new Map<string, number>();
  let sink = new SignalSink(new Touched(undefined), limits);

  const place = (entity: { kind: string; name: string }) => shareOf(entity.kind, entity.name, partitions);
  const placeOf = (resource: Readonly<Record<string, string>>) => place(entityName(resource, DEFAULT_ENTITY_RULES));

  const mark = (origin: string, timeMs: number, silent: boolean, produce: (p: Produced) => void) => {
    marked.set(origin, timeMs);
    for (let p = 0; p < partitions; p++)
      produce({
        topic,
        partition: p,
        key: null,
        value: JSON.stringify({ kind: "mark", timeMs, silent }),
        headers: { [HEADERS.format]: "control", [HEADERS.origin]: origin, [HEADERS.position]: "" },
      });
  };

  /** Partition to payload and share; and the newest event time. */
  const split = (raw: RawRecord): { to: Map<number, [Uint8Array, Share | undefined]>; newestMs: number } => {
    if (raw.format === SELF_FORMAT) return { to: new Map([[place(SELF), [raw.value, undefined]]]), newestMs: 0 };
    const to = new Map<number, [Uint8Array, Share | undefined]>();
    let newestMs = 0;
    const parts = otlpParts(raw);
    if (parts) {
      for (const { timeMs } of parts) newestMs = Math.max(newestMs, timeMs);
      if (raw.format === "otlp-traces-proto") return { to: new Map([[SPANS, [raw.value, undefined]]]), newestMs };
      const bytes = new Map<number, Uint8Array[]>();
      for (const part of parts) {
        const p = placeOf(part.resource);
        const list = bytes.get(p);
        if (list) list.push(part.bytes);
        else bytes.set(p, [part.bytes]);
      }
      for (const [p, list] of bytes)
        to.set(p, [list.length === 1 ? (list[0] as Uint8Array) : Buffer.concat(list), undefined]);
      return { to, newestMs };
    }
    if (sink.tables.entities.length > ENTITIES) sink = new SignalSink(new Touched(undefined), limits);
    const tables = sink.tables as Touched;
    tables.touched.clear();
    sink.begin(raw);
    decoderFor(decoders, raw).decode(raw, sink);
    newestMs = sink.timeRangeMs?.[1] ?? 0;
    if (sink.spans.length > 0) return { to: new Map([[SPANS, [raw.value, undefined]]]), newestMs };
    const places = new Set([...tables.touched].map(place));
    const primary = Math.min(...places);
    for (const p of places)
      to.set(p, [
        raw.value,
        places.size === 1 && partitions === 1 ? undefined : { index: p, of: partitions, primary: p === primary },
      ]);
    return { to, newestMs };
  };

  return {
    name: "route",
    version: 1,
    process(record: TaskRecord, produce) {
      if (record.value.length === 0) return;
      const origin = `${record.topic}/${partition}`;
      const format = formats.get(record.topic) ?? record.headers[HEADERS.format] ?? "";
      const raw: RawRecord = {
        source: origin,
        position: String(record.offset + 1n),
        ingestTimeMs: record.timestampMs,
        format,
        value: NUMBERS.test(format) ? record.value : redact.payload(format, record.value),
      };
      let parts: ReturnType<typeof split>;
      try {
        parts = split(raw);
        // Nothing in it of any entity: somebody has to count what was wrong with it.
        if (parts.to.size === 0) parts.to.set(0, [raw.value, undefined]);
      } catch {
        parts = { to: new Map([[0, [raw.value, undefined]]]), newestMs: 0 };
      }
      for (const [p, [value, share]] of parts.to)
        produce({
          topic,
          partition: p,
          key: record.key,
          value,
          timestampMs: record.timestampMs,
          headers: {
            [HEADERS.format]: raw.format,
            [HEADERS.origin]: origin,
            [HEADERS.position]: raw.position,
            ...(share ? { [HEADERS.share]: shareText(share) } : {}),
          },
        });
      const clock = Math.max(clocks.get(origin) ?? 0, Math.min(parts.newestMs, record.timestampMs));
      clocks.set(origin, clock);
      if (clock - (marked.get(origin) ?? 0) >= markMs) mark(origin, clock, false, produce);
    },
    tick(input, deltaMs, produce) {
      const origin = `${input}/${partition}`;
      const clock = clocks.get(origin) ?? 0;
      if (clock > 0) clocks.set(origin, clock + deltaMs);
      mark(origin, clock > 0 ? clock + deltaMs : 0, true, produce);
    },
    snapshot: (put) => put("clocks", toChunk([[...clocks], [...marked]])),
    restore(chunks) {
      const [c, m] = fromChunk<[[string, number][], [string, number][]]>(chunks.get("clocks") ?? toChunk([[], []]));
      for (const [origin, t] of c) clocks.set(origin, t);
      for (const [origin, t] of m) marked.set(origin, t);
    },
  };
}

export const shareText = ({ index, of, primary }: Share) => `${index}/${of}${primary ? "!" : ""}`;

export function shareFrom(text: string | undefined): Share | undefined {
  const match = /^(\d+)\/(\d+)(!?)$/.exec(text ?? "");
  return match ? { index: Number(match[1]), of: Number(match[2]), primary: match[3] === "!" } : undefined;
}
