import type { Action, Anomaly, Incident } from "../../pipelines/core/records.ts";

export const T0 = Date.UTC(2026, 0, 2, 3, 4, 0);

const anomaly = (entity: string, series: string, value: number): Anomaly => ({
  id: `A-${entity}`,
  entity,
  entityKind: "service",
  series,
  unit: "ms",
  family: "latency",
  direction: "up",
  startMs: T0,
  detectedMs: T0 + 3000,
  endMs: null,
  p: 1e-6,
  value,
  band: { expected: 12, low: 0, high: 30 },
  detectors: { robustZ: 1 },
  why: "26 times the usual 12 ms",
});

/** Payment is slow; gateway and orders wait for it. `name` puts any text where names stand. */
export function incidentOf(name = "payment", change: Partial<Incident> = {}): Incident {
  return {
    id: "INC-ABCDEFGH",
    version: 3,
    system: "shop",
    state: "open",
    severity: "major",
    times: {
      faultStartMs: T0,
      detectedMs: T0 + 4000,
      acknowledgedMs: null,
      mitigatedMs: null,
      verifiedMs: null,
      resolvedMs: null,
    },
    reopened: 0,
    entities: ["gateway", "orders", name],
    anomalies: [anomaly(name, "spans.self_time", 310), anomaly("gateway", "spans.server.duration", 330)],
    diagnosis: {
      onsetMs: T0,
      onsetRangeMs: [T0 - 1000, T0 + 1000],
      confidence: 0.86,
      inconclusive: false,
      headline: `${name} has been slow since 03:04:00`,
      suspects: [
        {
          name,
          kind: "service",
          score: 4,
          confidence: 0.86,
          for: [
            {
              ranker: "call-graph",
              score: 3,
              text: "its own work takes 310 ms instead of 12 ms",
              series: `${name}/spans.self_time`,
            },
          ],
          against: [],
          path: ["gateway", "orders", name],
        },
        {
          name: "orders",
          kind: "service",
          score: 1,
          confidence: 0.1,
          for: [],
          against: [{ ranker: "call-graph", score: 1, text: "waits for others" }],
          path: [],
        },
      ],
      charts: [
        {
          entity: name,
          series: "spans.self_time",
          unit: "ms",
          startMs: T0 - 30_000,
          stepMs: 1000,
          values: Array.from({ length: 40 }, (_, i) => (i === 7 ? null : i < 30 ? 12 + (i % 3) : 310)),
          band: { expected: 12, low: 0, high: 30 },
          onsetMs: T0,
        },
      ],
      edges: [
        { caller: "gateway", callee: "orders", calls: 20, errorRatio: 0, durationMs: 330 },
        { caller: "orders", callee: name, calls: 20, errorRatio: 0.1, durationMs: 320 },
        { caller: name, callee: "gateway", calls: 1, errorRatio: 0, durationMs: 1 },
      ],
      logs: [
        {
          entity: name,
          startMs: T0,
          endMs: T0 + 1000,
          template: "t <*>",
          severity: 17,
          count: 4,
          isNew: true,
          sample: `${name} timed out`,
          traceId: "abc",
        },
      ],
      changes: [{ entity: name, timeMs: T0 - 20_000, kind: "deploy", detail: "release 1.0.0 to 1.1.0" }],
      missing: ["no host metrics"],
    },
    timeline: [{ timeMs: T0 + 4000, kind: "state", entity: "", text: "opened" }],
    labels: [],
    ...change,
  };
}

export function actionOf(change: Partial<Action> = {}): Action {
  return {
    plan: {
      id: "PLAN-1",
      incidentId: "INC-ABCDEFGH",
      action: "restart",
      target: "payment",
      reason: "payment is slow",
      preconditions: ["it is there"],
      effect: "stops payment and starts it again",
      onsetMs: null,
      blastRadius: ["payment"],
      reversible: false,
      expectedLoss: "requests in flight",
      risk: "low",
      createdMs: T0 + 5000,
      expiresMs: T0 + 905_000,
      hash: "deadbeef".repeat(8),
    },
    state: "proposed",
    version: 1,
    approvedBy: null,
    attempts: 0,
    history: [{ timeMs: T0 + 5000, state: "proposed", detail: "dry run ok" }],
    ...change,
  };
}
