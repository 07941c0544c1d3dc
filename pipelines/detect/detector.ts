/** Windows to anomalies: every series is scored by a bank of detectors, calibrated, and watched over time. */
import { harmonicMean } from "../../models/combine/harmonic.ts";
import { statisticalBanks } from "../../models/statistical/index.ts";
import { tailBank } from "../../models/statistical/tail.ts";
import type { WindowBatch } from "../core/batches.ts";
import type { Anomaly } from "../core/records.ts";
import { bytesIn, float64Of, fromChunk, type Stateful, scoped, scopedChunks, toChunk } from "../core/stage.ts";
import type { Tables } from "../core/tables.ts";
import { newAnomaly } from "./new-anomaly.ts";
import { openLevel } from "./open-level.ts";
import { FIRST_ODD, frozen, learnable, thawed } from "./patience.ts";
import { BLOCK, EVIDENCE, FLOOR, OWN, SINCE, seriesSlots } from "./slots.ts";

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
/** The same as a tail probability; and the usual deviations within which a season may excuse a value. */
const SAID = 10 ** -LEAST_GAIN;
const IN_SEASON = 3;
/** As 1 / p, with room for rounding: rows that stay below need no exact p. */
const USUAL = 9.99;
/** Evidence this small is none: it would fade into numbers that computers are slow with. */
const NO_EVIDENCE = 1e-9;
/** An open anomaly is told again when its evidence has grown by this, or its p has fallen to a hundredth. */
const EMIT_STEP = 1;
/** Rows worked on at a time: their state stays in the cache from one pass to the next. */
const ROWS = 1024;
/** Values reach the banks divided by their floor, so one unit is the least deviation that matters. */
const IN_FLOOR_UNITS = { absFloor: 1, relFloor: 0.05 };

/** Factors that make a gap, and that change nothing. */
const KEEP = Float64Array.of(Number.NaN, 1);

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
  /** The one that follows a season, if any. */
  const seasonal = banks.findIndex(({ bank }) => bank.offSeason !== undefined);
  const offSeason = banks.length > 1 ? banks[seasonal]?.bank.offSeason : undefined;
  /** A series with less evidence is not open, and one more usual window can't make it odd. */
  const calm = Math.min(options.openEvidence, options.closeEvidence, (GUARD_EVIDENCE - LEAST_GAIN) / MEMORY);
  const adaptive = options.anomaliesPerWeek
    ? openLevel({ start: options.openEvidence, perWeek: options.anomaliesPerWeek })
    : undefined;
  const open = new Map<number, OpenAnomaly>();
  const changed = new Set<number>();

  const series = seriesSlots(tables, options.floors, (slots) => {
    for (const { bank, tail } of banks) {
      bank.resize(slots);
      tail.resize(slots);
    }
  });

  const columnOf = () => new Float64Array(ROWS);
  const all = {
    slots: new Uint32Array(ROWS),
    values: columnOf(),
    /** As they came, before what is odd became a gap. */
    came: columnOf(),
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

  /** `j`: row among the odd ones. */
  const record = (slot: number, w: WindowBatch, value: number, pNow: number, j: number, evidence: number): Anomaly => {
    const floor = series.own[slot * OWN + FLOOR]!;
    const shares = banks.map((_, b) => -Math.log10(Math.max(odd.ps[b]![j]!, 1e-30)) || 0);
    const total = shares.reduce((a, b) => a + b, 0) || 1;
    // What is odd for its hour alone is told by that; else the first bank speaks.
    const bySeason = seasonal >= 0 && shares[seasonal]! > 0 && shares[seasonal] === Math.max(...shares);
    const said = (bySeason ? [banks[seasonal]!] : banks).map(({ bank }) => bank.expected(slot, w.startMs));
    const level = said.find((e) => e !== undefined) ?? { expected: value / floor, scale: 1 };
    const stepMs = w.endMs - w.startMs;
    return newAnomaly(tables, {
      seriesId: series.idOf[slot]!,
      startMs: series.own[slot * OWN + SINCE] || w.startMs,
      detectedMs: w.endMs,
      p: pNow,
      evidence,
      value,
      expected: level.expected * floor,
      width: 3 * level.scale * floor,
      detectors: Object.fromEntries(
        banks.map((b, i) => [b.name, Math.round((100 * (shares[i] as number)) / total) / 100]),
      ),
      when: { timeMs: w.startMs, period: (level.periodMs ?? 0) / stepMs, stepMs },
    });
  };

  /** Fills `all` from rows [from, from + n) of the window. */
  const gather = (w: WindowBatch, from: number, n: number) => {
    const { slots, values } = all;
    const { seriesIds, value } = w;
    let { slotOf: known, own: state, dirty } = series;
    for (let k = 0; k < n; k++) {
      const id = seriesIds[from + k]!;
      let slot = (known[id] ?? 0) - 1;
      if (slot < 0) {
        slot = series.add(id);
        ({ slotOf: known, own: state, dirty } = series);
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
    const state = series.own;
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

  const lone = { slot: new Uint32Array(1), off: new Float64Array(1), p: new Float64Array(1) };
  /**
   * Where a season lets expect about such a value, it alone says how odd the value is; that the others found it odd is
   * taught to none of their tails. Gives the tail probability, which is no less than `chance`.
   */
  const inSeason = (j: number, chance: number, startMs: number): number => {
    const k = odd.at[j]!;
    const off = offSeason!(odd.slots[j]!, all.values[k]!, startMs);
    if (!(off < IN_SEASON)) return chance;
    lone.slot[0] = odd.slots[j]!;
    lone.off[0] = off;
    banks[seasonal]!.tail.score(lone.slot, lone.off, lone.p);
    for (let b = 0; b < banks.length; b++) {
      if (b !== seasonal) all.raw[b]![k] = Number.NaN;
      odd.ps[b]![j] = b === seasonal ? lone.p[0]! : 1;
    }
    return Math.max(chance, lone.p[0]!);
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
    const { own: state, idOf } = series;
    for (let j = 0; j < m; j++) {
      const found = p[j]!;
      let chance = found < 1 ? (found > 1e-30 ? found : 1e-30) : 1; // NaN: nobody has an opinion
      if (offSeason && chance < SAID) chance = inSeason(j, chance, w.startMs);
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
    const { own: state, idOf } = series;
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
        for (let b = 0; b < banks.length; b++) banks[b]!.bank.score(slots, values, raw[b]!, w.startMs);
        if (cusum >= 0) ask(n);
        inverse.fill(0);
        for (let b = 0; b < banks.length; b++)
          banks[b]!.tail.addInverse(slots, b === cusum ? part(all.asked) : raw[b]!, USUAL, inverse);
        if (seasonal >= 0) all.came.set(values);
        const m = settleUsual(n);
        if (m > 0) weighOdd(w, m);
        for (let b = 0; b < banks.length; b++) {
          banks[b]!.tail.learn(slots, raw[b]!);
          // An hour is one lesson of many, so a season may learn what is odd: else a day's work never becomes usual.
          banks[b]!.bank.learn(slots, b === seasonal ? part(all.came) : values, w.startMs);
        }
        if (m > 0) judge(w, from, m, heard, out);
      }
      adaptive?.pass(w.endMs - w.startMs);
      if (open.size === 0) return out;
      const { slotOf, own, dirty } = series;
      for (const [id, o] of [...open].sort(([a], [b]) => a - b)) {
        const slot = slotOf[id]! - 1;
        const at = slot * OWN;
        if (!heard.has(id)) {
          own[at + EVIDENCE] = own[at + EVIDENCE]! * MEMORY;
          dirty[Math.floor(slot / BLOCK)] = 1;
        }
        if (own[at + EVIDENCE]! >= options.closeEvidence) continue;
        open.delete(id);
        changed.add(id);
        own[at + SINCE] = 0;
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
      series.snapshot(put, full, (block, from, to) => {
        for (const { name, bank, tail } of banks) {
          for (const part of bank.parts)
            if (part.takeChanged(from, to) || full)
              put(`${name}.${part.name}/${block}`, bytesIn(part.saveBlock(from, to)));
          put(`${name}.tail/${block}`, bytesIn(tail.saveBlock(from, to)));
        }
      });
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
        const [from, to] = series.restore(part, Number(n), bytes);
        const [name, piece] = part.split(".") as [string, string];
        const own = banks.find((b) => b.name === name);
        if (!own) continue;
        if (piece === "tail") own.tail.loadBlock(from, to, float64Of(bytes));
        else own.bank.parts.find((p) => p.name === piece)?.loadBlock(from, to, float64Of(bytes));
      }
      series.restored();
    },
  } satisfies Stateful & Record<string, unknown>;
}
