export const CLIENT = 3;
export const PRODUCER = 4;

/** One span as the call graph reads it; times in ms since the epoch, kinds as OpenTelemetry numbers them. */
export interface TraceSpan {
  readonly entity: string;
  readonly operation: string;
  readonly kind: number;
  readonly startMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  /** Address of whom a client calls, "" where it isn't told. */
  readonly peer: string;
  /** Spans that this one stands for: 1 / probability with which its trace was kept. */
  readonly weight: number;
}

/** Spans of one trace with their places in it. */
export interface Trace {
  readonly spans: readonly TraceSpan[];
  /** Index of the parent, -1 where it was not seen. */
  readonly parent: readonly number[];
  /** Indices of each span's children, by start. */
  readonly children: readonly (readonly number[])[];
}

const NONE: readonly number[] = [];
/** Below, looking through all is faster than a map. */
const FEW = 8;

/** Joins children and parents; of spans with one id the first counts. O(spans). */
export function traceOf(all: readonly TraceSpan[]): Trace {
  return all.length <= FEW ? joined(all, placeAmong) : joined(all, mapped);
}

type PlaceOf = (spanId: string) => number;

/** Plain arrays: typed ones cost more than a short trace is worth. */
function joined(all: readonly TraceSpan[], placesOf: (spans: readonly TraceSpan[]) => PlaceOf): Trace {
  let placeOf = placesOf(all);
  let spans = all;
  if (all.some((s, i) => placeOf(s.spanId) !== i)) {
    spans = all.filter((s, i) => placeOf(s.spanId) === i);
    placeOf = placesOf(spans);
  }
  const parent: number[] = [];
  const children: (readonly number[])[] = [];
  for (let i = 0; i < spans.length; i++) {
    parent.push(-1);
    children.push(NONE);
  }
  for (let i = 0; i < spans.length; i++) {
    const { parentId, spanId } = spans[i] as TraceSpan;
    if (parentId === "" || parentId === spanId) continue;
    const p = placeOf(parentId);
    if (p < 0) continue;
    parent[i] = p;
    const own = children[p] as number[];
    if ((own as readonly number[]) === NONE) children[p] = [i];
    else own.push(i);
  }
  for (const own of children)
    if (own.length > 1) (own as number[]).sort((a, b) => spans[a]!.startMs - spans[b]!.startMs);
  return { spans, parent, children };
}

function placeAmong(spans: readonly TraceSpan[]): PlaceOf {
  return (spanId) => {
    for (let i = 0; i < spans.length; i++) if (spans[i]!.spanId === spanId) return i;
    return -1;
  };
}

function mapped(spans: readonly TraceSpan[]): PlaceOf {
  const places = new Map<string, number>();
  for (let i = 0; i < spans.length; i++) if (!places.has(spans[i]!.spanId)) places.set(spans[i]!.spanId, i);
  return (spanId) => places.get(spanId) ?? -1;
}

/** Time of a span in which none of its children ran, ms. */
export function selfMs({ spans, children }: Trace, i: number): number {
  const { startMs, durationMs } = spans[i] as TraceSpan;
  const end = startMs + durationMs;
  let covered = 0;
  let until = startMs;
  for (const c of children[i] as readonly number[]) {
    const child = spans[c] as TraceSpan;
    const from = Math.max(until, child.startMs);
    const to = Math.min(end, child.startMs + child.durationMs);
    if (to <= from) continue;
    covered += to - from;
    until = to;
  }
  return Math.max(0, durationMs - covered);
}
