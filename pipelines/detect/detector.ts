/** Windows to anomalies: every series is scored by a bank of detectors, calibrated, and watched over time. */
import { createHash } from "node:crypto";
import { harmonicMean } from "../../models/combine/harmonic.ts";
import { statisticalBanks } from "../../models/statistical/index.ts";
import { tailBank } from "../../models/statistical/tail.ts";
import { familyOf } from "../core/metric-family.ts";
import type { Anomaly, WindowBatch } from "../core/records.ts";
import { bytesOf, float64Of, fromChunk, type Stateful, toChunk } from "../core/stage.ts";
import { seriesName, type Tables } from "../core/tables.ts";
import { floorOf } from "./floors.ts";
import { reason } from "./reason.ts";

export type BankName = keyof typeof statisticalBanks;

export interface DetectOptions {
  readonly banks: readonly BankName[];
  /** Evidence, in decimal orders of improbability summed over recent windows, that opens an anomaly and below which it closes. */
  readonly openEvidence: number;
  readonly closeEvidence: number;
  /** Windows after which a persisting change is taught as the new normal. */
  readonly freezeWindows: number;
  readonly floors: Readonly<Record<string, number>>;
}

/** One window can add at most this much: a single odd value is not an incident. */
const WINDOW_CAP = 6;
/** Share of the evidence that survives one window. */
const MEMORY = 0.6;
/** Below this tail probability a value is not taught. */
const GUARD_P = 1e-4;
/** Nor while odd windows follow one another: a slow ramp would teach itself away. */
const GUARD_EVIDENCE = 3;
const BLOCK = 256;
/** Values reach the banks divided by their floor, so one unit is the least deviation that matters. */
const IN_FLOOR_UNITS = { absFloor: 1, relFloor: 0.05 };

interface OpenAnomaly {
  anomaly: Anomaly;
  emittedP: number;
}

/**
 * Scores before it learns; learns nothing from what is unusual until it has lasted `freezeWindows`.
 * A window without a value for a series lets its evidence fade: a gap is no proof of anything.
 * Memory per series: the banks' state (about 1 kB), bounded by the task's table of series.
 */
export function detector(tables: Tables, options: DetectOptions) {
  const banks = options.banks.map((name) => ({ name, bank: statisticalBanks[name](IN_FLOOR_UNITS), tail: tailBank() }));
  const cusum = banks.findIndex((b) => b.name === "changePoint");
  const open = new Map<number, OpenAnomaly>();
  const dirty = new Set<number>();
  let slots = 0;
  let floors = new Float64Array(0);
  let evidence = new Float64Array(0);
  let frozen = new Float64Array(0);
  let firstOdd = new Float64Array(0);
  let scaled = new Float64Array(0);
  let raw: Float64Array[] = [];
  let ps: Float64Array[] = [];
  let p = new Float64Array(0);
  const openIds = new Set<number>();

  const room = (need: number) => {
    if (need <= slots) return;
    const before = slots;
    slots = Math.ceil(Math.max(need, slots * 1.5) / BLOCK) * BLOCK;
    const g = (a: Float64Array<ArrayBuffer>) => {
      const b = new Float64Array(slots);
      b.set(a);
      return b;
    };
    [floors, evidence, frozen, firstOdd] = [g(floors), g(evidence), g(frozen), g(firstOdd)];
    for (const { bank, tail } of banks) {
      bank.resize(slots);
      tail.resize(slots);
    }
    for (let i = before; i < slots; i++) floors[i] = 0;
    raw = banks.map(() => new Float64Array(slots));
    ps = banks.map(() => new Float64Array(slots));
    p = new Float64Array(slots);
    scaled = new Float64Array(slots);
  };

  const record = (id: number, w: WindowBatch, value: number, pNow: number, k: number): Anomaly => {
    const series = tables.seriesAt(id)!;
    const entity = tables.entityOf(id);
    const name = seriesName(series);
    const floor = floors[id] as number;
    const level = banks.find((b) => b.bank.expected(id) !== undefined)?.bank.expected(id) ?? {
      expected: value / floor,
      scale: 1,
    };
    const expected = level.expected * floor;
    const width = 3 * level.scale * floor;
    const direction = value >= expected ? "up" : "down";
    const startMs = firstOdd[id] || w.startMs;
    const shares = banks.map((_, b) => -Math.log10(Math.max(ps[b]?.[k] ?? 1, 1e-30)) || 0);
    const total = shares.reduce((a, b) => a + b, 0) || 1;
    return {
      id: `A-${createHash("sha256").update(`${entity.kind}:${entity.name}|${name}|${startMs}`).digest("hex").slice(0, 12)}`,
      entity: entity.name,
      entityKind: entity.kind,
      series: name,
      unit: series.unit,
      family: familyOf(series.metric),
      direction,
      startMs,
      detectedMs: w.endMs,
      endMs: null,
      p: pNow,
      value,
      band: { expected, low: expected - width, high: expected + width },
      detectors: Object.fromEntries(
        banks.map((b, i) => [b.name, Math.round((100 * (shares[i] as number)) / total) / 100]),
      ),
      why: reason(series.unit, value, expected, series.metric),
    };
  };

  return {
    /** Opened, strengthened and closed anomalies of one window, by series id. */
    process(w: WindowBatch): Anomaly[] {
      const n = w.length;
      const out: Anomaly[] = [];
      if (n > 0) room((w.seriesIds[n - 1] as number) + 1);
      const ids = w.seriesIds;
      const seen = new Set<number>();
      for (let k = 0; k < n; k++) {
        const id = ids[k] as number;
        if (floors[id] === 0) floors[id] = floorOf(tables.seriesAt(id)!, options.floors);
        scaled[k] = (w.value[k] as number) / (floors[id] as number);
      }
      const values = scaled.subarray(0, n);
      for (const [b, { bank, tail }] of banks.entries()) {
        const r = raw[b]!.subarray(0, n);
        bank.score(ids, values, r);
        tail.score(ids, r, ps[b]!.subarray(0, n));
      }
      if (cusum >= 0 && banks.length > 1) {
        // A CUSUM remembers: once all others find the value usual again, the change is over.
        for (let k = 0; k < n; k++) {
          let farthest = 0;
          for (let b = 0; b < banks.length; b++) if (b !== cusum) farthest = Math.max(farthest, raw[b]![k] || 0);
          if (farthest < 1) ps[cusum]![k] = Number.NaN;
        }
      }
      const combined = p.subarray(0, n);
      harmonicMean(
        ps.map((column) => column.subarray(0, n)),
        combined,
      );
      for (let k = 0; k < n; k++) {
        const pNow = combined[k] as number;
        combined[k] = Number.isNaN(pNow) ? 1 : Math.min(1, Math.max(pNow, 1e-30));
      }
      // Learning: what is odd stays out, unless it has stayed odd for so long that it is the new normal.
      const learnIds = new Uint32Array(n);
      const learnValues = new Float64Array(n);
      const learnAt = new Uint32Array(n);
      let m = 0;
      for (let k = 0; k < n; k++) {
        const id = ids[k] as number;
        seen.add(id);
        dirty.add(Math.floor(id / BLOCK));
        const odd =
          (p[k] as number) < GUARD_P ||
          open.has(id) ||
          (evidence[id] as number) * MEMORY - Math.log10(p[k] as number) >= GUARD_EVIDENCE;
        frozen[id] = odd ? (frozen[id] as number) + 1 : 0;
        if (odd && (frozen[id] as number) <= options.freezeWindows) continue;
        learnIds[m] = id;
        learnValues[m] = values[k] as number;
        learnAt[m++] = k;
      }
      for (const [b, { bank, tail }] of banks.entries()) {
        const r = Float64Array.from({ length: m }, (_, j) => raw[b]![learnAt[j] as number] as number);
        tail.learn(learnIds.subarray(0, m), r);
        bank.learn(learnIds.subarray(0, m), learnValues.subarray(0, m));
      }
      for (let k = 0; k < n; k++) {
        const id = ids[k] as number;
        const pNow = p[k] as number;
        const gain = Math.min(WINDOW_CAP, -Math.log10(pNow));
        const before = evidence[id] as number;
        evidence[id] = before * MEMORY + (gain > 1 ? gain : 0);
        if (gain > 2 && firstOdd[id] === 0) firstOdd[id] = w.startMs;
        const known = open.get(id);
        const e = evidence[id] as number;
        if (!known && e >= options.openEvidence) {
          const anomaly = record(id, w, w.value[k] as number, pNow, k);
          open.set(id, { anomaly, emittedP: pNow });
          openIds.add(id);
          out.push(anomaly);
        } else if (known && pNow < known.anomaly.p) {
          const { id: anomalyId, startMs, detectedMs } = known.anomaly;
          known.anomaly = { ...record(id, w, w.value[k] as number, pNow, k), id: anomalyId, startMs, detectedMs };
          openIds.add(id);
          if (pNow < known.emittedP / 100) {
            known.emittedP = pNow;
            out.push(known.anomaly);
          }
        }
        if (e < 1) firstOdd[id] = known ? firstOdd[id]! : 0;
      }
      for (const [id, o] of [...open].sort(([a], [b]) => a - b)) {
        if (!seen.has(id)) {
          evidence[id] = (evidence[id] as number) * MEMORY;
          dirty.add(Math.floor(id / BLOCK));
        }
        if ((evidence[id] as number) >= options.closeEvidence) continue;
        open.delete(id);
        openIds.add(id);
        firstOdd[id] = 0;
        out.push({ ...o.anomaly, endMs: w.endMs });
      }
      return out;
    },
    /** Anomalies open now. */
    get open(): Anomaly[] {
      return [...open.values()].map((o) => o.anomaly);
    },
    snapshot(put, full = false) {
      if (full) for (let b = 0; b * BLOCK < slots; b++) dirty.add(b);
      for (const block of dirty) {
        const from = block * BLOCK;
        const to = from + BLOCK;
        for (const { name, bank, tail } of banks) {
          put(`${name}/${block}`, bytesOf(bank.saveBlock(from, to)));
          put(`${name}.tail/${block}`, bytesOf(tail.saveBlock(from, to)));
        }
        const own = new Float64Array(3 * BLOCK);
        own.set(evidence.subarray(from, to), 0);
        own.set(frozen.subarray(from, to), BLOCK);
        own.set(firstOdd.subarray(from, to), 2 * BLOCK);
        put(`evidence/${block}`, bytesOf(own));
      }
      dirty.clear();
      for (const id of openIds) put(`open/${id}`, open.has(id) ? toChunk(open.get(id)) : undefined);
      if (full) for (const [id, o] of open) put(`open/${id}`, toChunk(o));
      openIds.clear();
    },
    restore(chunks) {
      for (const [key, bytes] of chunks) {
        const [part, n] = key.split("/") as [string, string];
        if (part === "open") {
          open.set(Number(n), fromChunk<OpenAnomaly>(bytes));
          continue;
        }
        const from = Number(n) * BLOCK;
        const to = from + BLOCK;
        room(to);
        const state = float64Of(bytes);
        if (part === "evidence") {
          evidence.set(state.subarray(0, BLOCK), from);
          frozen.set(state.subarray(BLOCK, 2 * BLOCK), from);
          firstOdd.set(state.subarray(2 * BLOCK), from);
          continue;
        }
        const bank = banks.find((b) => part === b.name || part === `${b.name}.tail`);
        if (part.endsWith(".tail")) bank?.tail.loadBlock(from, to, state);
        else bank?.bank.loadBlock(from, to, state);
      }
    },
  } satisfies Stateful & Record<string, unknown>;
}
