import { describe, expect, it } from "vitest";
import { calendars } from "../../pipelines/core/calendar.ts";
import { calendarSchema } from "../../pipelines/core/calendar-config.ts";
import type { Suppression } from "../../pipelines/core/incident-decisions.ts";
import type { Anomaly, Control, Incident, Message } from "../../pipelines/core/records.ts";
import type { Outbox } from "../../pipelines/core/stage.ts";
import { DEFAULT_LIMITS } from "../../pipelines/core/tables.ts";
import { hourOfWeek, suppressions } from "../../pipelines/correlate/suppressions.ts";
import { feedbackCsv } from "../../pipelines/report/feedback-csv.ts";
import { incidentsStage } from "../../pipelines/run/incidents-stage.ts";

const STEP = 10_000;
const DAY = 86_400_000;
/** A Monday, noon. */
const T0 = Date.UTC(2026, 10, 16, 12);

const anomaly = (family: "latency" | "errors", entity: string, atMs: number): Anomaly => ({
  id: `A-${family}-${entity}-${atMs}`,
  entity,
  entityKind: "service",
  series: family === "errors" ? "http.server.error_ratio" : "http.server.duration{route=/pay}",
  unit: "1",
  family,
  direction: "up",
  startMs: atMs - STEP,
  detectedMs: atMs,
  endMs: null,
  p: 1e-9,
  evidence: 12,
  value: 1,
  band: { expected: 0, low: 0, high: 0.1 },
  detectors: {},
  why: "odd",
});

function stage(more: object = {}) {
  const incidents = new Map<string, Incident>();
  const opened: string[] = [];
  const rules = new Map<string, Suppression>();
  const out: Outbox = {
    emit(topic, key, record) {
      if (topic === "suppressions") rules.set(key, record as Suppression);
      if (topic !== "incidents") return;
      if (!incidents.has(key)) opened.push(key);
      incidents.set(key, record as unknown as Incident);
    },
    send() {},
  };
  const make = () =>
    incidentsStage({ system: "s", windowMs: STEP, historyWindows: 20, tableLimits: DEFAULT_LIMITS, ...more });
  let s = make();
  let nowMs = T0;
  const send = (message: Message) => s.process(message, out);
  const windows = (n: number) => {
    for (let i = 0; i < n; i++) {
      nowMs += STEP;
      send({ type: "watermark", timeMs: nowMs });
    }
  };
  return {
    incidents,
    opened,
    rules,
    control: (control: Control) => send({ type: "control", control }),
    windows,
    goTo(ms: number) {
      nowMs = ms;
      send({ type: "watermark", timeMs: nowMs });
    },
    get nowMs() {
      return nowMs;
    },
    /** A fault of some minutes on entities; the last incident that it opened. */
    fault(entities: readonly string[], { ends = true } = {}): Incident {
      const list = entities.flatMap((e) => [anomaly("latency", e, nowMs), anomaly("errors", e, nowMs)]);
      for (const a of list) send({ type: "anomaly", anomaly: a });
      windows(10);
      if (ends) {
        for (const a of list) send({ type: "anomaly", anomaly: { ...a, endMs: nowMs } });
        windows(10);
      }
      return incidents.get(opened.at(-1) as string) as Incident;
    },
    restart() {
      const chunks = new Map<string, Uint8Array>();
      s.snapshot((key, value) => void (value && chunks.set(key, value)), true);
      s = make();
      s.restore(chunks);
    },
  };
}
type S = ReturnType<typeof stage>;
const label = (s: S, incident: Incident, what: "real" | "expected" | "noise", note = "") =>
  s.control({
    kind: "label",
    timeMs: s.nowMs,
    record: { incidentId: incident.id, label: what, by: "ann", atMs: s.nowMs, note },
    incident,
  });
const accept = (s: S, id: string, days = 30, anyTime = false) =>
  s.control({
    kind: "suppress",
    timeMs: s.nowMs,
    suppressionId: id,
    by: "bob",
    expiresMs: s.nowMs + days * DAY,
    anyTime,
  });
const only = (s: S) => [...s.rules.values()].at(-1) as Suppression;

describe("suppressions", () => {
  it("are proposed by a label and keep quiet only once somebody accepts them", () => {
    const s = stage();
    const first = s.fault(["pay"]);
    expect(first.muted).toBeUndefined();
    label(s, first, "noise", "flapping probe");
    s.windows(1);
    expect(s.incidents.get(first.id)?.verdict).toMatchObject({ label: "noise", by: "ann", note: "flapping probe" });
    expect(only(s)).toMatchObject({ state: "proposed", label: "noise", hourOfWeek: null, proposedBy: "ann" });
    expect(only(s).signs).toEqual([
      { entity: "pay", series: "http.server.duration{route=/pay}", direction: "up" },
      { entity: "pay", series: "http.server.error_ratio", direction: "up" },
    ]);
    s.goTo(s.nowMs + DAY);
    expect(s.fault(["pay"]).muted).toBeUndefined();
    accept(s, only(s).id);
    s.goTo(s.nowMs + DAY);
    const quiet = s.fault(["pay"]);
    expect(quiet.muted?.silenceId).toBe(only(s).id);
    expect(quiet.timeline.map((t) => t.text)).toContain(`covered by ${only(s).id}`);
    expect(s.opened).toHaveLength(3); // it stays to be seen
    expect(only(s)).toMatchObject({ state: "active", acceptedBy: "bob", count: 1 });
  });

  it("do not cover what shows more than that", () => {
    const s = stage();
    label(s, s.fault(["pay"]), "noise");
    accept(s, only(s).id);
    s.goTo(s.nowMs + DAY);
    expect(s.fault(["pay", "db"]).muted).toBeUndefined();
    expect(only(s).count).toBe(0);
  });

  it("expected: hold about the same hour of the week, or at any time where somebody says so", () => {
    const s = stage();
    label(s, s.fault(["pay"]), "expected");
    const rule = only(s);
    expect(rule.hourOfWeek).toBe(12);
    accept(s, rule.id);
    s.goTo(T0 + 2 * DAY);
    expect(s.fault(["pay"]).muted).toBeUndefined();
    s.goTo(T0 + 7 * DAY + 3_600_000); // summer time ended
    expect(s.fault(["pay"]).muted?.silenceId).toBe(rule.id);
    accept(s, rule.id, 30, true);
    s.goTo(T0 + 9 * DAY);
    expect(s.fault(["pay"]).muted?.silenceId).toBe(rule.id);
    expect(only(s).count).toBe(2);
  });

  it("expire, and what they covered pages again", () => {
    const s = stage();
    label(s, s.fault(["pay"]), "noise");
    accept(s, only(s).id, 2);
    s.goTo(s.nowMs + 3 * DAY);
    expect(only(s).state).toBe("expired");
    expect(s.fault(["pay"]).muted).toBeUndefined();
  });

  it("are removed at once, also under an incident that is open", () => {
    const s = stage();
    label(s, s.fault(["pay"]), "noise");
    accept(s, only(s).id);
    s.goTo(s.nowMs + DAY);
    const open = s.fault(["pay"], { ends: false });
    expect(open.muted).toBeDefined();
    s.control({ kind: "unsuppress", timeMs: s.nowMs, suppressionId: only(s).id, by: "eve" });
    s.windows(1);
    expect(only(s)).toMatchObject({ state: "removed", endedBy: "eve" });
    expect(s.incidents.get(open.id)?.muted).toBeUndefined();
  });

  it("a later word of real takes a proposal back", () => {
    const s = stage();
    const first = s.fault(["pay"]);
    label(s, first, "noise");
    label(s, first, "real");
    expect(only(s).state).toBe("removed");
    s.windows(1);
    expect(s.incidents.get(first.id)?.verdict?.label).toBe("real");
  });

  it("come from labels of incidents that are long over", () => {
    const s = stage();
    const first = s.fault(["pay"]);
    s.goTo(s.nowMs + 20 * DAY);
    label(s, first, "noise");
    expect(only(s)).toMatchObject({ state: "proposed", incidentId: first.id });
  });

  it("survive a restart, with their counts", () => {
    const s = stage();
    label(s, s.fault(["pay"]), "noise");
    accept(s, only(s).id);
    s.restart();
    s.goTo(s.nowMs + DAY);
    expect(s.fault(["pay"]).muted?.silenceId).toBe(only(s).id);
    expect(only(s).count).toBe(1);
  });

  it("hold a bounded number, whatever is labelled", () => {
    const rules = suppressions();
    const incident = stage().fault(["pay"]);
    for (let i = 0; i < 700; i++)
      rules.label(
        { ...incident, id: `INC-${i}` },
        { incidentId: `INC-${i}`, label: "noise", by: "ann", atMs: T0, note: "x".repeat(10_000) },
      );
    let bytes = 0;
    rules.snapshot((_, b) => {
      bytes += b?.length ?? 0;
    }, true);
    expect(bytes).toBeLessThan(1_000_000);
    expect(rules.decide({ kind: "unsuppress", timeMs: T0, suppressionId: "SUP-none", by: "x" })).toBeUndefined();
  });

  it("count hours of the week from Monday", () => {
    expect(hourOfWeek(T0)).toBe(12);
    expect(hourOfWeek(Date.UTC(2026, 10, 22, 23))).toBe(167);
  });
});

describe("calendars in force", () => {
  const maintenance = (mode: "learn" | "ignore", entities?: string[]) =>
    calendars([
      calendarSchema.parse({
        name: "upgrade",
        mode,
        entities,
        ranges: [{ from: new Date(T0 - DAY).toISOString(), to: new Date(T0 + 30 * 60_000).toISOString() }],
      }),
    ]);

  it("keep an incident quiet, and it pages when it outlasts them", () => {
    const s = stage({ calendars: maintenance("learn") });
    const open = s.fault(["pay"], { ends: false });
    expect(open.muted).toEqual({ silenceId: "calendar:upgrade", untilMs: T0 + 30 * 60_000 });
    s.goTo(T0 + 31 * 60_000);
    expect(s.incidents.get(open.id)?.muted).toBeUndefined();
    expect(s.incidents.get(open.id)?.state).toBe("open");
  });

  it("are for the entities that they name", () => {
    const s = stage({ calendars: maintenance("learn", ["pay"]) });
    expect(s.fault(["pay", "db"]).muted).toBeUndefined();
    expect(stage({ calendars: maintenance("learn", ["pay"]) }).fault(["pay"]).muted).toBeDefined();
  });
});

describe("feedbackCsv", () => {
  it("gives a row for each entity, in order, with what was noted as cause", () => {
    const s = stage();
    const first = s.fault(["pay", "db"]);
    label(s, first, "real", 'disk full, "again"');
    s.windows(1);
    const text = feedbackCsv([s.incidents.get(first.id) as Incident]);
    const [head, ...rows] = text.trimEnd().split("\n");
    expect(head).toBe("start,end,entity,cause");
    expect(rows.map((r) => r.split(",")[2])).toEqual(["db", "pay"]);
    expect(rows[0]).toContain('"disk full, ""again"""');
    for (const r of rows) expect(Date.parse(r.split(",")[1]!)).toBeGreaterThan(Date.parse(r.split(",")[0]!));
  });
});
