/**
 * Which protobuf message some bytes are. Decoders pass over fields that they do not know, so all of them would read all of
 * it: what tells messages apart is which fields of which wire type stand where.
 */
import { prometheusRemoteWrite, unpacked } from "./decoders/prometheus-remote-write.ts";
import { ProtobufReader } from "./decoders/protobuf-reader.ts";

type Wire = 0 | 1 | 2 | 5;
interface Field {
  readonly field: number;
  readonly wire: number;
  readonly from: number;
  readonly to: number;
}
type Shape = Readonly<Record<number, Wire>>;

/** Messages looked at of each kind, and fields of each message. */
const MAX_LOOKED = 5;
const MAX_FIELDS = 500;

/** Fields of a row; a metric also has one of its data fields, a span ids of their lengths. opentelemetry-proto 1.x. */
const METRIC: Shape = { 1: 2, 2: 2, 3: 2, 5: 2, 7: 2, 9: 2, 10: 2, 11: 2, 12: 2 };
const LOG: Shape = { 1: 1, 2: 0, 3: 2, 5: 2, 6: 2, 7: 0, 8: 5, 9: 2, 10: 2, 11: 1, 12: 2 };
const SPAN: Shape = {
  1: 2,
  2: 2,
  3: 2,
  4: 2,
  5: 2,
  6: 0,
  7: 1,
  8: 1,
  9: 2,
  10: 0,
  11: 2,
  12: 0,
  13: 2,
  14: 0,
  15: 2,
  16: 5,
};

const fits = (fields: readonly Field[], shape: Shape) => fields.every((f) => shape[f.field] === f.wire);
const has = (fields: readonly Field[], field: number, size?: number) =>
  fields.some((f) => f.field === field && (size === undefined || f.to - f.from === size));

const isMetric = (f: readonly Field[]) =>
  fits(f, METRIC) && has(f, 1) && [5, 7, 9, 10, 11].filter((n) => has(f, n)).length === 1;
const isSpan = (f: readonly Field[]) => fits(f, SPAN) && has(f, 1, 16) && has(f, 2, 8);
const isLog = (f: readonly Field[]) => fits(f, LOG) && (has(f, 1) || has(f, 11) || has(f, 5));

/** The format of protobuf bytes, snappy-compressed or not; undefined for any other message and for one without rows. */
export function protobufFormat(value: Uint8Array) {
  const record = { source: "sample", position: "0", ingestTimeMs: 0, format: prometheusRemoteWrite.name, value };
  try {
    const otlp = otlpSignal(new ProtobufReader(record));
    if (otlp) return { format: `otlp-${otlp}-proto` as const, sure: 1, why: `rows with the fields of OTLP ${otlp}` };
  } catch {
    // Not that message.
  }
  try {
    if (isRemoteWrite(new ProtobufReader(unpacked(record))))
      return { format: "prometheus-remote-write" as const, sure: 1, why: "series with a label __name__" };
  } catch {
    // Nor that.
  }
  return undefined;
}

function otlpSignal(r: ProtobufReader): "metrics" | "logs" | "traces" | undefined {
  const top = fieldsOf(r, 0, r.bytes.length);
  if (!top.every((f) => f.field === 1 && f.wire === 2)) return undefined;
  for (const resource of top.slice(0, MAX_LOOKED)) {
    const inner = fieldsOf(r, resource.from, resource.to);
    if (!inner.every((f) => f.wire === 2 && (f.field <= 3 || f.field === 1000))) return undefined;
    for (const scope of inner.filter((f) => f.field === 2).slice(0, MAX_LOOKED)) {
      const parts = fieldsOf(r, scope.from, scope.to);
      if (!parts.every((f) => f.wire === 2 && f.field <= 3)) return undefined;
      const row = parts.find((f) => f.field === 2);
      if (!row) continue;
      const fields = fieldsOf(r, row.from, row.to);
      if (isSpan(fields)) return "traces";
      if (isMetric(fields)) return "metrics";
      return isLog(fields) ? "logs" : undefined;
    }
  }
  return undefined;
}

function isRemoteWrite(r: ProtobufReader): boolean {
  const top = fieldsOf(r, 0, r.bytes.length);
  const text = (f: Field) => r.bytes.toString("utf8", f.from, f.to);
  const two = top.filter((f) => f.field === 4 && f.wire === 2);
  if (two.length > 0) return two.some((f) => text(f) === "__name__");
  const series = top.filter((f) => f.field === 1 && f.wire === 2).slice(0, MAX_LOOKED);
  return (
    series.length > 0 &&
    series.every((s) =>
      fieldsOf(r, s.from, s.to).some(
        (f) =>
          f.field === 1 &&
          f.wire === 2 &&
          fieldsOf(r, f.from, f.to).some((p) => p.field === 1 && text(p) === "__name__"),
      ),
    )
  );
}

/** Where the fields of the message in [from, to) stand, the first 500 of them. @throws PipelineError when they are none */
function fieldsOf(r: ProtobufReader, from: number, to: number): Field[] {
  const out: Field[] = [];
  r.pos = from;
  while (r.pos < to && out.length < MAX_FIELDS) {
    const tag = r.tag(to);
    const at = r.pos;
    if ((tag & 7) === 2) {
      const end = r.length(to);
      out.push({ field: tag >>> 3, wire: 2, from: r.pos, to: end });
      r.pos = end;
    } else {
      r.skip(tag, to);
      out.push({ field: tag >>> 3, wire: tag & 7, from: at, to: r.pos });
    }
  }
  return out;
}
