import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { manualClock } from "../../../pipelines/core/clock.ts";
import type { RawRecord } from "../../../pipelines/core/records.ts";
import { SignalSink } from "../../../pipelines/core/signals.ts";
import { seriesName, Tables } from "../../../pipelines/core/tables.ts";
import { type DecoderName, decoders } from "../../../pipelines/ingest/decoders/index.ts";
import { type Look, type TargetSourceOptions, targetSource } from "../../../pipelines/ingest/sources/targets.ts";

const EVERY_MS = 5000;
const NOW_MS = 1_760_000_000_000;
const fine: Look = { healthy: true, detail: "running" };
const ill: Look = { healthy: false, detail: "guest-panicked" };

/** What the pipeline reads of a record. */
function read({ format, value }: { format: string; value: Uint8Array }): Record<string, number> | string[] {
  const tables = new Tables();
  const sink = new SignalSink(tables);
  const record: RawRecord = { source: "s", position: "1", ingestTimeMs: NOW_MS, format, value };
  sink.begin(record);
  decoders[format as DecoderName].decode(record, sink);
  expect(sink.rejectedRows).toBe(0);
  const nameOf = (entityId: number) => `${tables.entities[entityId]!.kind}:${tables.entities[entityId]!.name}`;
  if (format === "otlp-logs-json")
    return Array.from(
      { length: sink.logs.length },
      (_, i) => `${nameOf(sink.logs.entityIds[i]!)} ${sink.logs.severity[i]} ${sink.logs.body[i]}`,
    );
  return Object.fromEntries(
    Array.from({ length: sink.points.length }, (_, i) => {
      const id = sink.points.seriesIds[i]!;
      expect(sink.points.timeMs[i]).toBe(NOW_MS);
      return [`${nameOf(tables.seriesAt(id)!.entityId)}/${seriesName(tables.seriesAt(id)!)}`, sink.points.value[i]!];
    }),
  );
}

describe("targets as a source", () => {
  let end: () => Promise<void>;
  let got: ReturnType<typeof read>[];
  let looks: string[];
  beforeEach(() => {
    vi.useFakeTimers();
    got = [];
    looks = [];
  });
  afterEach(async () => {
    await end();
    vi.useRealTimers();
  });
  const start = (look: (target: string) => Promise<Look> | Look, more: Partial<TargetSourceOptions> = {}) => {
    end = targetSource({
      targets: [
        { name: "guest", resource: { "vm.name": "guest" } },
        { name: "shop", resource: { "service.name": "shop" } },
      ],
      look: async (target) => {
        looks.push(target);
        return look(target);
      },
      everyMs: EVERY_MS,
      clock: manualClock(NOW_MS),
      ours: () => true,
      busy: () => false,
      append: async (record) => void got.push(read(record)),
      onFailed: (error) => {
        throw error;
      },
      ...more,
    });
  };
  const round = (n = 1) => vi.advanceTimersByTimeAsync(n * EVERY_MS);

  it("gives one record a round, in which each target is an entity of its own", async () => {
    start((t) => (t === "guest" ? { ...fine, overdueMs: 0 } : fine));
    await round(2);
    const calm = {
      "vm:guest/target.check.error_ratio": 0,
      "vm:guest/target.heartbeat.overdue": 0,
      "service:shop/target.check.error_ratio": 0,
    };
    expect(got).toEqual([calm, calm]);
  });
  it("tells of each turn once, in the target's own words", async () => {
    let now = fine;
    start((t) => (t === "guest" ? now : fine));
    await round();
    now = { ...ill, overdueMs: 2500 };
    await round(2);
    now = fine;
    await round();
    expect(got.filter(Array.isArray)).toEqual([
      ["vm:guest 17 not healthy: guest-panicked"],
      ["vm:guest 9 healthy again: running"],
    ]);
    expect(got[1]).toMatchObject({ "vm:guest/target.check.error_ratio": 1, "vm:guest/target.heartbeat.overdue": 2.5 });
  });
  it("tells of one that was ill when the looking began", async () => {
    start(() => ill);
    await round();
    expect(got[1]).toEqual(["vm:guest 17 not healthy: guest-panicked", "service:shop 17 not healthy: guest-panicked"]);
  });
  it("takes no answer in time, and one that can't be had, for a check that fails", async () => {
    start((t) => (t === "guest" ? new Promise(() => {}) : Promise.reject(new Error("no such unit"))));
    await round(2);
    expect(got[0]).toEqual({ "vm:guest/target.check.error_ratio": 1, "service:shop/target.check.error_ratio": 1 });
    expect(got[1]).toEqual([
      expect.stringContaining("vm:guest 17 not healthy: it can't be looked at"),
      "service:shop 17 not healthy: it can't be looked at: no such unit",
    ]);
    // It never looks twice at once: the round that took so long left one out.
    expect(looks).toEqual(["guest", "shop"]);
  });
  it("leaves out what is acted on, also when that began in the middle of the look", async () => {
    const busy = new Set<string>();
    start((t) => (t === "guest" ? fine : ill), { busy: (t) => busy.has(t) });
    busy.add("shop");
    await round();
    expect(got).toEqual([{ "vm:guest/target.check.error_ratio": 0 }]);
    busy.add("guest");
    await round();
    expect(got).toHaveLength(1);
    await end();
    busy.clear();
    start(
      (t) => {
        busy.add(t);
        return ill;
      },
      { busy: (t) => busy.has(t) },
    );
    await round();
    expect(got).toHaveLength(1);
  });
  it("looks at nothing where another process does", async () => {
    start(() => ill, { ours: () => false });
    await round(3);
    expect(looks).toEqual([]);
  });
  it("goes on when a record can't be written", async () => {
    const failed: string[] = [];
    const append = async () => {
      throw new Error("disk full");
    };
    start(() => fine, { append, onFailed: (error) => failed.push(error.message) });
    await round(2);
    expect(failed).toEqual(["disk full", "disk full"]);
  });
  it("has at most eight looks under way", async () => {
    const targets = Array.from({ length: 20 }, (_, i) => ({ name: `t${i}`, resource: { "service.name": `t${i}` } }));
    start(() => new Promise(() => {}), { targets });
    await round();
    expect(looks).toHaveLength(8);
  });
});
