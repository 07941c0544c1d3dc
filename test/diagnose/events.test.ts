import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { LineTable, SpanTable } from "../../pipelines/core/case-events.ts";
import type { CaseView } from "../../pipelines/diagnose/case-view.ts";
import { edgeGap } from "../../pipelines/diagnose/rankers/edge-gap.ts";
import { logRate } from "../../pipelines/diagnose/rankers/log-rate.ts";
import { byTime, timedSums } from "../../pipelines/diagnose/timed-sums.ts";
import { readLines } from "../../pipelines/ingest/case/lines-file.ts";
import { minedTemplates } from "../../pipelines/run/diagnose/log-template.ts";

const ONSET = { index: 0, timeMs: 100_000, weight: 1 };
const view = (more: Partial<CaseView>): CaseView => ({
  startMs: 0,
  stepMs: 1000,
  length: 0,
  entities: [],
  series: [],
  edges: [],
  logs: [],
  changes: [],
  anomalies: [],
  onsetHintsMs: [],
  ...more,
});

describe("sums by key and time", () => {
  it("are those of a walk over all events, at any moment", () => {
    const event = fc.record({
      key: fc.integer({ min: -1, max: 3 }),
      at: fc.nat(20),
      v: fc.integer({ min: -5, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), fc.nat(22), (events, moment) => {
        const timesMs = Float64Array.from(events, (e) => e.at);
        const sums = timedSums({
          keys: 4,
          order: byTime(timesMs),
          timesMs,
          keyOf: (i) => events[i]!.key,
          amountOf: (i) => events[i]!.v,
        });
        for (let key = 0; key < 4; key++) {
          const of = events.filter((e) => e.key === key);
          const before = of.filter((e) => e.at < moment);
          const sum = (list: typeof of) => list.reduce((p, e) => p + e.v, 0);
          expect([sums.total(key), sums.sum(key)]).toEqual([of.length, sum(of)]);
          expect([sums.before(key, moment), sums.sumBefore(key, moment)]).toEqual([before.length, sum(before)]);
        }
      }),
    );
  });
});

/** 40 requests before and after, in each one call of `caller` to each of the callees; `gapUs` on the way. */
function calls(gapUs: (callee: string, on: boolean) => number): SpanTable {
  const owners = ["web", "ads", "cart", "user", "mail"];
  const rows: { start: number; us: number; parent: number; owner: number; operation: number }[] = [];
  for (let t = 0; t < 80; t++) {
    const start = 60_000 + t * 1000;
    const root = rows.push({ start, us: 900_000, parent: -1, owner: 0, operation: 0 }) - 1;
    for (let k = 1; k < owners.length; k++) {
      const us = 5000 + gapUs(owners[k] as string, start >= ONSET.timeMs);
      const client = rows.push({ start, us, parent: root, owner: 0, operation: k }) - 1;
      rows.push({ start, us: 5000, parent: client, owner: k, operation: owners.length + k });
    }
  }
  return {
    length: rows.length,
    startMs: Float64Array.from(rows, (r) => r.start),
    durationUs: Float64Array.from(rows, (r) => r.us),
    parent: Int32Array.from(rows, (r) => r.parent),
    owner: Int32Array.from(rows, (r) => r.owner),
    operation: Int32Array.from(rows, (r) => r.operation),
    owners,
    operations: [
      ...owners.map((name) => ({ owner: 0, name: `call ${name}` })),
      ...owners.map((name, owner) => ({ owner, name: `serve ${name}` })),
    ],
  };
}
const gaps = (spans: SpanTable) =>
  new Map(edgeGap.rank(view({ spans }), ONSET).map((r) => [r.entity, Number(r.score.toFixed(2))]));

describe("edge-gap", () => {
  it("credits the callee that is far away", () => {
    const found = gaps(calls((callee, on) => (on && callee === "ads" ? 60_000 : 200)));
    expect([...found.keys()]).toEqual(["ads"]);
    expect(found.get("ads")).toBeGreaterThan(2);
  });

  it("credits the caller that is late in most of its calls, and a callee only with what is beyond that", () => {
    const late = gaps(calls((_, on) => (on ? 60_000 : 200)));
    expect([...late.keys()]).toEqual(["web"]);
    const both = gaps(calls((callee, on) => (on ? (callee === "ads" ? 900_000 : 60_000) : 200)));
    expect([...both.keys()].sort()).toEqual(["ads", "web"]);
    expect(both.get("ads")).toBeLessThan(3);
  });
});

/** Lines as `[time, trace, template]`; templates a, b, ... of one service. */
function lines(rows: readonly (readonly [number, number, number])[]): LineTable {
  return {
    length: rows.length,
    timeMs: Float64Array.from(rows, (r) => r[0]),
    trace: Int32Array.from(rows, (r) => r[1]),
    template: Int32Array.from(rows, (r) => r[2]),
    templates: ["a", "b"].map((text) => ({ entity: "shop", text, severity: 9, sample: text })),
  };
}
/** 30 requests before and after, each with a line of template a; the first `with` after the onset have `times` of b. */
const story = (withB: number, times: number, traced = true) =>
  lines(
    Array.from({ length: 60 }, (_, t) => {
      const at = 70_000 + t * 1000;
      const trace = traced ? t : -1;
      const more = at >= ONSET.timeMs && t - 30 < withB ? times : 0;
      return [[at, trace, 0] as const, ...Array.from({ length: more }, () => [at, trace, 1] as const)];
    }).flat(),
  );
const loud = (table: LineTable) => logRate.rank(view({ lines: table }), ONSET)[0]?.score ?? 0;

describe("log-rate", () => {
  it("counts a template once a request, however often the request writes it", () => {
    expect(loud(story(10, 40))).toBe(loud(story(10, 1)));
    expect(loud(story(10, 1))).toBeGreaterThan(1);
    expect(loud(story(1, 60))).toBe(0);
  });

  it("counts lines of no known request one by one", () => {
    expect(loud(story(1, 60, false))).toBeGreaterThan(loud(story(10, 1, false)));
  });
});

describe("lines of a file", () => {
  it("know their request, and are refused where their time is none", async () => {
    const dir = mkdtempSync(join(tmpdir(), "faultwright-lines-"));
    try {
      const path = join(dir, "logs.csv");
      const rows = ["-6795364578872,shop,t1,INFO,up", "0,shop,t1,INFO,up", "1700000000000,shop,t1,INFO,up"];
      writeFileSync(
        path,
        `time_ms,service,trace,level,message\n${[...rows, "1700000000001,shop,,INFO,up", "1700000000002,shop,t2,INFO,up"].join("\n")}\n`,
      );
      const { lines: table, rejected } = await readLines(path, minedTemplates());
      expect(rejected).toBe(2);
      expect([...table.trace]).toEqual([0, -1, 1]);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
