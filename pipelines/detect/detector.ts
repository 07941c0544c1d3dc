/** Windows to anomalies: every series is scored by a bank of detectors, calibrated, and watched over time. */
import { harmonicMean } from "../../models/combine/harmonic.ts";
import { statisticalBanks } from "../../models/statistical/index.ts";
import { tailBank } from "../../models/statistical/tail.ts";
import type { WindowBatch } from "../core/batches.ts";
import { grown } from "../core/interning.ts";
import type { Anomaly } from "../core/records.ts";
import {
  bytesIn,
  bytesOf,
  float64Of,
  fromChunk,
  type Stateful,
  scoped,
  scopedChunks,
  toChunk,
  uint32Of,
} from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import { floorOf } from "./floors.ts";
import { newAnomaly } from "./new-anomaly.ts";
import { openLevel } from "./open-level.ts";
import { FIRST_ODD, frozen, learnable, thawed } from "./patience.ts";

export type BankName = keyof typeof statisticalBanks;

export interface DetectOptions {
  readonly banks: readonly BankName[];
  /** Evidence, in decimal orders of improbability summed over recent windows, that opens an anomaly and below which it closes. */
  readonly openEvidence: number;
  readonly closeEvidence: number;
  /** Windows after which a persisting change is taught as the new normal. */
  readonly freezeWindows: number;
  readonly floors: Readonly<Record<string, number>>;
  /** Anomalies a week that may open without a fault, all series together: `openEvidence` is then where it starts. */
  readonly anomaliesPerWeek?: number | undefined;
}

/** One window can add at most this much: a single odd value is not an incident. */
export const WINDOW_CAP = 6;
/** Share of the evidence that survives one window. */
export const MEMORY = 0.6;
/** Below this tail probability a value is not taught. */
export const GUARD_P = 1e-4;
/** Nor while odd windows follow one another: a slow ramp would teach itself away. */
export const GUARD_EVIDENCE = 3;
/** Evidence in decimal orders below which a window adds none: a tail probability above 0.1. */
export const LEAST_GAIN = 1;
/** As 1 / p, with room for rounding: rows that stay below need no exact p. */
const USUAL = 9.99;
/** Evidence this small is none: it would fade into numbers that computers are slow with. */
const NO_EVIDENCE = 1e-9;
/** An open anomaly is told again when its evidence has grown by this, or its p has fallen to a hundredth. */
const EMIT_STEP = 1;
/** Slots a chunk of state. */
const BLOCK = 256;
/** Rows worked on at a time: their state stays in the cache from one pass to the next. */
const ROWS = 1024;
/** Values reach the banks divided by their floor, so one unit is the least deviation that matters. */
const IN_FLOOR_UNITS = { absFloor: 1, relFloor: 0.05 };

/** Factors that make a gap, and that change nothing. */
const KEEP = Float64Array.of(Number.NaN, 1);

/** Own state of a slot: floor, evidence, odd windows not given back, start of the first odd window. */
const OWN = 4;

interface OpenAnomaly {
  anomaly: Anomaly;
  emittedP: number;
  emittedEvidence: number;
}

const outside = (value: number, { low, high }: Anomaly["band"]): boolean => value < low || value > high;

/**
 * Scores before it learns; what is unusual it learns only as `patience.ts` says.
 * A window without a value for a series lets its evidence fade: a gap is no proof of anything.
 * Series take slots in the order in which they first have a window, so a counter, which has none, takes no state.
 * Most rows are usual, and that is shown by a bound; tail probabilities are computed for the rest.
 * Memory per series with all four banks: 692 bytes, bounded by the task's table of series.
 */
export function detector(tables: Tables, options: DetectOptions) {
  const banks = options.banks.map((name) => ({ name, bank: statisticalBanks[name](IN_FLOOR_UNITS), tail: tailBank() }));
  const cusum = banks.length > 1 ? banks.findIndex((b) => b.name === "changePoint") : -1;
  /** A series with less evidence is not open, and one more usual window can't make it odd. */
  const calm = Math.min(options.openEvidence, options.closeEvidence, (GUARD_EVIDENCE - LEAST_GAIN) / MEMORY);
  const adaptive = options.anomaliesPerWeek
    ? openLevel({ start: options.openEvidence, perWeek: options.anomaliesPerWeek })
    : undefined;
  const open = new Map<number, OpenAnomaly>();
  const changed = new Set<number>();

  /** Slot + 1 of each series, 0 for none; and back. */
  let slotOf = new Int32Array(1024);
  let idOf = new Uint32Array(0);
  let used = 0;
  let own = new Float64Array(0);
  let dirty = new Uint8Array(0);
  let newSlots = new Uint8Array(0);

  const columnOf = () => new Float64Array(ROWS);
  const all = {
    slots: new Uint32Array(ROWS),
    values: columnOf(),
    raw: banks.map(columnOf),
    asked: columnOf(),
    far: new Int32Array(ROWS),
    inverse: columnOf(),
  };
  /** Rows of the chunk that may be odd, and the columns of these alone. */
  const odd = {
    at: new Uint32Array(ROWS),
    slots: new Uint32Array(ROWS),
    raw: columnOf(),
    ps: banks.map(columnOf),
    p: columnOf(),
    /** Decimal orders of improbability. */
    gain: columnOf(),
  };

  const room = (need: number) => {
    if (need <= idOf.length) return;
    const slots = Math.ceil(Math.max(need, idOf.length * 2) / BLOCK) * BLOCK;
    own = grown(own, slots * OWN);
    idOf = grown(idOf, slots);
    dirty = grown(dirty, slots / BLOCK);
    newSlots = grown(newSlots, slots / BLOCK);
    for (const { bank, tail } of banks) {
      bank.resize(idOf.length);
      tail.resize(idOf.length);
    }
  };
  const place = (slot: number, id: number) => {
    slotOf = grown(slotOf, id + 1);
    slotOf[id] = slot + 1;
    idOf[slot] = id;
  };
  const setFloor = (slot: number) => {
    own[slot * OWN] = floorOf(tables.seriesAt(idOf[slot]!)!, options.floors);
  };
  const newSlot = (id: number): number => {
    room(used + 1);
    place(used, id);
    setFloor(used);
    newSlots[Math.floor(used / BLOCK)] = 1;
    return used++;
  };

  /** `j`: row among the odd ones. */
  const record = (slot: number, w: WindowBatch, value: number, pNow: number, j: number, evidence: number): Anomaly => {
    const floor = own[slot * OWN]!;
    const level = banks.find((b) => b.bank.expected(slot) !== undefined)?.bank.expected(slot) ?? {
      expected: value / floor,
      scale: 1,
    };
    const shares = banks.map((_, b) => -Math.log10(Math.max(odd.ps[b]![j]!, 1e-30)) || 0);
    const total = shares.reduce((a, b) => a + b, 0) || 1;
    return newAnomaly(tables, {
      seriesId: idOf[slot]!,
      startMs: own[slot * OWN + 3] || w.startMs,
      detectedMs: w.endMs,
      p: pNow,
      evidence,
      value,
      expected: level.expected * floor,
      width: 3 * level.scale * floor,
      detectors: Object.fromEntries(
        banks.map((b, i) => [b.name, Math.round((100 * (shares[i] as number)) / total) / 100]),
      ),
    });
  };

  /** Fills `all` from rows [from, from + n) of the window. */
  const gather = (w: WindowBatch, from: number, n: number) => {
    const { slots, values } = all;
    const { seriesIds, value } = w;
    let known = slotOf;
    let state = own;
    for (let k = 0; k < n; k++) {
      const id = seriesIds[from + k]!;
      let slot = (known[id] ?? 0) - 1;
      if (slot < 0) {
        slot = newSlot(id);
        known = slotOf;
        state = own;
      }
      slots[k] = slot;
      dirty[slot >>> 8] = 1; // BLOCK is 2 ** 8
      values[k] = value[from + k]! / state[slot * 4]!;
    }
  };

  /** A CUSUM remembers: once all others find the value usual again, the change is over, and it is not asked. */
  const ask = (n: number) => {
    const { asked, raw, far } = all;
    const remembered = raw[cusum]!;
    far.fill(0, 0, n);
    for (let b = 0; b < banks.length; b++) {
      if (b === cusum) continue;
      const column = raw[b]!;
      for (let k = 0; k < n; k++) far[k] = far[k]! | column[k]!; // whole deviations; NaN has none
    }
    // Chance decides, so a table and not a branch.
    const keep = KEEP;
    for (let k = 0; k < n; k++) asked[k] = remembered[k]! * keep[-far[k]! >>> 31]!;
  };

  /** Settles the rows that are surely usual; the number of the others, which `odd.at` then lists. */
  const settleUsual = (n: number): number => {
    const { slots, inverse } = all;
    const { at: rows } = odd;
    const state = own;
    const least = +calm;
    const memory = +MEMORY;
    const none = +NO_EVIDENCE;
    let m = 0;
    for (let k = 0; k < n; k++) {
      const at = slots[k]! * 4;
      const evidence = state[at + 1]!;
      if (!(inverse[k]! <= 0 && evidence < least)) {
        rows[m++] = k;
        continue;
      }
      const left = evidence * memory;
      state[at + 1] = left < none ? 0 : left;
      state[at + 2] = thawed(state[at + 2]!);
      if (left < 1) state[at + 3] = 0;
    }
    return m;
  };

  /** Exact tail probabilities and evidence of the `m` rows in `odd.at`; what may not be taught becomes a gap. */
  const weighOdd = (w: WindowBatch, m: number) => {
    for (let j = 0; j < m; j++) odd.slots[j] = all.slots[odd.at[j]!]!;
    const slots = odd.slots.subarray(0, m);
    const ps: Float64Array[] = [];
    for (let b = 0; b < banks.length; b++) {
      const from = b === cusum ? all.asked : all.raw[b]!;
      const raw = odd.raw.subarray(0, m);
      for (let j = 0; j < m; j++) raw[j] = from[odd.at[j]!]!;
      ps.push(odd.ps[b]!.subarray(0, m));
      banks[b]!.tail.score(slots, raw, ps[b]!);
    }
    const { p, gain } = odd;
    harmonicMean(ps, p.subarray(0, m));
    const state = own;
    for (let j = 0; j < m; j++) {
      const found = p[j]!;
      const chance = found < 1 ? (found > 1e-30 ? found : 1e-30) : 1; // NaN: nobody has an opinion
      p[j] = chance;
      const orders = Math.log(chance) * -Math.LOG10E;
      gain[j] = orders;
      const slot = slots[j]!;
      // What is odd stays out, unless it has stayed odd for so long that it is the new normal.
      const isOdd =
        chance < GUARD_P ||
        state[slot * 4 + 1]! * MEMORY + orders >= GUARD_EVIDENCE ||
        (open.size > 0 && open.has(idOf[slot]!));
      if (!isOdd) {
        state[slot * 4 + 2] = thawed(state[slot * 4 + 2]!);
        continue;
      }
      const count = frozen(state[slot * 4 + 2]!, options.freezeWindows);
      state[slot * 4 + 2] = count;
      if (learnable(count, options.freezeWindows, state[slot * 4 + 3]!, orders, w)) continue;
      const k = odd.at[j]!;
      all.values[k] = Number.NaN;
      for (let b = 0; b < banks.length; b++) all.raw[b]![k] = Number.NaN;
    }
  };

  /** Adds the evidence of the `m` odd rows; opens and strengthens. */
  const judge = (w: WindowBatch, from: number, m: number, heard: Set<number>, out: Anomaly[]) => {
    const state = own;
    const { gain } = odd;
    const memory = +MEMORY;
    const most = +WINDOW_CAP;
    const enough = adaptive ? adaptive.level : +options.openEvidence;
    for (let j = 0; j < m; j++) {
      const slot = odd.slots[j]!;
      const id = idOf[slot]!;
      const known = open.size > 0 ? open.get(id) : undefined;
      const value = w.value[from + odd.at[j]!]!;
      // What was opened by values outside the band is not held open by values within it, rare as they may seem: the
      // tail has learned nothing since. A shift that never left the band is held by what found it.
      const back =
        known !== undefined && outside(known.anomaly.value, known.anomaly.band) && !outside(value, known.anomaly.band);
      const orders = back ? 0 : gain[j]!;
      const before = state[slot * 4 + 1]!;
      const evidence = before * memory + (orders > LEAST_GAIN ? (orders < most ? orders : most) : 0);
      state[slot * 4 + 1] = evidence;
      if (adaptive && evidence > before) adaptive.rise(before, evidence);
      if (orders > FIRST_ODD && state[slot * 4 + 3] === 0) state[slot * 4 + 3] = w.startMs;
      if (!known && evidence < enough) {
        if (evidence < 1) state[slot * 4 + 3] = 0;
        continue;
      }
      const pNow = odd.p[j]!;
      heard.add(id);
      if (!known) {
        const anomaly = record(slot, w, value, pNow, j, evidence);
        open.set(id, { anomaly, emittedP: pNow, emittedEvidence: evidence });
        changed.add(id);
        adaptive?.open();
        out.push(anomaly);
        continue;
      }
      const was = known.anomaly;
      if (!(pNow < was.p || evidence > (was.evidence ?? 0))) continue;
      const peak = Math.max(evidence, was.evidence ?? 0);
      const { id: anomalyId, startMs, detectedMs } = was;
      known.anomaly =
        pNow < was.p
          ? { ...record(slot, w, value, pNow, j, peak), id: anomalyId, startMs, detectedMs }
          : { ...was, evidence: peak };
      changed.add(id);
      if (known.anomaly.p >= known.emittedP / 100 && peak < known.emittedEvidence + EMIT_STEP) continue;
      known.emittedP = known.anomaly.p;
      known.emittedEvidence = peak;
      out.push(known.anomaly);
    }
  };

  return {
    /** Opened, strengthened and closed anomalies of one window, by series id. */
    process(w: WindowBatch): Anomaly[] {
      const out: Anomaly[] = [];
      const heard = new Set<number>();
      for (let from = 0; from < w.length; from += ROWS) {
        const n = Math.min(ROWS, w.length - from);
        gather(w, from, n);
        const part = <T extends Float64Array | Uint32Array>(a: T): T => (n === ROWS ? a : (a.subarray(0, n) as T));
        const slots = part(all.slots);
        const values = part(all.values);
        const raw = all.raw.map(part);
        const inverse = part(all.inverse);
        for (let b = 0; b < banks.length; b++) banks[b]!.bank.score(slots, values, raw[b]!);
        if (cusum >= 0) ask(n);
        inverse.fill(0);
        for (let b = 0; b < banks.length; b++)
          banks[b]!.tail.addInverse(slots, b === cusum ? part(all.asked) : raw[b]!, USUAL, inverse);
        const m = settleUsual(n);
        if (m > 0) weighOdd(w, m);
        for (let b = 0; b < banks.length; b++) {
          banks[b]!.tail.learn(slots, raw[b]!);
          banks[b]!.bank.learn(slots, values);
        }
        if (m > 0) judge(w, from, m, heard, out);
      }
      adaptive?.pass(w.endMs - w.startMs);
      if (open.size === 0) return out;
      for (const [id, o] of [...open].sort(([a], [b]) => a - b)) {
        const slot = slotOf[id]! - 1;
        if (!heard.has(id)) {
          own[slot * OWN + 1] = own[slot * OWN + 1]! * MEMORY;
          dirty[Math.floor(slot / BLOCK)] = 1;
        }
        if (own[slot * OWN + 1]! >= options.closeEvidence) continue;
        open.delete(id);
        changed.add(id);
        own[slot * OWN + 3] = 0;
        out.push({ ...o.anomaly, endMs: w.endMs });
      }
      return out;
    },
    /** Evidence that opens an anomaly now. */
    get openLevel(): number {
      return adaptive?.level ?? options.openEvidence;
    },
    /** Anomalies open now. */
    get open(): Anomaly[] {
      return [...open.values()].map((o) => o.anomaly);
    },
    snapshot(put, full = false) {
      for (let block = 0; block * BLOCK < used; block++) {
        const from = block * BLOCK;
        const to = from + BLOCK;
        if (newSlots[block] || full) put(`ids/${block}`, bytesOf(idOf.subarray(from, Math.min(to, used))));
        if (!dirty[block] && !full) continue;
        for (const { name, bank, tail } of banks) {
          for (const part of bank.parts)
            if (part.takeChanged(from, to) || full)
              put(`${name}.${part.name}/${block}`, bytesIn(part.saveBlock(from, to)));
          put(`${name}.tail/${block}`, bytesIn(tail.saveBlock(from, to)));
        }
        put(`own/${block}`, bytesOf(own.subarray(from * OWN, to * OWN)));
      }
      dirty.fill(0);
      newSlots.fill(0);
      adaptive?.snapshot(scoped(put, "adaptive"));
      for (const id of changed) put(`open/${id}`, open.has(id) ? toChunk(open.get(id)) : undefined);
      if (full) for (const [id, o] of open) put(`open/${id}`, toChunk(o));
      changed.clear();
    },
    restore(chunks) {
      adaptive?.restore(scopedChunks(chunks, "adaptive"));
      for (const [key, bytes] of chunks) {
        const [part, n] = key.split("/") as [string, string];
        if (part === "adaptive") continue;
        if (part === "open") {
          open.set(Number(n), fromChunk<OpenAnomaly>(bytes));
          continue;
        }
        const from = Number(n) * BLOCK;
        const to = from + BLOCK;
        room(to);
        if (part === "ids") {
          const ids = uint32Of(bytes);
          used = Math.max(used, from + ids.length);
          for (let i = 0; i < ids.length; i++) place(from + i, ids[i]!);
          continue;
        }
        const state = float64Of(bytes);
        if (part === "own") own.set(state, from * OWN);
        const [name, piece] = part.split(".") as [string, string];
        const bank = banks.find((b) => b.name === name);
        if (piece === "tail") bank?.tail.loadBlock(from, to, state);
        else bank?.bank.parts.find((p) => p.name === piece)?.loadBlock(from, to, state);
      }
      for (let slot = 0; slot < used; slot++) setFloor(slot);
    },
  } satisfies Stateful & Record<string, unknown>;
}
