/** Places for the state of series: given in the order in which they first have a window, so one that has none takes none. */
import { grown } from "../core/interning.ts";
import { bytesOf, float64Of, type PutChunk, uint32Of } from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import { floorOf } from "./floors.ts";

/** Slots a chunk of state. */
export const BLOCK = 256;
/** Doubles of a slot: floor, evidence, odd windows not given back, start of the first odd window (0: none). */
export const FLOOR = 0;
export const EVIDENCE = 1;
export const ODD_WINDOWS = 2;
export const SINCE = 3;
export const OWN = 4;

/** `resize`: what else has state by slot grows to so many. */
export function seriesSlots(tables: Tables, floors: Readonly<Record<string, number>>, resize: (slots: number) => void) {
  /** Slot + 1 of each series, 0 for none; and back. */
  let slotOf = new Int32Array(1024);
  let idOf = new Uint32Array(0);
  let used = 0;
  let own = new Float64Array(0);
  let dirty = new Uint8Array(0);
  let fresh = new Uint8Array(0);

  const room = (need: number) => {
    if (need <= idOf.length) return;
    const slots = Math.ceil(Math.max(need, idOf.length * 2) / BLOCK) * BLOCK;
    own = grown(own, slots * OWN);
    idOf = grown(idOf, slots);
    dirty = grown(dirty, slots / BLOCK);
    fresh = grown(fresh, slots / BLOCK);
    resize(idOf.length);
  };
  const place = (slot: number, id: number) => {
    slotOf = grown(slotOf, id + 1);
    slotOf[id] = slot + 1;
    idOf[slot] = id;
  };
  const setFloor = (slot: number) => {
    own[slot * OWN + FLOOR] = floorOf(tables.seriesAt(idOf[slot]!)!, floors);
  };

  return {
    /** Slot + 1 of each series, 0 for none. Replaced by `add`, like all arrays here: do not keep across calls. */
    get slotOf() {
      return slotOf;
    },
    get idOf() {
      return idOf;
    },
    /** `OWN` doubles a slot. */
    get own() {
      return own;
    },
    /** By block: whether state of its slots has changed since the last snapshot. */
    get dirty() {
      return dirty;
    },
    add(id: number): number {
      room(used + 1);
      place(used, id);
      setFloor(used);
      fresh[Math.floor(used / BLOCK)] = 1;
      return used++;
    },
    /** `each`: of the slots [from, to) of a block that has changed, before its marks are gone. */
    snapshot(put: PutChunk, full: boolean, each: (block: number, from: number, to: number) => void): void {
      for (let block = 0; block * BLOCK < used; block++) {
        const from = block * BLOCK;
        const to = from + BLOCK;
        if (fresh[block] || full) put(`ids/${block}`, bytesOf(idOf.subarray(from, Math.min(to, used))));
        if (!dirty[block] && !full) continue;
        each(block, from, to);
        put(`own/${block}`, bytesOf(own.subarray(from * OWN, to * OWN)));
      }
      dirty.fill(0);
      fresh.fill(0);
    },
    /** One chunk of a snapshot, which need not be its own; gives the slots [from, to) that it is of. */
    restore(part: string, block: number, bytes: Uint8Array): [from: number, to: number] {
      const from = block * BLOCK;
      room(from + BLOCK);
      if (part === "ids") {
        const ids = uint32Of(bytes);
        used = Math.max(used, from + ids.length);
        ids.forEach((id, i) => {
          place(from + i, id);
        });
      } else if (part === "own") own.set(float64Of(bytes), from * OWN);
      return [from, from + BLOCK];
    },
    /** When all chunks are back: floors follow the configuration of today. */
    restored(): void {
      for (let slot = 0; slot < used; slot++) setFloor(slot);
    },
  };
}
