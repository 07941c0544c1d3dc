/** A shop of five services as data: gateway calls orders, orders calls inventory, payment and store. */

import type { WindowBatch } from "../../pipelines/core/batches.ts";
import { familyOf } from "../../pipelines/core/metric-family.ts";
import type { Anomaly, CallEdge, ChangeEvent, LogDigest } from "../../pipelines/core/records.ts";
import { seriesName, Tables } from "../../pipelines/core/tables.ts";

export type Fault = "none" | "cpu" | "busy" | "memory" | "latency" | "errors" | "disk" | "crash" | "hang";
export interface Window {
  batch: WindowBatch;
  logs: LogDigest[];
  edges: CallEdge[];
  changes: ChangeEvent[];
}
export const STEP = 2000;
export const T0 = 1_700_000_000_000;
const CALLS: Record<string, string[]> = {
  gateway: ["orders"],
  orders: ["inventory", "payment", "store"],
  inventory: [],
  payment: [],
  store: [],
};
export const SERVICES = Object.keys(CALLS);
const MIB = 1024 * 1024;

/** Small deterministic noise source. */
export function random(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface Made {
  tables: Tables;
  windows: Window[];
  onsetMs: number;
}

/** `order` permutes the services, and with them all ids. */
export function make(
  fault: Fault,
  target: string,
  { seed = 1, length = 120, onset = 100, order = SERVICES, noise = 0.1 } = {},
): Made {
  const tables = new Tables();
  const seeds = new Map(SERVICES.map((s, i) => [s, random(seed * 100 + i)]));
  const host = tables.internNamed("host", "node-1");
  const windows: Window[] = [];
  for (let w = 0; w < length; w++) {
    const startMs = T0 + w * STEP;
    const endMs = startMs + STEP;
    const on = fault !== "none" && w >= onset;
    const since = w - onset;
    const values = new Map<number, number>();
    const edges: CallEdge[] = [];
    const logs: LogDigest[] = [];
    const changes: ChangeEvent[] = [];
    const jitter = (s: string) => 1 + noise * ((seeds.get(s) as () => number)() * 2 - 1);
    const put = (entity: number, metric: string, unit: string, value: number, peer?: string) => {
      values.set(tables.internSeries(entity, metric, unit, "gauge", peer ? { peer } : {}), value);
    };
    const state = (s: string) => {
      const own = on && s === target;
      const self = { gateway: 5, orders: 10, inventory: 8, payment: 12, store: 6 }[s] as number;
      const burn = own && fault === "cpu" ? 60 : 0;
      const slow = own && fault === "latency" ? 300 : 0;
      return {
        self: self * jitter(s) + burn + slow,
        error: own && fault === "errors" ? 0.35 : own && fault === "disk" && since > 2 ? 0.3 : 0,
        late: own && fault === "busy",
        dead: own && (fault === "crash" || fault === "hang"),
      };
    };
    const states = new Map(SERVICES.map((s) => [s, state(s)]));
    const visit = (s: string): { ms: number; error: number } => {
      const st = states.get(s) as { self: number; error: number; dead: boolean; late: boolean };
      if (st.dead) return { ms: fault === "hang" ? 1000 : 1, error: 1 };
      let ms = st.self;
      let ok = 1 - st.error;
      const id = tables.internNamed("service", s);
      for (const c of CALLS[s] as string[]) {
        const r = visit(c);
        // A caller whose event loop is taken sends late and reads late, whomever it calls.
        const waitMs = r.ms + 1 + (st.late && c !== "inventory" ? 15 * jitter(s) : 0);
        ms += waitMs;
        ok *= 1 - r.error;
        edges.push({ caller: s, callee: c, calls: 40, errorRatio: r.error, durationMs: waitMs });
        put(id, "spans.client.rate", "1/s", 20 * jitter(s), c);
        put(id, "spans.client.error_ratio", "1", r.error, c);
        put(id, "spans.client.duration", "ms", waitMs, c);
      }
      put(id, "spans.server.rate", "1/s", 20 * jitter(s));
      put(id, "spans.server.error_ratio", "1", 1 - ok);
      put(id, "spans.server.duration", "ms", ms);
      put(id, "spans.self_time", "ms", st.self);
      return { ms, error: 1 - ok };
    };
    const ids = order.map((s) => tables.internNamed("service", s));
    visit("gateway");
    for (const [i, s] of order.entries()) {
      const id = ids[i] as number;
      const own = on && s === target;
      const st = states.get(s) as { dead: boolean };
      put(id, "telemetry.age", "s", st.dead ? 2 * (since + 1) : 0.5 * jitter(s));
      if (st.dead) {
        if (tables.dump().series.some((x) => x.entityId === id && x.metric === "spans.server.rate"))
          put(id, "spans.server.rate", "1/s", 0);
        continue;
      }
      const leak = own && fault === "memory" ? 12 * since : 0;
      put(id, "process.cpu.utilization", "1", own && (fault === "cpu" || fault === "busy") ? 0.95 : 0.1 * jitter(s));
      put(id, "process.memory.usage", "By", (150 * jitter(s) + leak) * MIB);
      put(
        id,
        "disk.utilization",
        "1",
        own && fault === "disk" ? Math.min(1, 0.5 + 0.25 * since) : 0.4 + 0.01 * jitter(s),
      );
      put(id, "logs.lines", "1/s", 20 * jitter(s));
      put(id, "logs.errors", "1/s", own && (fault === "errors" || fault === "disk") ? 6 : 0);
    }
    put(host, "system.cpu.utilization", "1", 0.3 * jitter("gateway") + (on && fault === "cpu" ? 0.4 : 0));
    const line = (entity: string, template: string) =>
      logs.push({
        entity,
        startMs,
        endMs,
        template,
        severity: 17,
        count: 6,
        isNew: since === 0,
        sample: template,
        traceId: "",
      });
    if (on && fault === "errors") line(target, "TypeError: undefined is not a function");
    if (on && fault === "disk" && since > 2) line(target, "ENOSPC: no space left on device");
    if (on && (fault === "crash" || fault === "hang")) {
      for (const [caller, callees] of Object.entries(CALLS))
        if (callees.includes(target)) line(caller, `request to ${target} failed`);
    }
    if (fault === "errors" && w === onset - 2)
      changes.push({ entity: target, timeMs: startMs + 500, kind: "deploy", detail: "release 1.0.0 to 1.1.0" });
    const sorted = [...values].sort(([a], [b]) => a - b);
    const value = Float64Array.from(sorted, ([, v]) => v);
    windows.push({
      batch: {
        startMs,
        endMs,
        length: sorted.length,
        seriesIds: Uint32Array.from(sorted, ([id]) => id),
        value,
        count: value.map(() => 1),
        min: value,
        max: value,
      },
      logs,
      edges,
      changes,
    });
  }
  return { tables, windows, onsetMs: T0 + onset * STEP };
}

/** A plain stand-in for the detector: opens after two windows far outside the first `learn` ones, closes after three inside. */
export function detect({ tables, windows }: Made, learn = 60): Anomaly[][] {
  const past = new Map<number, number[]>();
  const odd = new Map<number, { run: number; calm: number; open: Anomaly | null; startMs: number }>();
  return windows.map(({ batch }, w) => {
    const out: Anomaly[] = [];
    for (let k = 0; k < batch.length; k++) {
      const id = batch.seriesIds[k] as number;
      const v = batch.value[k] as number;
      const list = past.get(id) ?? [];
      past.set(id, list);
      if (w < learn) {
        list.push(v);
        continue;
      }
      const s = tables.seriesAt(id)!;
      const entity = tables.entityOf(id);
      const mean = list.reduce((a, b) => a + b, 0) / Math.max(1, list.length);
      const sd = Math.sqrt(list.reduce((a, b) => a + (b - mean) ** 2, 0) / Math.max(1, list.length));
      const floor = s.unit === "By" ? 16 * MIB : s.unit === "ms" ? 3 : s.unit === "s" ? 1 : s.unit === "1" ? 0.04 : 1;
      const z = Math.abs(v - mean) / Math.max(sd, 0.02 * Math.abs(mean), floor);
      const o = odd.get(id) ?? { run: 0, calm: 0, open: null, startMs: 0 };
      odd.set(id, o);
      if (z > 4) {
        if (o.run++ === 0) o.startMs = batch.startMs;
        o.calm = 0;
      } else {
        o.run = 0;
        o.calm++;
      }
      if (!o.open && o.run >= 2) {
        const name = seriesName(s);
        o.open = {
          id: `A-${entity.name}-${name}-${o.startMs}`,
          entity: entity.name,
          entityKind: entity.kind,
          series: name,
          unit: s.unit,
          family: familyOf(s.metric),
          direction: v > mean ? "up" : "down",
          startMs: o.startMs,
          detectedMs: batch.endMs,
          endMs: null,
          p: 10 ** -Math.min(30, z),
          value: v,
          band: { expected: mean, low: mean - 3 * sd, high: mean + 3 * sd },
          detectors: { test: 1 },
          why: `${v} instead of ${mean}`,
        };
        out.push(o.open);
      } else if (o.open && o.calm >= 3) {
        out.push({ ...o.open, endMs: batch.endMs });
        o.open = null;
      }
    }
    return out.sort((a, b) => (a.id < b.id ? -1 : 1));
  });
}
