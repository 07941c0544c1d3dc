/** Remembers which entity or series some bytes stand for, so that what is known costs neither strings, objects nor sorting. */
import { finish, grown, mix, RowIndex } from "../../core/interning.ts";
import type { SignalSink } from "../../core/signals.ts";

/** Past these the cache starts anew: it must not outgrow the tables by bytes that differ and mean the same. */
const MAX_TEXT_WORDS = 32 * 1024 * 1024;
const MAX_ENTRIES = 4 * 1024 * 1024;
/** Longer bytes are read anew each time, so that the cache stays small. */
const MAX_CACHED_BYTES = 2048;

/** Byte strings, each once; ids are dense. Memory: the bytes, and 16 to 24 bytes each. */
class Texts {
  /** Words in use; a text begins at an even one. */
  words = 0;
  #count = 0;
  #words = new Int32Array(1024);
  #doubles = new Float64Array(this.#words.buffer);
  /** First word of each text; + 0.5 where no eight bytes of it are NaN or zero as a double. */
  #start = new Float64Array(64);
  #bytes = new Uint32Array(64);
  #hash = new Int32Array(64);
  #index = new RowIndex((id) => this.#hash[id] as number);

  /** Bytes of a text. */
  length(id: number): number {
    return this.#bytes[id] as number;
  }

  /** Whether the bytes of `view` from `from` on begin with the text; the caller knows that there are enough. */
  startsAt(id: number, view: DataView, from: number): boolean {
    const start = this.#start[id] as number;
    const bytes = this.#bytes[id] as number;
    const whole = from + (bytes & ~3);
    let w = start | 0;
    let at = from;
    if (w !== start) {
      // Doubles that are neither NaN nor zero are equal when their bits are; it halves the steps.
      const doubles = this.#doubles;
      const eights = from + (bytes & ~7);
      for (let d = w >> 1; at < eights; at += 8) if (view.getFloat64(at, true) !== doubles[d++]) return false;
      w += (bytes & ~7) >> 2;
    }
    const words = this.#words;
    for (; at < whole; at += 4) if (view.getInt32(at, true) !== words[w++]) return false;
    return (bytes & 3) === 0 || rest(view, whole, from + bytes) === words[w];
  }

  /** Id of view[from, to), -1 if it is not known. */
  find(view: DataView, from: number, to: number): number {
    const index = this.#index;
    const hash = hashOf(view, from, to);
    for (let slot = index.start(hash); ; slot = index.next(slot)) {
      const id = index.row(slot);
      if (id < 0) return -1;
      if (this.#hash[id] === hash && this.#bytes[id] === to - from && this.startsAt(id, view, from)) return id;
    }
  }

  /** Id of view[from, to), added if it is new. */
  put(view: DataView, from: number, to: number): number {
    const known = this.find(view, from, to);
    if (known >= 0) return known;
    const index = this.#index;
    const id = this.#count++;
    const hash = hashOf(view, from, to);
    const size = ((to - from + 7) >>> 3) * 2;
    if (this.words + size > this.#words.length) {
      this.#words = grown(this.#words, this.words + size);
      this.#doubles = new Float64Array(this.#words.buffer, 0, this.#words.length >> 1);
    }
    this.#start = grown(this.#start, id + 1);
    this.#bytes = grown(this.#bytes, id + 1);
    this.#hash = grown(this.#hash, id + 1);
    const first = this.words;
    this.#bytes[id] = to - from;
    this.#hash[id] = hash;
    for (let at = from; at < to; at += 4)
      this.#words[this.words++] = to - at >= 4 ? view.getInt32(at, true) : rest(view, at, to);
    this.words = first + size;
    let plain = true;
    for (let d = first >> 1; d < (first >> 1) + ((to - from) >>> 3); d++) {
      const double = this.#doubles[d] as number;
      if (double === 0 || Number.isNaN(double)) plain = false;
    }
    this.#start[id] = plain ? first + 0.5 : first;
    let slot = index.start(hash);
    while (index.row(slot) >= 0) slot = index.next(slot);
    index.put(slot, id);
    return id;
  }
}

/** The one to three bytes of view[from, to) as a word. */
function rest(view: DataView, from: number, to: number): number {
  let word = 0;
  for (let at = from; at < to; at++) word |= view.getUint8(at) << (8 * (at - from));
  return word;
}

function hashOf(view: DataView, from: number, to: number): number {
  const whole = from + ((to - from) & ~3);
  let h = to - from;
  for (let at = from; at < whole; at += 4) h = mix(h, view.getInt32(at, true));
  return finish(whole < to ? mix(h, rest(view, whole, to)) : h);
}

/** Pairs of a context and a text, each with a number; in order of first sight. Memory: 20 to 28 bytes each. */
class Pairs {
  count = 0;
  context = new Float64Array(64);
  text = new Uint32Array(64);
  value = new Int32Array(64);
  #index = new RowIndex((row) => pairHash(this.context[row] as number, this.text[row] as number));

  find(context: number, text: number): number {
    const index = this.#index;
    for (let slot = index.start(pairHash(context, text)); ; slot = index.next(slot)) {
      const row = index.row(slot);
      if (row < 0 || (this.text[row] === text && this.context[row] === context)) return row;
    }
  }

  add(context: number, text: number, value: number): number {
    const row = this.count++;
    this.context = grown(this.context, row + 1);
    this.text = grown(this.text, row + 1);
    this.value = grown(this.value, row + 1);
    this.context[row] = context;
    this.text[row] = text;
    this.value[row] = value;
    const index = this.#index;
    let slot = index.start(pairHash(context, text));
    while (index.row(slot) >= 0) slot = index.next(slot);
    index.put(slot, row);
    return row;
  }
}

const pairHash = (context: number, text: number) => finish(mix(mix(text, context | 0), context / 4294967296));

export interface KnownEntity {
  readonly id: number;
  readonly version: string | undefined;
}

/**
 * Senders repeat themselves: what follows is most often what followed the last time. So the pair after the last one
 * found is tried first, by comparing bytes; only where that fails are they hashed and looked up.
 * Holds only ids that the sink gave: refusals must be counted each time.
 */
export class SeriesCache {
  #texts = new Texts();
  #entities = new Map<number, KnownEntity>();
  #metrics = new Pairs();
  #series = new Pairs();
  #lastMetric = -1;
  #lastSeries = -1;

  entity(view: DataView, from: number, to: number): KnownEntity | undefined {
    return this.#entities.get(this.#texts.find(view, from, to));
  }
  putEntity(view: DataView, from: number, to: number, entity: KnownEntity): void {
    if (to - from > MAX_CACHED_BYTES) return;
    this.#makeRoom();
    this.#entities.set(this.#texts.put(view, from, to), entity);
  }

  /** Number of the metric that the name's bytes stand for, -1 if that is not kept; `owner` tells entities and kinds apart. */
  metric(owner: number, view: DataView, from: number, to: number): number {
    const metrics = this.#metrics;
    const guess = this.#lastMetric + 1;
    if (guess < metrics.count && metrics.context[guess] === owner) {
      const text = metrics.text[guess] as number;
      if (this.#texts.length(text) === to - from && this.#texts.startsAt(text, view, from)) {
        this.#lastMetric = guess;
        return guess;
      }
    }
    if (to - from > MAX_CACHED_BYTES) return -1;
    this.#makeRoom();
    const text = this.#texts.put(view, from, to);
    let row = this.#metrics.find(owner, text);
    if (row < 0) row = this.#metrics.add(owner, text, 0);
    this.#lastMetric = row;
    return row;
  }

  /** How many bytes from `from` on are the attributes that most likely come next in a metric, -1 if they are not. */
  guess(metric: number, view: DataView, from: number, end: number): number {
    const series = this.#series;
    const row = this.#lastSeries + 1;
    if (row >= series.count || series.context[row] !== metric) return -1;
    const text = series.text[row] as number;
    const length = this.#texts.length(text);
    return length <= end - from && this.#texts.startsAt(text, view, from) ? length : -1;
  }
  /** The series that the last guess was, which was right. */
  guessed(): number {
    this.#lastSeries += 1;
    return this.#series.value[this.#lastSeries] as number;
  }

  /** Series of a metric by its attributes' bytes, -1 if it is not known. */
  series(metric: number, view: DataView, from: number, to: number): number {
    const text = this.#texts.find(view, from, to);
    const row = text < 0 ? -1 : this.#series.find(metric, text);
    if (row < 0) return -1;
    this.#lastSeries = row;
    return this.#series.value[row] as number;
  }
  putSeries(metric: number, view: DataView, from: number, to: number, id: number): void {
    if (metric < 0 || to - from > MAX_CACHED_BYTES) return;
    this.#lastSeries = this.#series.add(metric, this.#texts.put(view, from, to), id);
  }

  /** Never while a metric is read: the numbers of metrics end here. */
  #makeRoom(): void {
    const entries = this.#entities.size + this.#metrics.count + this.#series.count;
    if (entries < MAX_ENTRIES && this.#texts.words < MAX_TEXT_WORDS) return;
    this.#texts = new Texts();
    this.#entities.clear();
    this.#metrics = new Pairs();
    this.#series = new Pairs();
    this.#lastMetric = -1;
    this.#lastSeries = -1;
  }
}

const caches = new WeakMap<SignalSink, SeriesCache>();

/** The cache of a sink: ids are never reused and its limits never change, so an entry stays true as long as the sink. */
export function cacheOf(sink: SignalSink): SeriesCache {
  let cache = caches.get(sink);
  if (!cache) {
    cache = new SeriesCache();
    caches.set(sink, cache);
  }
  return cache;
}
