import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Silence } from "../../pipelines/core/incident-decisions.ts";
import type { Anomaly, Family, Incident } from "../../pipelines/core/records.ts";
import { correlator, type IncidentEvent } from "../../pipelines/correlate/correlator.ts";
import { weightOf } from "../../pipelines/correlate/evidence.ts";
import { MAX_ANOMALIES, MAX_TIMELINE } from "../../pipelines/correlate/incident-state.ts";
import { detect, type Fault, type Made, make, STEP, T0 } from "../diagnose/generator.ts";

const options = { system: "shop", windowMs: STEP };
const SERIES: Record<Family, string> = {
  latency: "spans.server.duration",
  errors: "spans.server.error_ratio",
  traffic: "spans.server.rate",
  silence: "telemetry.age",
  cpu: "process.cpu.utilization",
  memory: "process.memory.usage",
  disk: "disk.utilization",
  network: "network.io",
  other: "threads",
};

function anomaly(entity: string, family: Family, window: number, more: Partial<Anomaly> = {}): Anomaly {
  const series = more.series ?? SERIES[family];
  const startMs = T0 + window * STEP;
  return {
    id: `A-${entity}-${series}-${window}`,
    entity,
    entityKind: "service",
    series,
    unit: "1",
    family,
    direction: "up",
    startMs,
    detectedMs: startMs + STEP,
    endMs: null,
    p: 1e-8,
    value: 0.6,
    band: { expected: 0, low: 0, high: 0.1 },
    detectors: {},
    why: "odd",
    ...more,
  };
}
const silence = (more: Partial<Silence> = {}): Silence => ({
  id: "SIL-1",
  matchers: [{ field: "entity", op: "=~", value: "s[01]" }],
  startsMs: T0,
  endsMs: T0 + 1000 * STEP,
  mode: "mute",
  by: "ann",
  comment: "backup",
  createdMs: T0,
  endedBy: null,
  ...more,
});
const edge = (caller: string, callee: string) => ({ caller, callee, calls: 10, errorRatio: 0, durationMs: 1 });
const at = (window: number) => T0 + (window + 1) * STEP;

function play(c: ReturnType<typeof correlator>, made: Made, from = 0, to = made.windows.length): IncidentEvent[] {
  const found = detect(made);
  const out: IncidentEvent[] = [];
  for (let w = from; w < to; w++) {
    const { batch, edges, changes } = made.windows[w]!;
    for (const change of changes) c.onChange(change);
    c.onEdges(edges, batch.endMs);
    for (const a of found[w]!) c.onAnomaly(a);
    out.push(...c.advance(batch.endMs));
  }
  return out;
}

describe("correlator", () => {
  for (const fault of ["cpu", "memory", "latency", "errors", "disk", "crash", "hang"] as Fault[])
    it(`opens exactly one incident for ${fault}, within a few windows`, () => {
      const made = make(fault, "payment");
      const events = play(correlator(options), made);
      const opened = events.filter((e) => e.kind === "opened");
      expect(opened.length).toBe(1);
      const { times } = opened[0]!.incident;
      expect((times.detectedMs - made.onsetMs) / STEP).toBeLessThanOrEqual(fault === "memory" ? 17 : 9);
      expect(Math.abs(times.faultStartMs - made.onsetMs)).toBeLessThanOrEqual(fault === "memory" ? 6 * STEP : 2 * STEP);
      expect(opened[0]!.incident.id).toMatch(/^INC-[A-Z2-7]{8}$/);
      const again = play(correlator(options), make(fault, "payment"));
      expect(again).toEqual(events);
    });

  it("opens nothing on noise", () => {
    for (const seed of [1, 2, 3, 4, 5])
      expect(play(correlator(options), make("none", "", { seed, length: 300, noise: 0.5 }))).toEqual([]);
  });

  it("opens nothing on short stalls, benign moves, hosts, or one weak series", () => {
    const c = correlator(options);
    const out: IncidentEvent[] = [];
    for (let w = 0; w < 300; w++) {
      c.onEdges([edge("a", "b"), edge("b", "c")], at(w));
      // Every 20 windows the machine stalls: all is slow for four windows.
      if (w % 20 === 5) for (const e of ["a", "b", "c"]) c.onAnomaly(anomaly(e, "latency", w));
      if (w % 20 === 9)
        for (const e of ["a", "b", "c"]) c.onAnomaly({ ...anomaly(e, "latency", w - 4), endMs: at(w - 1) });
      if (w === 30) c.onAnomaly(anomaly("n", "cpu", w, { entityKind: "host" }));
      if (w === 31) for (const e of ["a", "b", "c"]) c.onAnomaly(anomaly(e, "memory", w, { direction: "down" }));
      if (w === 150) for (const e of ["a", "b"]) c.onAnomaly(anomaly(e, "latency", w, { direction: "down" }));
      if (w === 170) c.onAnomaly(anomaly("b", "latency", w));
      if (w === 250) c.onAnomaly(anomaly("a", "traffic", w));
      out.push(...c.advance(at(w)));
    }
    expect(out).toEqual([]);
  });

  it("goes through acknowledge, repair, resolve and reopen", () => {
    const c = correlator({ ...options, quietMs: 5 * STEP, reopenMs: 50 * STEP });
    const seen: string[] = [];
    let last: Incident | undefined;
    const go = (w: number) => {
      for (const e of c.advance(at(w))) {
        seen.push(`${w} ${e.kind} ${e.incident.state}`);
        last = e.incident;
      }
    };
    const two = (w: number) => [anomaly("a", "errors", w), anomaly("b", "errors", w)];
    for (const a of two(0)) c.onAnomaly(a);
    go(1);
    const id = c.openIncidents()[0]!.id;
    c.onControl({ kind: "acknowledge", timeMs: at(2), incidentId: id, by: "ann" });
    expect(c.drain()[0]?.incident.state).toBe("acknowledged");
    go(2);
    c.markMitigated(id, at(4));
    go(4);
    for (const a of two(0)) c.onAnomaly({ ...a, endMs: at(6) });
    for (let w = 6; w < 20; w++) go(w);
    expect(last?.state).toBe("resolved");
    expect(last?.times.verifiedMs).toBe(last?.times.resolvedMs);
    expect(c.openIncidents()).toEqual([]);
    for (const a of two(30)) c.onAnomaly(a);
    go(31);
    expect(last).toMatchObject({ id, reopened: 1, state: "open" });
    for (const a of two(30)) c.onAnomaly({ ...a, endMs: at(33) });
    for (let w = 33; w < 50; w++) go(w);
    for (const a of two(110)) c.onAnomaly(a);
    go(111);
    expect(last?.id).not.toBe(id);
    expect(seen).toEqual([
      "1 opened open",
      "4 updated mitigating",
      "6 updated mitigating",
      "11 resolved resolved",
      "31 reopened open",
      "33 updated open",
      "38 resolved resolved",
      "111 opened open",
    ]);
  });

  it("keeps what is far apart in the call graph apart", () => {
    const c = correlator(options);
    c.onEdges([edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("d", "e"), edge("e", "f")], at(0));
    for (const e of ["a", "b", "f"]) c.onAnomaly(anomaly(e, "errors", 1));
    expect(c.advance(at(2)).map((e) => e.incident.entities)).toEqual([["a", "b"]]);
  });

  it("survives a restart at any window", () => {
    const made = make("hang", "store", { length: 140 });
    const whole = play(correlator(options), made);
    for (const cut of [50, 99, 101, 103, 105, 120]) {
      const first = correlator(options);
      const stored = new Map<string, Uint8Array>();
      const before: IncidentEvent[] = [];
      for (let w = 0; w < cut; w++) {
        before.push(...play(first, made, w, w + 1));
        first.snapshot((k, v) => (v ? stored.set(k, v) : stored.delete(k)));
      }
      const second = correlator(options);
      second.restore(stored);
      expect([...before, ...play(second, made, cut)]).toEqual(whole);
    }
  });

  it("stays bounded in a flood", () => {
    const c = correlator({ ...options, maxPending: 500 });
    const t0 = performance.now();
    for (let w = 0; w < 10; w++) {
      for (let i = 0; i < 1000; i++) c.onAnomaly(anomaly(`s${i % 50}`, "errors", w, { series: `errors.${i}` }));
      c.advance(at(w));
    }
    expect(performance.now() - t0).toBeLessThan(5000);
    const [incident, ...others] = c.openIncidents();
    expect(others).toEqual([]);
    expect(incident!.anomalies.length).toBeLessThanOrEqual(MAX_ANOMALIES);
    expect(incident!.timeline.length).toBeLessThanOrEqual(MAX_TIMELINE);
  });

  it("keeps its promises whatever comes", () => {
    const families: Family[] = ["latency", "errors", "traffic", "silence", "cpu", "memory", "disk", "network", "other"];
    const step = fc.record({
      open: fc.array(fc.record({ e: fc.nat(4), f: fc.nat(8), p: fc.integer({ min: 1, max: 12 }) }), { maxLength: 3 }),
      close: fc.array(fc.nat(20), { maxLength: 3 }),
      act: fc.constantFrom("none", "none", "ack", "fix", "resolve", "reopen", "label", "merge", "split", "silence"),
      lag: fc.integer({ min: -20, max: 5 }),
      idle: fc.nat(10),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const run = (restartAt: number) => {
          let c = correlator({ ...options, quietMs: 4 * STEP, reopenMs: 20 * STEP });
          const open: Anomaly[] = [];
          const events: IncidentEvent[] = [];
          let w = 0;
          for (const [i, s] of steps.entries()) {
            if (i === restartAt) {
              const stored = new Map<string, Uint8Array>();
              c.snapshot((k, v) => v && stored.set(k, v), true);
              c = correlator({ ...options, quietMs: 4 * STEP, reopenMs: 20 * STEP });
              c.restore(stored);
            }
            c.onEdges([edge("s0", "s1"), edge("s1", "s2"), edge("s2", "s3")], at(w));
            for (const o of s.open) {
              const a = anomaly(`s${o.e}`, families[o.f] as Family, w, { p: 10 ** -o.p });
              if (!open.some((x) => x.id === a.id)) {
                open.push(a);
                c.onAnomaly(a);
              }
            }
            for (const k of s.close) {
              const [a] = open.splice(k, 1);
              if (a) c.onAnomaly({ ...a, endMs: at(w) });
            }
            const first = c.openIncidents()[0];
            if (first && s.act === "ack")
              c.onControl({ kind: "acknowledge", timeMs: at(w + s.lag), incidentId: first.id, by: "x" });
            const last = c.openIncidents().at(-1);
            const timeMs = at(Math.max(0, w + s.lag));
            const person = { timeMs, by: "x", note: "" };
            if (last && (s.act === "resolve" || s.act === "reopen"))
              c.onControl({ kind: s.act, incidentId: last.id, ...person });
            if (last && s.act === "reopen")
              c.onControl({ kind: "reopen", incidentId: events.at(-1)?.incident.id ?? last.id, ...person });
            if (last && s.act === "label")
              c.onControl({
                kind: "label",
                timeMs,
                record: { incidentId: last.id, label: "noise", by: "x", atMs: timeMs, note: "" },
              });
            if (first && last && s.act === "merge")
              c.onControl({ kind: "merge", timeMs, incidentId: last.id, into: first.id, by: "x" });
            if (last && s.act === "split")
              c.onControl({ kind: "split", timeMs, incidentId: last.id, entities: ["s0", "s4"], by: "x" });
            if (s.act === "silence")
              c.onControl({ kind: "silence", timeMs, silence: silence({ startsMs: timeMs, endsMs: at(w + 10) }) });
            if (first && s.act === "fix") c.markMitigated(first.id, at(w + s.lag));
            events.push(...c.drain(), ...c.advance(at(w)));
            w += 1 + s.idle;
          }
          return events;
        };
        const events = run(-1);
        const known = new Map<string, Incident>();
        for (const { kind, incident } of events) {
          const before = known.get(incident.id);
          const { faultStartMs, detectedMs, acknowledgedMs, mitigatedMs, verifiedMs, resolvedMs } = incident.times;
          expect(before === undefined).toBe(kind === "opened");
          expect(incident.version).toBe((before?.version ?? 0) + 1);
          expect(incident.state === "resolved").toBe(resolvedMs !== null);
          if (kind === "resolved") expect(before?.state).not.toBe("resolved");
          if (kind === "reopened") expect(before?.state).toBe("resolved");
          expect(faultStartMs).toBeLessThanOrEqual(detectedMs);
          for (const t of [acknowledgedMs, mitigatedMs, verifiedMs, resolvedMs])
            if (t !== null) expect(t).toBeGreaterThanOrEqual(detectedMs);
          if (resolvedMs !== null)
            for (const t of [acknowledgedMs, mitigatedMs, verifiedMs])
              if (t !== null) expect(t).toBeLessThanOrEqual(resolvedMs);
          expect(incident.timeline.map((t) => t.timeMs)).toEqual(
            incident.timeline.map((t) => t.timeMs).sort((a, b) => a - b),
          );
          known.set(incident.id, incident);
        }
        expect(run(Math.floor(steps.length / 2))).toEqual(events);
      }),
      { numRuns: 200 },
    );
  });

  it("opens nothing where two requests failed by chance, nor on drift within the band", () => {
    const c = correlator(options);
    c.onEdges([edge("a", "b")], at(0));
    const chance = [anomaly("a", "errors", 1, { value: 0.2 }), anomaly("b", "errors", 1, { value: 0.2 })];
    for (const a of chance) c.onAnomaly(a);
    const out: IncidentEvent[] = [];
    for (let w = 2; w < 6; w++) out.push(...c.advance(at(w)));
    for (const a of chance) c.onAnomaly({ ...a, endMs: at(6) });
    c.onAnomaly(anomaly("b", "cpu", 7, { value: 0.15, band: { expected: 0.14, low: 0.1, high: 0.18 } }));
    for (let w = 6; w < 100; w++) out.push(...c.advance(at(w)));
    expect(out).toEqual([]);
    // What stays failing does open one.
    for (const e of ["a", "b"]) c.onAnomaly(anomaly(e, "errors", 100, { value: 0.2 }));
    for (let w = 100; w < 108; w++) out.push(...c.advance(at(w)));
    expect(out.map((e) => e.kind)).toEqual(["opened"]);
  });

  it("weighs as documented", () => {
    expect(weightOf(anomaly("a", "latency", 0, { value: 0.05 }))).toBe(0.5);
    expect(weightOf(anomaly("a", "silence", 0))).toBe(1.5);
    expect(weightOf(anomaly("a", "latency", 0, { p: 1e-3 }))).toBeCloseTo(0.5);
    expect(weightOf(anomaly("a", "latency", 0, { direction: "down" }))).toBeCloseTo(0.1);
    expect(weightOf(anomaly("a", "cpu", 0, { entityKind: "host" }))).toBeCloseTo(0.15);
  });
});
