/** JSON points that differ from earlier ones only in their time and value: read without text, objects or look-ups by name. */
import { finish, grown, mix, RowIndex } from "../../core/interning.ts";
import type { SignalSink } from "../../core/signals.ts";
import { timeOf } from "./plain.ts";

/** Longer lines are read anew each time, so that what is kept stays small. */
const MAX_LINE = 1024;
/** Past this all begins anew. */
const MAX_BYTES = 128 * 1024 * 1024;

const [QUOTE, BACKSLASH, COMMA, COLON, OPEN, CLOSE, LIST, LIST_END, MINUS, DOT] = Buffer.from('"\\,:{}[]-.');
const ZERO = 0x30;
const POWERS = Array.from({ length: 16 }, (_, n) => 10 ** n);

/**
 * A shape is a line without its two changing tokens: `before`, `between` and `after` them. The lines of a series have the
 * same shape, and shapes most often follow each other as they did the last time: the next one is tried first, by comparing
 * bytes. A shape is only put after its line has been read as JSON, so equal bytes around two valid tokens are valid JSON.
 * Memory: the bytes of the shapes and about 50 bytes each, 128 MiB of bytes at most.
 */
export class PointShapes {
  /** Of the line found last. */
  timeMs = 0;
  value = 0;

  #count = 0;
  #used = 0;
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #start = new Float64Array(64);
  #hash = new Int32Array(64);
  #before = new Uint32Array(64);
  #between = new Uint32Array(64);
  #after = new Uint32Array(64);
  /** 1: the time comes first; 2: the time is a string. */
  #flags = new Uint8Array(64);
  #series = new Uint32Array(64);
  /** Shape + 1 that came after this one the last time. */
  #next = new Uint32Array(64);
  #index = new RowIndex((shape) => this.#hash[shape] as number);
  #last = -1;

  /** Tokens of the line scanned last: [from, to) of time and value. */
  #timeFrom = 0;
  #timeTo = 0;
  #valueFrom = 0;
  #valueTo = 0;
  #timeIsText = false;

  #line: Uint8Array = new Uint8Array(0);
  #lineView: DataView = new DataView(new ArrayBuffer(0));
  #pos = 0;

  /** Series of the line, its time and value in `timeMs` and `value`; -1 if its shape is not known. */
  find(line: Uint8Array): number {
    if (line.length > MAX_LINE || this.#count === 0) return -1;
    this.#look(line);
    const guess = this.#last < 0 ? -1 : (this.#next[this.#last] as number) - 1;
    if (guess >= 0 && this.#fits(guess)) {
      this.#last = guess;
      return this.#series[guess] as number;
    }
    if (!this.#scan()) return -1;
    const [a, b] = this.#spans();
    const hash = this.#hashOf(a, b);
    const index = this.#index;
    for (let slot = index.start(hash); ; slot = index.next(slot)) {
      const shape = index.row(slot);
      if (shape < 0) return -1;
      if (this.#hash[shape] !== hash || !this.#fits(shape)) continue;
      if (this.#last >= 0) this.#next[this.#last] = shape + 1;
      this.#last = shape;
      return this.#series[shape] as number;
    }
  }

  /** Remembers the line, which was read as one point of `series`; its entity must stand in it. */
  put(line: Uint8Array, series: number): void {
    if (line.length > MAX_LINE) return;
    this.#look(line);
    if (!this.#scan()) return;
    if (this.#used > MAX_BYTES) this.#clear();
    const [a, b] = this.#spans();
    const shape = this.#count++;
    const end = line.length;
    const size = end - (a.to - a.from) - (b.to - b.from);
    if (this.#used + size > this.#bytes.length) {
      this.#bytes = grown(this.#bytes, this.#used + size);
      this.#view = new DataView(this.#bytes.buffer);
    }
    this.#start = grown(this.#start, shape + 1);
    this.#hash = grown(this.#hash, shape + 1);
    this.#before = grown(this.#before, shape + 1);
    this.#between = grown(this.#between, shape + 1);
    this.#after = grown(this.#after, shape + 1);
    this.#flags = grown(this.#flags, shape + 1);
    this.#series = grown(this.#series, shape + 1);
    this.#next = grown(this.#next, shape + 1);
    const hash = this.#hashOf(a, b);
    this.#start[shape] = this.#used;
    this.#hash[shape] = hash;
    this.#before[shape] = a.from;
    this.#between[shape] = b.from - a.to;
    this.#after[shape] = end - b.to;
    this.#flags[shape] = (this.#timeFrom < this.#valueFrom ? 1 : 0) | (this.#timeIsText ? 2 : 0);
    this.#series[shape] = series;
    for (const part of [line.subarray(0, a.from), line.subarray(a.to, b.from), line.subarray(b.to)]) {
      this.#bytes.set(part, this.#used);
      this.#used += part.length;
    }
    const index = this.#index;
    let slot = index.start(hash);
    while (index.row(slot) >= 0) slot = index.next(slot);
    index.put(slot, shape);
    if (this.#last >= 0) this.#next[this.#last] = shape + 1;
    this.#last = shape;
  }

  #look(line: Uint8Array): void {
    this.#line = line;
    this.#lineView = new DataView(line.buffer, line.byteOffset, line.byteLength);
  }

  #clear(): void {
    this.#count = 0;
    this.#used = 0;
    this.#next.fill(0);
    this.#index = new RowIndex((shape) => this.#hash[shape] as number);
    this.#last = -1;
  }

  /** Whether the line has this shape around two valid tokens, which it reads. */
  #fits(shape: number): boolean {
    const end = this.#line.length;
    const before = this.#before[shape] as number;
    const between = this.#between[shape] as number;
    const after = this.#after[shape] as number;
    if (before + between + after >= end) return false;
    const flags = this.#flags[shape] as number;
    const start = this.#start[shape] as number;
    if (!this.#same(start, 0, before)) return false;
    this.#pos = before;
    if (!this.#token((flags & 1) === 1, (flags & 2) === 2)) return false;
    if (this.#pos + between > end || !this.#same(start + before, this.#pos, between)) return false;
    this.#pos += between;
    if (!this.#token((flags & 1) === 0, (flags & 2) === 2)) return false;
    return this.#pos + after === end && this.#same(start + before + between, this.#pos, after);
  }

  #same(stored: number, at: number, length: number): boolean {
    const view = this.#view;
    const line = this.#lineView;
    const whole = length & ~3;
    for (let i = 0; i < whole; i += 4)
      if (view.getInt32(stored + i, true) !== line.getInt32(at + i, true)) return false;
    for (let i = whole; i < length; i++) if (view.getUint8(stored + i) !== line.getUint8(at + i)) return false;
    return true;
  }

  /** Reads a token at `#pos` and goes past it. */
  #token(isTime: boolean, timeIsText: boolean): boolean {
    if (isTime && timeIsText) {
      const from = this.#pos;
      while (this.#pos < this.#line.length && this.#line[this.#pos] !== QUOTE) this.#pos += 1;
      this.timeMs = timeOf(Buffer.from(this.#line.subarray(from, this.#pos)).toString("latin1"));
      return !Number.isNaN(this.timeMs);
    }
    const number = this.#number();
    if (!Number.isFinite(number)) return false;
    if (isTime) this.timeMs = timeOf(number);
    else this.value = number;
    return true;
  }

  /**
   * A JSON number at `#pos`, NaN for what is none. Up to 15 digits are exact as an integer, and so is the power of ten
   * that it is divided by, so the quotient is rounded once, as it should be. @see Clinger 1990, PLDI
   */
  #number(): number {
    const line = this.#line;
    const from = this.#pos;
    let at = from;
    const negative = line[at] === MINUS;
    if (negative) at += 1;
    const first = at;
    let digits = 0;
    for (let d = (line[at] as number) - ZERO; d >= 0 && d <= 9; d = (line[++at] as number) - ZERO)
      digits = digits * 10 + d;
    const whole = at - first;
    if (whole === 0 || (whole > 1 && line[first] === ZERO)) return Number.NaN;
    let decimals = 0;
    if (line[at] === DOT) {
      at += 1;
      for (let d = (line[at] as number) - ZERO; d >= 0 && d <= 9; d = (line[++at] as number) - ZERO) {
        digits = digits * 10 + d;
        decimals += 1;
      }
      if (decimals === 0) return Number.NaN;
    }
    const exponent = (line[at] as number) | 0x20;
    if (exponent === 0x65) {
      at += 1;
      if (line[at] === MINUS || line[at] === 0x2b) at += 1;
      const begin = at;
      while ((line[at] as number) >= ZERO && (line[at] as number) <= 0x39) at += 1;
      if (at === begin) return Number.NaN;
    }
    this.#pos = at;
    if (exponent === 0x65 || whole + decimals > 15)
      return Number(Buffer.from(line.subarray(from, at)).toString("latin1"));
    const value = decimals === 0 ? digits : digits / (POWERS[decimals] as number);
    return negative ? -value : value;
  }

  /** Finds time and value in the line; false where it is not plain: an escape, no or several times or values, no number. */
  #scan(): boolean {
    const line = this.#line;
    const end = line.length;
    let [times, values] = [0, 0];
    let at = space(line, 0);
    if (line[at] !== OPEN) return false;
    do {
      at = space(line, at + 1);
      if (line[at] !== QUOTE) return false;
      const name = at + 1;
      at = closing(line, name);
      if (at < 0) return false;
      const special = nameAt(line, name, at);
      at = space(line, at + 1);
      if (line[at] !== COLON) return false;
      at = space(line, at + 1);
      const from = at;
      const c = line[at];
      if (c === QUOTE) {
        at = closing(line, at + 1);
        if (at < 0) return false;
        at += 1;
      } else if (c === OPEN || c === LIST) {
        at = closed(line, at);
        if (at < 0) return false;
      } else while (at < end && line[at] !== COMMA && line[at] !== CLOSE && (line[at] as number) > 0x20) at += 1;
      if (special === TIME) {
        times += 1;
        this.#timeIsText = c === QUOTE;
        this.#timeFrom = this.#timeIsText ? from + 1 : from;
        this.#timeTo = this.#timeIsText ? at - 1 : at;
      } else if (special === VALUE) {
        values += 1;
        this.#valueFrom = from;
        this.#valueTo = at;
      }
      at = space(line, at);
    } while (line[at] === COMMA);
    if (line[at] !== CLOSE || space(line, at + 1) !== end || times !== 1 || values !== 1) return false;
    this.#pos = this.#valueFrom;
    return !Number.isNaN(this.#number()) && this.#pos === this.#valueTo;
  }

  #spans() {
    const time = { from: this.#timeFrom, to: this.#timeTo };
    const value = { from: this.#valueFrom, to: this.#valueTo };
    return time.from < value.from ? ([time, value] as const) : ([value, time] as const);
  }

  #hashOf(a: { from: number; to: number }, b: { from: number; to: number }): number {
    let h = this.#part(0, 0, a.from);
    h = this.#part(h, a.to, b.from);
    return finish(this.#part(h, b.to, this.#line.length));
  }

  #part(hash: number, from: number, to: number): number {
    const view = this.#lineView;
    let h = mix(hash, to - from);
    let at = from;
    for (; at + 4 <= to; at += 4) h = mix(h, view.getInt32(at, true));
    for (; at < to; at++) h = mix(h, view.getUint8(at));
    return h;
  }
}

const TIME = 1;
const VALUE = 2;

const NAMES = (
  [
    [TIME, "timestamp"],
    [TIME, "time"],
    [TIME, "timeMs"],
    [TIME, "ts"],
    [TIME, "@timestamp"],
    [VALUE, "value"],
  ] as const
).map(([kind, name]) => ({ kind, bytes: Buffer.from(name) }));

function nameAt(line: Uint8Array, from: number, to: number): number {
  for (const { kind, bytes } of NAMES) {
    if (bytes.length !== to - from) continue;
    let i = 0;
    while (i < bytes.length && bytes[i] === line[from + i]) i++;
    if (i === bytes.length) return kind;
  }
  return 0;
}

function space(line: Uint8Array, from: number): number {
  let at = from;
  for (let c = line[at]; c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09; c = line[++at]);
  return at;
}

/** The quote that ends a string; -1 for none, or an escape before it. */
function closing(line: Uint8Array, from: number): number {
  for (let at = from; at < line.length; at++) {
    if (line[at] === QUOTE) return at;
    if (line[at] === BACKSLASH) return -1;
  }
  return -1;
}

/** Past the object or list that opens at `from`; -1 for none. */
function closed(line: Uint8Array, from: number): number {
  let depth = 0;
  for (let at = from; at < line.length; at++) {
    const c = line[at];
    if (c === QUOTE) {
      at = closing(line, at + 1);
      if (at < 0) return -1;
    } else if (c === OPEN || c === LIST) depth += 1;
    else if ((c === CLOSE || c === LIST_END) && --depth === 0) return at + 1;
  }
  return -1;
}

const shapes = new WeakMap<SignalSink, PointShapes>();

/** The shapes of a sink: ids are never reused and its limits never change, so a shape stays true as long as the sink. */
export function shapesOf(sink: SignalSink): PointShapes {
  let known = shapes.get(sink);
  if (!known) {
    known = new PointShapes();
    shapes.set(sink, known);
  }
  return known;
}
