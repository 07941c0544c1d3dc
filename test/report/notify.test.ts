import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Action, Incident } from "../../pipelines/core/records.ts";
import { notifier } from "../../pipelines/report/notify/notifier.ts";

const START = 1_760_000_000_000;
const SILENCED = { silenceId: "SIL-1", untilMs: 1e15 };
type Seen = Incident & { muted?: unknown; mergedInto?: string };
const incident = (version: number, more: Partial<Seen> = {}, resolvedMs: number | null = null): Seen => ({
  ...{ id: "I", version, system: "shop", state: "open", severity: "major", reopened: 0, entities: ["orders"] },
  times: {
    ...{ faultStartMs: START - 30_000, detectedMs: START, acknowledgedMs: null, mitigatedMs: null, verifiedMs: null },
    resolvedMs,
  },
  ...{ anomalies: [], diagnosis: null, timeline: [], labels: [] },
  ...more,
});
const diagnosed = (name: string): Pick<Incident, "diagnosis"> => ({
  diagnosis: {
    ...{ onsetMs: START - 20_000, onsetRangeMs: [START - 30_000, START], confidence: 0.8, inconclusive: false },
    headline: `${name} is slow`,
    suspects: [{ name, kind: "service", score: 1, confidence: 0.8, for: [], against: [], path: [] }],
    ...{ charts: [], edges: [], logs: [], changes: [], missing: [] },
  },
});
const action = (state: Action["state"], details: string[], attempts = 0): Action =>
  ({
    plan: { id: "P", incidentId: "I", action: "restart", target: "orders", risk: "low", createdMs: START },
    ...{ state, version: details.length, approvedBy: null, attempts },
    history: details.map((detail) => ({ timeMs: START + 1000, state, detail })),
  }) as unknown as Action;
const resolved = { state: "resolved" as const };

describe("what is worth telling of an incident", () => {
  it.each<[string, Seen[], string[]]>([
    ["its opening, once", [incident(1), incident(2), incident(3)], ["opened"]],
    ["a record that comes again says nothing", [incident(2), incident(2), incident(1)], ["opened"]],
    [
      "a first suspect, and another one",
      [incident(1), incident(2, diagnosed("a")), incident(3, diagnosed("a")), incident(4, diagnosed("b"))],
      ["opened", "diagnosed", "diagnosed"],
    ],
    [
      "no more than three changes of mind",
      [incident(1), ...["a", "b", "c", "d", "e"].map((n, i) => incident(2 + i, diagnosed(n)))],
      ["opened", "diagnosed", "diagnosed", "diagnosed"],
    ],
    [
      "what gets worse, not what gets milder",
      [
        incident(1),
        incident(2, { severity: "minor" }),
        incident(3, { severity: "critical" }),
        incident(4, { severity: "major" }),
        incident(5, { severity: "critical" }),
      ],
      ["opened", "escalated"],
    ],
    [
      "acknowledged, resolved and back",
      [incident(1), incident(2, { state: "acknowledged" }), incident(3, resolved, START + 9), incident(4)],
      ["opened", "acknowledged", "resolved", "reopened"],
    ],
    [
      "nothing of what is silenced, until it is not",
      [incident(1, { muted: SILENCED }), incident(2, { muted: SILENCED }), incident(3)],
      ["opened"],
    ],
    [
      "of one silenced later only its end",
      [
        incident(1),
        incident(2, { muted: SILENCED, severity: "critical" }),
        incident(3, { ...resolved, muted: SILENCED }, START + 9),
      ],
      ["opened", "resolved"],
    ],
    [
      "one that is part of another is over",
      [incident(1), incident(2, { ...resolved, mergedInto: "J" }, START + 9)],
      ["opened", "resolved"],
    ],
  ])("%s", (_, versions, kinds) => {
    const n = notifier();
    const told = versions.flatMap((v) => n.onIncident(v));
    expect(told.map((t) => t.kind)).toEqual(kinds);
    expect(told.map((t) => t.id)).toEqual(told.map((_, i) => `I/${i + 1}`));
  });

  it("a plan that waits for a human, once, and each repair that failed", () => {
    const n = notifier();
    expect(n.onAction(action("proposed", ["why"]), true)).toEqual([]); // of an incident that nobody was told of
    n.onIncident(incident(1));
    const told = [
      n.onAction(action("proposed", ["why"]), true),
      n.onAction(action("proposed", ["why", "dry run ok"]), true),
      n.onAction(action("proposed", ["why"]), false),
      n.onAction(action("executed", ["done"]), true),
      n.onAction(action("unverified", ["not resolved"]), true),
      n.onAction(
        {
          ...action("unverified", ["not resolved", "stopped: two repairs did not help; page a human"]),
          needsHuman: "two repairs did not help",
        },
        true,
      ),
    ].flat();
    expect(told.map((t) => t.kind)).toEqual(["approval", "repair-failed", "repair-failed"]);
    expect(told[0]!.detail).toContain("recover approve P");
    expect(told[2]!.detail).toContain("page a human");
  });

  it("that people are needed, once, also where the last plan was never carried out", () => {
    const n = notifier();
    n.onIncident(incident(1));
    const needsHuman = "the ladder has no further rung";
    const stopped = ["dry run failed: no earlier release", `stopped: ${needsHuman}; page a human`];
    const told = [
      n.onAction(action("rejected", ["dry run failed: no earlier release"]), true),
      n.onAction({ ...action("rejected", stopped), needsHuman }, true),
      n.onAction({ ...action("rejected", [...stopped, "refused: approval by ana"]), needsHuman }, true),
    ].flat();
    expect(told.map((t) => t.kind)).toEqual(["repair-failed"]);
    expect(told[0]!.detail).toContain("page a human");
  });

  it("is one bounded line, whatever names and texts from outside hold", () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: "binary", maxLength: 5000 }), { minLength: 1, maxLength: 50 }),
        (names) => {
          const [told] = notifier().onIncident(incident(1, { entities: names, ...diagnosed(names[0]!) }));
          expect(told!.summary.length).toBeLessThanOrEqual(500);
          expect(told!.summary).not.toMatch(/[\r\n\0]/);
          expect(JSON.stringify(told).length).toBeLessThan(64_000);
        },
      ),
      { numRuns: 50 },
    );
  });

  it("is the same after a restart at any point, and what is over for a day is forgotten", () => {
    const versions = [
      incident(1),
      incident(2, diagnosed("a")),
      incident(3, { severity: "critical" }),
      incident(4, resolved, START + 9),
    ];
    const straight = notifier();
    const wanted = versions.flatMap((v) => straight.onIncident(v));
    const saved = new Map<string, Uint8Array>();
    const put = (key: string, value: Uint8Array | undefined) =>
      void (value ? saved.set(key, value) : saved.delete(key));
    const told = versions.flatMap((v) => {
      const n = notifier();
      n.restore(saved);
      const out = n.onIncident(v);
      n.snapshot(put);
      return out;
    });
    expect(told).toEqual(wanted);
    const last = notifier();
    last.restore(saved);
    last.advance(START + 86_400_000 + 10);
    last.snapshot(put);
    expect(saved.size).toBe(0);
  });
});
