import { describe, expect, it } from "vitest";
import type { Anomaly, Incident } from "../../pipelines/core/records.ts";
import { correlator, type IncidentEvent } from "../../pipelines/correlate/correlator.ts";
import { anomaly, at, base, edge, two } from "./signs.ts";

/** Windows for which strangers have to be known as such: `sustainMs`. */
const APART = 8;
interface Story {
  /** Window in which the second fault begins; the first one does in 1. */
  readonly second?: number;
  /** Calls seen from window 18 on. */
  readonly calls?: readonly (readonly [string, string])[];
  readonly more?: readonly Anomaly[];
  /** Calls seen later, and from when on. */
  readonly later?: { readonly from: number; readonly call: readonly [string, string] };
  /** Handed over to another correlator in this window. */
  readonly restartAt?: number;
  readonly until?: number;
}
const APARTED: readonly (readonly [string, string])[] = [
  ["a", "b"],
  ["x", "y"],
];

/** A fault at `a`, one at `x` while nobody knows who calls whom, and then spans that tell. */
function play({ second = 12, calls = APARTED, more = [], later, restartAt = -1, until = 40 }: Story = {}) {
  let c = correlator(base);
  const events: IncidentEvent[] = [];
  for (let w = 0; w <= until; w++) {
    if (w === restartAt) {
      const stored = new Map<string, Uint8Array>();
      c.snapshot((k, v) => v && stored.set(k, v), true);
      c = correlator(base);
      c.restore(stored);
    }
    if (w === 2) for (const a of two("a", 1)) c.onAnomaly(a);
    if (w === second + 1) for (const a of [...two("x", second), ...more]) c.onAnomaly(a);
    if (w >= 18)
      c.onEdges(
        calls.map(([p, q]) => edge(p, q)),
        at(w),
      );
    if (later && w >= later.from) c.onEdges([edge(...later.call)], at(w));
    events.push(...c.advance(at(w)));
  }
  return { c, events, opened: events.filter((e) => e.kind === "opened").map((e) => e.incident) };
}

describe("an incident that turns out to be two", () => {
  it("is split once its parts have been known as strangers for long enough", () => {
    const { c, opened, events } = play();
    expect(opened.map((i) => i.entities)).toEqual([["a"], ["x"]]);
    const [whole, part] = opened as [Incident, Incident];
    expect(part.times).toMatchObject({ faultStartMs: at(12), detectedMs: at(18 + APART) });
    expect(c.get(whole.id)?.entities).toEqual(["a"]);
    expect(events.filter((e) => e.kind === "resolved")).toEqual([]);
    expect(part.timeline.at(-1)?.text).toBe(`split off from ${whole.id}`);
  });

  it("gives the same ids whenever it is restarted", () => {
    const whole = play().events;
    for (const restartAt of [5, 13, 18, 19, 22, 25, 26, 27, 30]) expect(play({ restartAt }).events).toEqual(whole);
  });

  it.each<{ what: string; story: Story }>([
    { what: "calls connect the parts", story: { calls: [...APARTED, ["b", "x"]] } },
    { what: "a call seen in time connects them", story: { later: { from: 20, call: ["b", "x"] } } },
    { what: "one of them is not known to any call", story: { calls: [["a", "b"]] } },
    { what: "a host that both may run on is in it", story: { more: [anomaly("node1", 12, { entityKind: "host" })] } },
    { what: "both began together", story: { second: 5 } },
    {
      what: "the part would be no incident by itself",
      story: { more: two("x", 12).map((a) => ({ ...a, endMs: at(15) })) },
    },
  ])("stays one where $what", ({ story }) => {
    expect(play(story).opened.length).toBe(1);
  });

  it("is not joined again when a call is seen after all", () => {
    const { opened, events } = play({ later: { from: 30, call: ["b", "x"] }, until: 60 });
    expect(opened.length).toBe(2);
    expect(events.filter((e) => e.kind === "resolved")).toEqual([]);
  });

  it("stays one where a person joined its parts", () => {
    const { c, opened } = play();
    const [whole, part] = opened as [Incident, Incident];
    c.onControl({ kind: "merge", timeMs: at(41), incidentId: part.id, into: whole.id, by: "ann" });
    for (let w = 41; w < 80; w++) {
      c.onEdges(
        APARTED.map(([p, q]) => edge(p, q)),
        at(w),
      );
      c.advance(at(w));
    }
    expect(c.openIncidents().map((i) => i.entities)).toEqual([["a", "x"]]);
  });

  it("holds each part open by what is its own", () => {
    const { c, opened } = play();
    for (const a of two("x", 12)) c.onAnomaly({ ...a, endMs: at(41) });
    for (let w = 41; w < 60; w++) c.advance(at(w));
    expect(c.get(opened[1]!.id)?.state).toBe("resolved");
    expect(c.openIncidents().map((i) => i.id)).toEqual([opened[0]!.id]);
  });
});
