import type { DetectorBank, StatePart } from "../bank.ts";

/**
 * State of a bank: one row of `stride` doubles a slot in one array, so that an update touches neighbouring bytes and a
 * block is saved by a straight copy. Memory: 8 * stride bytes a slot; capacity doubles, untouched pages cost nothing.
 *
 * Loops over these rows keep habits that together make them two to three times as fast (V8 11.3): options and constants
 * of a module are copied to locals by a unary plus (each use unpacks a boxed number otherwise), offsets are literals,
 * helpers are written out, chance decides no branch, and a slot is checked by what its row holds (`data` ends with the
 * last slot; beyond it is `undefined`), which costs no comparison of its own.
 */
export interface SlotRows extends StatePart {
  readonly stride: number;
  /** Rows of all slots: slot s at [s * stride, (s + 1) * stride). Replaced by `resize`: do not keep across calls. */
  readonly data: Float64Array<ArrayBuffer>;
  resize(slots: number): void;
  /** Notes that a slot has changed. */
  touch(slot: number): void;
  /** Throws `RangeError` unless the columns have one length. */
  sameLength(slots: Uint32Array, ...sides: Float64Array[]): void;
  /** For a slot beyond the last; rows before it have been dealt with. */
  refuse(slot: number): never;
}

/** Slots a mark of change, 2 ** 8. */
const TOUCHED = 256;

export function slotRows(name: string, stride: number, onResize: () => void = () => {}): SlotRows {
  let touched = new Uint8Array(0);
  let data = new Float64Array(0);
  let capacity = new ArrayBuffer(0);
  let size = 0;

  function resize(slots: number): void {
    if (!Number.isSafeInteger(slots) || slots < 0)
      throw new RangeError(`${name}: ${slots} slots; give an integer >= 0`);
    if (slots <= size) return;
    const bytes = slots * stride * 8;
    if (bytes > capacity.byteLength) capacity = new ArrayBuffer(Math.max(bytes, capacity.byteLength * 2));
    const grown = new Float64Array(capacity, 0, slots * stride);
    if (data.buffer !== capacity) grown.set(data);
    data = grown;
    size = slots;
    if (size > touched.length * TOUCHED) {
      const marks = new Uint8Array(Math.max(Math.ceil(size / TOUCHED), touched.length * 2));
      marks.set(touched);
      touched = marks;
    }
    onResize();
  }
  function range(from: number, to: number): void {
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || to < from)
      throw new RangeError(`${name}: no block [${from}, ${to})`);
  }

  return {
    name,
    stride,
    get data() {
      return data;
    },
    resize,
    saveBlock(from, to) {
      range(from, to);
      if (to > size) throw new RangeError(`${name}: block [${from}, ${to}) of ${size} slots`);
      return data.slice(from * stride, to * stride);
    },
    loadBlock(from, to, state) {
      range(from, to);
      const need = (to - from) * stride;
      if (state.length !== need)
        throw new RangeError(`${name}: block [${from}, ${to}) takes ${need} doubles, not ${state.length}`);
      resize(to);
      data.set(state, from * stride);
    },
    touch(slot) {
      touched[slot >>> 8] = 1;
    },
    takeChanged(from, to) {
      const marks = touched.subarray(from / TOUCHED, to / TOUCHED);
      const changed = marks.includes(1);
      marks.fill(0);
      return changed;
    },
    sameLength(slots, ...sides) {
      for (const side of sides)
        if (side.length !== slots.length)
          throw new RangeError(`${name}: ${slots.length} slots but ${side.length} values; give columns of one length`);
    },
    refuse(slot) {
      throw new RangeError(`${name}: slot ${slot} of ${size}; call resize first`);
    },
  };
}

/** Rows of which every one that is taught changes: no need to note which. */
export function alwaysChanged({ name, saveBlock, loadBlock }: SlotRows): StatePart {
  return { name, saveBlock, loadBlock, takeChanged: () => true };
}

/** Rows in two parts, saved as one: of each slot the row of `a`, then that of `b`. */
export function joinedRows(
  name: string,
  a: SlotRows,
  b: SlotRows,
): Pick<DetectorBank, "resize" | "saveBlock" | "loadBlock"> {
  const stride = a.stride + b.stride;
  return {
    resize(slots) {
      a.resize(slots);
      b.resize(slots);
    },
    saveBlock(from, to) {
      const [heads, rest] = [a.saveBlock(from, to), b.saveBlock(from, to)];
      const state = new Float64Array(heads.length + rest.length);
      for (let i = 0; i < to - from; i++) {
        state.set(heads.subarray(i * a.stride, (i + 1) * a.stride), i * stride);
        state.set(rest.subarray(i * b.stride, (i + 1) * b.stride), i * stride + a.stride);
      }
      return state;
    },
    loadBlock(from, to, state) {
      const need = (to - from) * stride;
      if (state.length !== need)
        throw new RangeError(`${name}: block [${from}, ${to}) takes ${need} doubles, not ${state.length}`);
      for (let slot = from, at = 0; slot < to; slot++, at += stride) {
        a.loadBlock(slot, slot + 1, state.subarray(at, at + a.stride));
        b.loadBlock(slot, slot + 1, state.subarray(at + a.stride, at + stride));
      }
    },
  };
}
