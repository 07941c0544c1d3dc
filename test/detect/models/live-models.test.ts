import { beforeAll, describe, expect, it } from "vitest";
import type { VectorModel } from "../../../models/vector-model.ts";
import type { ModelScores, ScoresSummary, ScoresSwitch } from "../../../pipelines/core/live-models.ts";
import type { Anomaly } from "../../../pipelines/core/records.ts";
import type { LoadedEntity } from "../../../pipelines/detect/models/library.ts";
import type { LiveModels } from "../../../pipelines/detect/models/live-models.ts";
import {
  BLEND,
  CANDIDATES,
  COLUMNS,
  change,
  historyOf,
  libraryOf,
  START,
  setUp,
  trained,
  usualRows,
  WINDOW_MS,
  windowOf,
} from "./fixture.ts";

const KINDS = [...Object.keys(CANDIDATES), "blend"] as const;
/** Recurrent networks take long: what does not depend on the kind is left to the others. */
const QUICK = KINDS.filter((kind) => kind !== "sequence");
const versions = new Map<string, LoadedEntity>();
beforeAll(async () => {
  for (const kind of KINDS)
    versions.set(kind, await trained(kind === "blend" ? BLEND : CANDIDATES[kind]!, historyOf(usualRows(1, 600))));
}, 120_000);
const of = (kind: string) => ({ orders: versions.get(kind)! });

/** Usual rows; a latency far off in windows [from, to). */
const withFault = (n: number, from: number, to: number, seed = 2) =>
  usualRows(seed, n).map((row, i) => (i >= from && i < to ? [90, ...row.slice(1)] : row));

function run(models: LiveModels, rows: readonly (readonly (number | undefined)[])[], first = 0) {
  const anomalies: Anomaly[] = [];
  const scores: ModelScores[] = [];
  rows.forEach((row, i) => {
    const verdict = models.process(windowOf(first + i, row));
    anomalies.push(...verdict.anomalies);
    scores.push(...verdict.scores.map((s) => s.record));
  });
  return { anomalies, scores };
}

describe("a live model", () => {
  it.each(KINDS)("of kind %s opens an anomaly at a fault, says what was expected, and closes it", (kind) => {
    const { models } = setUp(libraryOf({ 1: of(kind) }));
    models.decide(change(1));
    const { anomalies } = run(models, withFault(300, 200, 220));
    const opened = anomalies.filter((a) => a.detectedMs > START + 200 * WINDOW_MS);
    const [first] = opened as [Anomaly];
    expect(first).toMatchObject({
      entity: "orders",
      series: "latency.mean",
      family: "latency",
      direction: "up",
      endMs: null,
      value: 90,
      detectors: { "model:hosts": 1 },
    });
    expect(first.detectedMs).toBeLessThanOrEqual(START + 204 * WINDOW_MS);
    expect(first.p).toBeLessThan(1e-3);
    expect(first.band.expected).toBeGreaterThan(10);
    expect(first.band.expected).toBeLessThan(30);
    expect(first.band.high).toBeLessThan(90);
    expect(first.why).toMatch(/^[\d.]+ times the usual [\d.]+ ms$/);
    const closed = anomalies.find((a) => a.id === first.id && a.endMs !== null);
    expect(closed?.endMs).toBeLessThan(START + 300 * WINDOW_MS);
  });

  it.each(KINDS)("of kind %s goes on to the bit from saved state, shadow and switch too", (kind) => {
    const library = libraryOf({ 1: of(kind), 2: of("mahalanobis") });
    const rows = withFault(260, 120, 140);
    const steps = (models: LiveModels, i: number) => {
      if (i === 0) models.decide(change(1, 2));
      if (i === 130) models.decide(change(2, 1));
      if (i === 180) models.decide(change(1, null));
      return models.process(windowOf(i, rows[i]!));
    };
    const whole = setUp(library, { summary: 20 }).models;
    const expected = rows.map((_, i) => steps(whole, i));
    const finalOf = (models: LiveModels) => {
      const chunks: [string, string][] = [];
      models.snapshot((k, b) => chunks.push([k, Buffer.from(b ?? []).toString("base64")]), true);
      return chunks.sort(([a], [b]) => (a < b ? -1 : 1));
    };
    for (const cut of kind === "sequence" ? [125] : [1, 61, 125, 131, 200]) {
      let { models } = setUp(library, { summary: 20 });
      const chunks = new Map<string, Uint8Array>();
      rows.forEach((_, i) => {
        if (i === cut || i === cut + 5) {
          models.snapshot((k, b) => (b ? chunks.set(k, b) : chunks.delete(k)));
          models = setUp(library, { summary: 20 }).models;
          models.restore(chunks);
        }
        expect(steps(models, i), `${cut} ${i}`).toEqual(expected[i]);
      });
      expect(finalOf(models)).toEqual(finalOf(whole));
    }
  });

  it.each(QUICK)("of kind %s stays quiet on rows like those it learned from", (kind) => {
    const { models } = setUp(libraryOf({ 1: of(kind) }));
    models.decide(change(1));
    const { anomalies } = run(models, usualRows(7, 700));
    expect(new Set(anomalies.map((a) => a.id)).size).toBeLessThanOrEqual(1);
  });

  it("learns for 60 windows what is usual for itself, and says so", () => {
    const { models } = setUp(libraryOf({ 1: of("mahalanobis") }));
    models.decide(change(1));
    run(models, withFault(50, 30, 40));
    expect(models.status()[0]).toMatchObject({
      entities: { warming: 1, scoring: 0 },
      fallback: { "it learns what is usual for itself": 1 },
      opened: 0,
    });
  });

  it("scores no entity that has none of its columns", () => {
    const { models } = setUp(libraryOf({ 1: of("mahalanobis") }), { columns: ["a", "b", "c"] });
    models.decide(change(1));
    run(models, usualRows(2, 70));
    expect(models.status()[0]?.entities).toEqual({ scoring: 0, warming: 0, failed: 0, silent: 0 });
  });
});

describe("a shadow", () => {
  it("scores beside the live version and pages nobody; what it finds is told", () => {
    const { models } = setUp(libraryOf({ 1: of("statistics"), 2: of("mahalanobis") }), { summary: 50 });
    models.decide(change(1, 2));
    const { anomalies, scores } = run(models, withFault(300, 200, 220));
    const alone = setUp(libraryOf({ 1: of("statistics") }), { summary: 50 }).models;
    alone.decide(change(1));
    expect(run(alone, withFault(300, 200, 220)).anomalies).toEqual(anomalies);
    const told = scores.filter((s) => s.kind === "summary");
    expect(told).toHaveLength(6);
    const fault = told[4]!;
    expect(fault.shadow?.opened[0]).toMatchObject({ series: "latency.mean" });
    expect(fault.shadow?.opened[0]?.why).toContain("times the usual");
    expect(fault.live).toMatchObject({ version: 1, state: "scoring", scored: 50 });
    const { both, onlyLive, onlyShadow } = fault.agreement!;
    expect(both + onlyLive).toBe(fault.live?.odd);
    expect(both + onlyShadow).toBe(fault.shadow?.odd);
    expect(both).toBeGreaterThan(0);
    expect(models.status()[1]).toMatchObject({ role: "shadow", version: 2, opened: 1 });
  });

  it("has told what it found, as a shadow, before it is live", () => {
    const { models } = setUp(libraryOf({ 1: of("statistics"), 2: of("mahalanobis") }), { summary: 50 });
    models.decide(change(1, 2));
    run(models, withFault(225, 210, 220));
    models.decide(change(2));
    const { scores } = run(models, usualRows(4, 10), 225);
    const at = (window: number) => START + window * WINDOW_MS;
    expect(scores.map((s) => [s.kind, s.startMs])).toEqual([
      ["summary", at(180)],
      ["switch", at(225)],
      ["summary", at(225)],
    ]);
    const [before, , after] = scores as [ScoresSummary, ScoresSwitch, ScoresSummary];
    expect(before).toMatchObject({
      endMs: at(225),
      live: { version: 1, scored: 45 },
      shadow: { version: 2, scored: 45 },
    });
    expect(before.shadow?.opened).toHaveLength(1);
    expect(before.agreement?.both).toBeGreaterThan(0);
    expect(after).toMatchObject({ endMs: at(230), live: { version: 2, scored: 5, opened: [] }, shadow: null });
  });

  it("is told of also where the last window before a summary had no rows and never came", () => {
    const { models } = setUp(libraryOf({ 1: of("statistics"), 2: of("mahalanobis") }), { summary: 50 });
    models.decide(change(1, 2));
    run(models, usualRows(3, 129));
    const { scores } = run(models, usualRows(4, 60), 131);
    const at = (window: number) => START + window * WINDOW_MS;
    expect(scores.map((s) => [s.kind, s.startMs, s.kind === "summary" && s.endMs])).toEqual([
      ["summary", at(80), at(132)],
      ["summary", at(132), at(180)],
    ]);
  });

  it("is promoted and rolled back with all that both know: nothing warms up again", () => {
    const { models } = setUp(libraryOf({ 1: of("statistics"), 2: of("mahalanobis") }));
    models.decide(change(1, 2));
    run(models, usualRows(3, 100));
    models.decide(change(2));
    const { scores } = run(models, usualRows(4, 20), 100);
    expect(scores[1]).toEqual({
      kind: "switch",
      model: "hosts",
      startMs: START + 100 * WINDOW_MS,
      live: 2,
      shadow: null,
      before: { live: 1, shadow: 2 },
      why: "",
    });
    expect(models.status()[0]).toMatchObject({ version: 2, entities: { scoring: 1, warming: 0 } });
    models.decide(change(1));
    run(models, usualRows(5, 10), 120);
    expect(models.status()[0]).toMatchObject({ version: 1, entities: { scoring: 1, warming: 0 } });
  });

  it("has its open anomalies closed when it was live", () => {
    const { models } = setUp(libraryOf({ 1: of("mahalanobis"), 2: of("statistics") }));
    models.decide(change(1));
    const first = run(models, withFault(110, 100, 110));
    expect(first.anomalies.at(-1)?.endMs).toBeNull();
    models.decide(change(2));
    const { anomalies } = run(models, usualRows(9, 1), 110);
    expect(anomalies).toHaveLength(1);
    expect(anomalies[0]).toMatchObject({ id: first.anomalies[0]?.id, endMs: START + 110 * WINDOW_MS });
  });
});

describe("a model that can't score", () => {
  it("is missing: statistics go on, the reason is told, and nothing is thrown", () => {
    const { models } = setUp(libraryOf({}));
    models.decide(change(3));
    expect(run(models, usualRows(1, 80)).anomalies).toEqual([]);
    expect(models.status()[0]).toMatchObject({ version: 3, fallback: { "hosts@3 is missing": 0 } });
  });

  it("fails on one entity: that one falls back and the others are scored as before", () => {
    const good = versions.get("mahalanobis")!;
    const bad: LoadedEntity = {
      ...good,
      start: (running) => {
        const model = good.start(running);
        let rows = 0;
        return {
          ...model,
          ask(timeMs, row) {
            if (++rows === 150) throw new Error("the weights are gone");
            return model.ask(timeMs, row);
          },
        };
      },
    };
    const rows = withFault(300, 200, 215).map((row) => [...row, ...row]);
    const { models } = setUp(libraryOf({ 1: { orders: good, payment: bad } }), { names: ["orders", "payment"] });
    models.decide(change(1));
    const { anomalies } = run(models, rows);
    expect(new Set(anomalies.map((a) => a.entity))).toEqual(new Set(["orders"]));
    expect(models.status()[0]).toMatchObject({
      entities: { scoring: 1, failed: 1 },
      fallback: { "it fails: the weights are gone": 1 },
    });
  });

  it("throws when it scores: only the entities that ask it fall back", () => {
    const good = versions.get("mahalanobis")!;
    const broken = { name: "broken", dims: 3, context: 0 } as VectorModel;
    broken.score = () => {
      throw new Error("no memory");
    };
    const bad: LoadedEntity = {
      ...good,
      start: (running) => ({ ...good.start(running), ask: (_, row) => [{ model: broken, rows: row }] }),
    };
    const { models } = setUp(libraryOf({ 1: { orders: good, payment: bad } }), { names: ["orders", "payment"] });
    models.decide(change(1));
    run(
      models,
      usualRows(2, 100).map((row) => [...row, ...row]),
    );
    expect(models.status()[0]).toMatchObject({
      entities: { scoring: 1, failed: 1 },
      fallback: { "it fails: no memory": 1 },
    });
  });
});

describe("entities that begin as another", () => {
  it("share its model, are asked together, and score as they would alone", () => {
    const names = Array.from({ length: 12 }, (_, i) => `node-${i}`);
    const own = versions.get("network")!;
    const asks: number[] = [];
    const counted: LoadedEntity = {
      ...own,
      start: (running) => {
        const model = own.start(running);
        return {
          ...model,
          ask(timeMs, row) {
            const questions = model.ask(timeMs, row);
            return questions.map((q) => ({ ...q, model: watched(q.model) }));
          },
        };
      },
    };
    const known = new Map<VectorModel, VectorModel>();
    const watched = (model: VectorModel): VectorModel => {
      const made = known.get(model) ?? {
        ...model,
        score: (rows: Float64Array) => {
          asks.push(rows.length / model.dims);
          return model.score(rows);
        },
      };
      known.set(model, made);
      return made;
    };
    const each = names.map((_, k) => withFault(90, k === 5 ? 80 : 90, 90, 20 + k));
    const rows = Array.from({ length: 90 }, (_, i) => each.flatMap((r) => r[i]!));
    const fleet = setUp(libraryOf({ 1: { orders: counted } }), { names, like: "orders" }).models;
    fleet.decide(change(1));
    const { anomalies } = run(fleet, rows);
    expect(asks).toEqual(new Array(90).fill(12));
    expect(new Set(anomalies.map((a) => a.entity))).toEqual(new Set(["node-5"]));
    const alone = setUp(libraryOf({ 1: { orders: own } }), { names: ["node-5"], like: "orders" }).models;
    alone.decide(change(1));
    expect(run(alone, each[5]!).anomalies).toEqual(anomalies);
  });
});

describe("drift", () => {
  it("is none on rows like the trained ones, and found when a column moves", () => {
    const { models } = setUp(libraryOf({ 1: of("mahalanobis") }), { summary: 100 });
    models.decide(change(1));
    run(models, usualRows(11, 500));
    const before = models.status()[0]?.drift.columns;
    expect(before).toBeLessThan(0.1);
    const moved = usualRows(12, 500).map(([a, b, c]) => [a!, b! * 1.3, c!]);
    const { scores } = run(models, moved, 500);
    expect(models.status()[0]?.drift.columns).toBeGreaterThan(0.25);
    const last = scores.at(-1) as Extract<ModelScores, { kind: "summary" }>;
    expect(last.drift.find((d) => d.name === "requests.rate")?.level).toBe("changed");
    expect(last.drift.some((d) => d.name === "cpu.utilization")).toBe(false);
  });
});

describe.each(QUICK)("hostile windows: %s", (kind) => {
  const quiet = (values: readonly (readonly (number | undefined)[])[]) => {
    const { models } = setUp(libraryOf({ 1: of(kind) }));
    models.decide(change(1));
    const out = run(models, values);
    for (const a of out.anomalies)
      for (const v of [a.p, a.value, ...Object.values(a.band)]) expect(Number.isFinite(v)).toBe(true);
    const again = setUp(libraryOf({ 1: of(kind) })).models;
    const chunks = new Map<string, Uint8Array>();
    models.snapshot((k, b) => void (b && chunks.set(k, b)), true);
    again.restore(chunks);
    expect(models.status()[0]?.entities.failed).toBe(0);
    return { ...out, models };
  };
  const usual = usualRows(31, 400);
  it.each([
    { name: "constant", make: () => [20, 100, 0.4] },
    { name: "zeros", make: () => [0, 0, 0] },
    { name: "1e300", make: () => [1e300, -1e300, 1e300] },
  ])("$name: constants are never anomalous for long", ({ make }) => {
    const { anomalies } = quiet(Array.from({ length: 400 }, make));
    expect(anomalies.filter((a) => a.endMs === null)).toEqual([]);
  });
  it("gaps, whole and in part, are no evidence", () => {
    const rows = usual.map((row, i) =>
      i > 100 && i < 140 ? COLUMNS.map(() => undefined) : row.map((v, d) => (i % 7 === d ? undefined : v)),
    );
    const { anomalies } = quiet(rows);
    expect(new Set(anomalies.map((a) => a.id)).size).toBeLessThanOrEqual(1);
  });
  it("a glitch to 1e300, NaN and infinities pass, and later faults are still found", () => {
    const rows = withFault(400, 350, 370, 31).map((row, i) =>
      i === 150 ? [1e300, 1e300, 1e300] : i === 160 ? [Number.NaN, Number.POSITIVE_INFINITY, row[2]!] : row,
    );
    const { anomalies } = quiet(rows);
    expect(anomalies.some((a) => a.startMs >= START + 345 * WINDOW_MS && a.series === "latency.mean")).toBe(true);
  });
  it("a change of unit is found, and becomes the new usual in time", () => {
    const rows = usualRows(32, 900).map((row, i) => (i < 200 ? row : [row[0]! * 1000, ...row.slice(1)]));
    const { anomalies } = quiet(rows);
    const [first] = anomalies;
    expect(first?.detectedMs).toBeLessThanOrEqual(START + 206 * WINDOW_MS);
    expect(first?.series).toBe("latency.mean");
  });
});
