import { describe, expect, it } from "vitest";
import type { Matcher } from "../../pipelines/core/incident-decisions.ts";
import type { Anomaly, Control, Incident } from "../../pipelines/core/records.ts";
import { correlator, type IncidentEvent } from "../../pipelines/correlate/correlator.ts";
import { rarity } from "../../pipelines/correlate/rarity.ts";
import { matcherTest } from "../../pipelines/correlate/silences.ts";
import { anomaly, at, base, edge, T0, two } from "./signs.ts";

type C = ReturnType<typeof correlator>;
const feed = (c: C, list: readonly Anomaly[]) => {
  for (const a of list) c.onAnomaly(a);
};
const end = (list: readonly Anomaly[], w: number) => list.map((a) => ({ ...a, endMs: at(w) }));
function go(c: C, from: number, to: number): IncidentEvent[] {
  const out: IncidentEvent[] = [];
  for (let w = from; w <= to; w++) out.push(...c.advance(at(w)));
  return out;
}
/** Two incidents far apart in the call graph. */
function apart() {
  const c = correlator(base);
  const far = ["a", "b", "c", "d", "e", "f"];
  c.onEdges(
    far.slice(1).map((e, i) => edge(far[i] as string, e)),
    at(0),
  );
  feed(c, [...two("a", 1), ...two("f", 1)]);
  go(c, 2, 8);
  const [first, second] = c.openIncidents() as [Incident, Incident];
  return { c, first, second };
}

describe("decisions about incidents", () => {
  it("resolve one by hand, reopen it by hand, and keep it open until a person ends it", () => {
    const c = correlator(base);
    feed(c, two("a", 1));
    go(c, 2, 8);
    const id = c.openIncidents()[0]!.id;
    c.onControl({ kind: "resolve", timeMs: at(9), incidentId: id, by: "ann", note: "was a test" });
    expect(c.drain()).toMatchObject([
      { kind: "resolved", incident: { state: "resolved", times: { resolvedMs: at(9) } } },
    ]);
    expect(c.get(id)?.timeline.at(-1)?.text).toBe("resolved by ann: was a test");
    feed(c, end(two("a", 1), 10));
    go(c, 10, 15);
    c.onControl({ kind: "reopen", timeMs: at(15), incidentId: id, by: "bob", note: "" });
    expect(c.drain()).toMatchObject([{ kind: "reopened", incident: { state: "open", reopened: 1 } }]);
    expect(go(c, 16, 100)).toEqual([]);
    c.onControl({ kind: "resolve", timeMs: at(101), incidentId: id, by: "bob", note: "" });
    expect(c.drain()[0]?.incident.state).toBe("resolved");
  });

  it("label one that the stage has long forgotten, when the decision brings it along, and another one after it", () => {
    const c = correlator(base);
    feed(c, two("a", 1));
    go(c, 2, 8);
    feed(c, end(two("a", 1), 9));
    const [last] = go(c, 9, 200).slice(-1) as [IncidentEvent];
    const { incident } = last;
    expect(c.get(incident.id)).toBeUndefined();
    const label = (what: "noise" | "real", w: number, of?: Incident): Control => ({
      kind: "label",
      timeMs: at(w),
      record: { incidentId: incident.id, label: what, by: "ann", atMs: at(w), note: "cron" },
      ...(of ? { incident: of } : {}),
    });
    c.onControl(label("noise", 300));
    expect(c.drain()).toEqual([]);
    c.onControl(label("noise", 300, incident));
    expect(c.drain()).toMatchObject([
      { incident: { version: incident.version + 1, verdict: { label: "noise", by: "ann", note: "cron" } } },
    ]);
    // The record that the second brings is older than what is held: it is not used.
    c.onControl(label("real", 301, incident));
    expect(c.drain()).toMatchObject([{ incident: { version: incident.version + 2, verdict: { label: "real" } } }]);
    go(c, 302, 400);
    expect(c.get(incident.id)).toBeUndefined();
  });

  it("take no incident of another system", () => {
    const { c, first } = apart();
    const incident = { ...first, id: "INC-OTHER", system: "elsewhere", state: "resolved" as const };
    c.onControl({ kind: "reopen", timeMs: at(9), incidentId: "INC-OTHER", by: "x", note: "", incident });
    expect(c.drain()).toEqual([]);
  });

  it("merge two, and what comes later belongs to the one that is left", () => {
    const { c, first, second } = apart();
    c.onControl({ kind: "merge", timeMs: at(9), incidentId: second.id, into: first.id, by: "ann" });
    const events = c.drain();
    expect(new Map(events.map((e) => [e.incident.id, [e.kind, e.incident.mergedInto]]))).toEqual(
      new Map([
        [first.id, ["updated", undefined]],
        [second.id, ["resolved", first.id]],
      ]),
    );
    expect(c.get(first.id)?.entities).toEqual(["a", "f"]);
    feed(c, end(two("f", 1), 10));
    go(c, 10, 12);
    expect(c.get(first.id)?.anomalies.filter((a) => a.entity === "f" && a.endMs === at(10)).length).toBe(2);
    // Neither again, nor into what is merged itself.
    c.onControl({ kind: "merge", timeMs: at(13), incidentId: second.id, into: first.id, by: "ann" });
    c.onControl({ kind: "merge", timeMs: at(13), incidentId: first.id, into: second.id, by: "ann" });
    expect(c.drain()).toEqual([]);
  });

  it("merge two over a restart: what ends afterwards ends in the one that is left", () => {
    const { c, first, second } = apart();
    // The younger has the greater id or not: both ways.
    for (const [from, into] of [
      [first, second],
      [second, first],
    ] as const) {
      const stored = new Map<string, Uint8Array>();
      c.snapshot((k, v) => v && stored.set(k, v), true);
      const before = correlator(base);
      before.restore(stored);
      before.onControl({ kind: "merge", timeMs: at(9), incidentId: from.id, into: into.id, by: "ann" });
      before.drain();
      const merged = new Map<string, Uint8Array>();
      before.snapshot((k, v) => v && merged.set(k, v), true);
      const after = correlator(base);
      after.restore(merged);
      feed(after, [...end(two("a", 1), 10), ...end(two("f", 1), 10)]);
      go(after, 10, 12);
      expect(after.get(into.id)?.anomalies.filter((a) => a.endMs === at(10)).length).toBe(4);
    }
  });

  it("split off again what was merged back: it is another incident then", () => {
    const c = correlator(base);
    feed(c, [...two("a", 1), ...two("b", 1)]);
    go(c, 2, 8);
    const [whole] = c.openIncidents() as [Incident];
    const split = (w: number) => {
      c.onControl({ kind: "split", timeMs: at(w), incidentId: whole.id, entities: ["b"], by: "ann" });
      return c.drain().find((e) => e.kind === "opened")?.incident.id;
    };
    const part = split(9) as string;
    c.onControl({ kind: "merge", timeMs: at(10), incidentId: part, into: whole.id, by: "ann" });
    go(c, 10, 60);
    expect(c.get(part)).toBeUndefined();
    expect([undefined, part]).not.toContain(split(60));
  });

  it("split one, and the parts stay apart and end by themselves", () => {
    const c = correlator(base);
    feed(c, [...two("a", 1), ...two("b", 1)]);
    go(c, 2, 8);
    const [whole] = c.openIncidents() as [Incident];
    c.onControl({ kind: "split", timeMs: at(9), incidentId: whole.id, entities: ["b"], by: "ann" });
    const events = c.drain();
    const part = events.find((e) => e.kind === "opened")!.incident;
    expect(part.entities).toEqual(["b"]);
    expect(c.get(whole.id)?.entities).toEqual(["a"]);
    feed(c, end(two("b", 1), 10));
    const later = go(c, 10, 40);
    expect(later.filter((e) => e.kind === "resolved").map((e) => e.incident.id)).toEqual([part.id]);
    expect(c.openIncidents().map((i) => i.id)).toEqual([whole.id]);
  });

  it("merge by itself what turns out to be connected", () => {
    const { c, first, second } = apart();
    c.onEdges([edge("a", "f")], at(9));
    const events = go(c, 9, 9);
    expect(events.find((e) => e.incident.id === second.id)?.incident.mergedInto).toBe(first.id);
    expect(c.openIncidents().map((i) => i.entities)).toEqual([["a", "f"]]);
  });

  it("learn which entities break together without a call between them", () => {
    const c = correlator(base);
    const names = ["a", "b", "c", "d", "e", "f"];
    let opened: number[] = [];
    for (let round = 0; round < 5; round++) {
      const w = round * 200;
      c.onEdges(
        names.slice(1).map((e, i) => edge(names[i] as string, e)),
        at(w),
      );
      feed(c, [...two("a", w + 1), ...two("f", w + 1)]);
      opened = [...opened, go(c, w + 2, w + 8).filter((e) => e.kind === "opened").length];
      feed(c, end([...two("a", w + 1), ...two("f", w + 1)], w + 10));
      go(c, w + 10, w + 150);
    }
    expect(opened).toEqual([2, 2, 2, 1, 1]);
  });

  it("know given calls before any span", () => {
    const c = correlator({
      ...base,
      topology: [
        ["a", "b"],
        ["b", "c"],
        ["x", "y"],
      ],
    });
    feed(c, [...two("c", 1), ...two("a", 1), ...two("x", 1)]);
    go(c, 2, 8);
    expect(c.openIncidents().map((i) => i.entities)).toEqual([["a", "c"], ["x"]]);
  });
});

describe("silences", () => {
  const silence = (matchers: Matcher[], more: object = {}) => ({
    id: "SIL-1",
    matchers,
    startsMs: at(0),
    endsMs: at(50),
    mode: "mute" as const,
    by: "ann",
    comment: "release",
    createdMs: at(0),
    endedBy: null,
    ...more,
  });
  const of = (value: string): Matcher[] => [{ field: "entity", op: "=~", value }];

  it("mark an incident that they cover whole, and no longer when they end or something else comes", () => {
    const c = correlator(base);
    c.onControl({ kind: "silence", timeMs: at(0), silence: silence(of("a|b")) });
    feed(c, two("a", 1));
    const [opened] = go(c, 2, 8);
    expect(opened?.incident.muted).toEqual({ silenceId: "SIL-1", untilMs: at(50) });
    feed(c, two("z", 9));
    expect(go(c, 10, 10).at(-1)?.incident.muted).toBeUndefined();
    feed(c, end(two("z", 9), 12));
    expect(go(c, 12, 12).at(-1)?.incident.muted?.silenceId).toBe("SIL-1");
    const last = go(c, 13, 50).at(-1)!.incident;
    expect(last.muted).toBeUndefined();
    expect(last.timeline.at(-1)?.text).toBe("no longer covered by SIL-1");
  });

  it("end before their time, by somebody, and survive a restart until then", () => {
    const c = correlator(base);
    c.onControl({ kind: "silence", timeMs: at(0), silence: silence(of("a")) });
    const stored = new Map<string, Uint8Array>();
    c.snapshot((k, v) => v && stored.set(k, v));
    const again = correlator(base);
    again.restore(stored);
    feed(again, two("a", 1));
    expect(go(again, 2, 8)[0]?.incident.muted?.silenceId).toBe("SIL-1");
    const ended = again.onControl({ kind: "unsilence", timeMs: at(9), silenceId: "SIL-1", by: "bob" });
    expect(ended).toMatchObject({ endsMs: at(9), endedBy: "bob" });
    expect(go(again, 9, 9)[0]?.incident.muted).toBeUndefined();
    expect(again.onControl({ kind: "unsilence", timeMs: at(9), silenceId: "SIL-1", by: "bob" })).toBeUndefined();
  });

  it("of mode ignore let nothing of it into an incident", () => {
    const c = correlator(base);
    c.onControl({ kind: "silence", timeMs: at(0), silence: silence(of("a"), { mode: "ignore" }) });
    feed(c, [...two("a", 1), ...two("b", 1)]);
    expect(go(c, 2, 8)[0]?.incident.entities).toEqual(["b"]);
  });

  it.each([
    ["entity", "=", "pay", false],
    ["entity", "=", "payment", true],
    ["entity", "!=", "payment", false],
    ["entity", "=~", "pay", false],
    ["entity", "=~", "pay.*", true],
    ["entity", "!~", "pay.*", false],
    ["metric", "=", "spans.client.duration", true],
    ["series", "=~", ".*peer=store.*", true],
    ["family", "=", "latency", true],
    ["kind", "!=", "host", true],
  ] as const)("match %s %s %s: %s", (field, op, value, expected) => {
    const a = anomaly("payment", 0, { series: "spans.client.duration{peer=store}", family: "latency" });
    expect(matcherTest({ field, op, value })(a)).toBe(expected);
  });

  it("refuse a pattern that is none, and bear one from elsewhere", () => {
    expect(() => matcherTest({ field: "entity", op: "=~", value: "(" })).toThrow(/RE2/);
    const c = correlator(base);
    c.onControl({ kind: "silence", timeMs: at(0), silence: silence([{ field: "entity", op: "=~", value: "(" }]) });
    feed(c, two("a", 1));
    expect(go(c, 2, 8)[0]?.incident.muted).toBeUndefined();
  });
});

describe("a flood", () => {
  it("becomes the first incidents and one digest", () => {
    const topology = Array.from({ length: 500 }, (_, i) => [`s${i}`, `t${i}`] as const);
    const c = correlator({ ...base, topology, flood: { incidents: 20, perMs: 600_000 } });
    const events: IncidentEvent[] = [];
    for (let w = 1; w <= 50; w++) {
      for (let i = 0; i < 10; i++) feed(c, two(`s${(w - 1) * 10 + i}`, w));
      events.push(...c.advance(at(w + 1)));
    }
    events.push(...go(c, 52, 60));
    const opened = events.filter((e) => e.kind === "opened");
    expect(opened.length).toBe(21);
    const digest = c.openIncidents().filter((i) => i.digest);
    expect(digest.map((i) => [i.digest?.groups, i.labels])).toEqual([[480, ["digest"]]]);
    for (let i = 0; i < 500; i++) feed(c, end(two(`s${i}`, 1 + Math.floor(i / 10)), 61));
    go(c, 61, 90);
    expect(c.openIncidents()).toEqual([]);
    // Later there is room again.
    feed(c, two("s1", 1000));
    expect(go(c, 1001, 1008).filter((e) => e.kind === "opened")[0]?.incident.digest).toBeUndefined();
  });
});

describe("rarity", () => {
  it("takes weight from what comes all the time and never matters, and none from what came once", () => {
    const r = rarity(200_000);
    const a = anomaly("a", 0);
    r.cameToNothing(a, at(0));
    expect(r.of(a, at(0))).toBe(1);
    const WEEK = 7 * 86_400_000;
    for (let t = 0; t < 4 * WEEK; t += 600_000) r.cameToNothing(a, T0 + t);
    // Every 10 min: by chance within 200 s with probability 0.28.
    expect(r.of(a, T0 + 4 * WEEK)).toBeCloseTo(-Math.log10(0.27) / 2, 1);
    expect(r.of(anomaly("b", 0), T0 + 4 * WEEK)).toBe(1);
    expect(r.of(a, T0 + 30 * WEEK)).toBe(1);
  });
});
