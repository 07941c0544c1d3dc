/** What senders do to their rows: sent twice, in a wrong order, counters that begin again. */
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../pipelines/core/config.ts";
import type { Anomaly } from "../../pipelines/core/records.ts";
import { assemble } from "../../pipelines/run/assemble.ts";
import { normal, uniform } from "../models/noise.ts";

const T = 1_760_000_000_000;
const STEP = 1000;
const STEPS = 1500;
const FAULT = [1200, 1300] as const;

interface Row {
  readonly time: number;
  readonly service: string;
  readonly metric: string;
  readonly kind: "gauge" | "counter";
  readonly value: number;
}

/** A gauge and a counter a second of three services, one of them slow and hardly asked for a while. */
function rows({ restartEvery = Number.POSITIVE_INFINITY, fault = true } = {}): Row[] {
  const z = normal(3);
  const totals = [0, 0, 0];
  const out: Row[] = [];
  for (let i = 0; i < STEPS; i++)
    for (let s = 0; s < 3; s++) {
      const bad = fault && s === 1 && i >= FAULT[0] && i < FAULT[1];
      if ((i + 100 * s) % restartEvery === 0) totals[s] = 0;
      totals[s]! += bad ? 20 : 100 + 5 * z();
      const common = { time: T + i * STEP, service: `s${s}` };
      const latency = (bad ? 200 : 50) + 3 * z();
      out.push({ ...common, metric: "http.server.request.duration", kind: "gauge", value: latency });
      out.push({ ...common, metric: "http.server.requests", kind: "counter", value: totals[s]! });
    }
  return out;
}

/** Anomalies of the assembled stage, in the order in which it tells them; a record holds ten rows. */
function anomalies(all: readonly Row[]) {
  const stage = assemble(parseConfig("windows: { window: 5s, lateness: 10s }")).features;
  const out: Anomaly[] = [];
  for (let i = 0; i < all.length; i += 10) {
    const part = all.slice(i, i + 10);
    const value = Buffer.from(part.map((r) => JSON.stringify(r)).join("\n"));
    const ingestTimeMs = Math.max(...part.map((r) => r.time));
    stage.process(
      { source: "file", position: String(i), ingestTimeMs, format: "jsonl", value },
      { emit: (topic, _, record) => topic === "anomalies" && out.push(record as Anomaly), send: () => {} },
    );
  }
  return out;
}

/** Each row up to `byMs` later than it should come, as with several senders. */
function shuffled(all: readonly Row[], byMs: number): Row[] {
  const u = uniform(8);
  return all
    .map((row) => ({ row, at: row.time + byMs * u() }))
    .sort((a, b) => a.at - b.at)
    .map(({ row }) => row);
}

/** A sum of the same values in another order differs in its last digits. */
const rounded = (all: readonly Row[]): unknown =>
  JSON.parse(JSON.stringify(anomalies(all)), (_, v) => (typeof v === "number" ? Number(v.toPrecision(9)) : v));
const found = (list: readonly Anomaly[]) => [...new Set(list.map((a) => `${a.entity} ${a.series} ${a.direction}`))];
const EVIDENT = ["s1 http.server.request.duration up", "s1 http.server.requests.rate down"];
const gauges = (all: readonly Row[]) => all.filter((r) => r.kind === "gauge");
const inTime = rows();

describe("disordered rows", () => {
  it("are found with the fault when in order", () => expect(found(anomalies(inTime)).sort()).toEqual(EVIDENT));

  it("sent twice give the same anomalies", () => {
    expect(rounded(inTime.flatMap((r) => [r, r]))).toEqual(rounded(inTime));
  });

  it("sent again later, with their window still open, too", () => {
    const again = inTime.flatMap((r, i) => (i >= 12 ? [r, inTime[i - 12] as Row] : [r]));
    expect(rounded(again)).toEqual(rounded(inTime));
  });

  it("of gauges in a wrong order give the same anomalies", () => {
    expect(rounded(shuffled(gauges(inTime), 8000))).toEqual(rounded(gauges(inTime)));
  });

  it("of counters in a wrong order show the fault and nothing else", () => {
    expect(found(anomalies(shuffled(inTime, 8000))).sort()).toEqual(EVIDENT);
    expect(anomalies(shuffled(rows({ fault: false }), 8000))).toEqual([]);
  });

  it("of counters that begin again give the same anomalies", () => {
    expect(rounded(rows({ restartEvery: 7 }))).toEqual(rounded(inTime));
  });
});
