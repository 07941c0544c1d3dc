import { describe, expect, it } from "vitest";
import { manualClock } from "../../../pipelines/core/clock.ts";
import { parseConfig } from "../../../pipelines/core/config.ts";
import { PipelineError } from "../../../pipelines/core/errors.ts";
import { embeddedHealth, kafkaHealth } from "../../../pipelines/run/observe/health.ts";

const config = parseConfig("{ ready: { maxLag: 10, maxLagBytes: 100 }, health: { stuck: 30s } }");

describe("health of an embedded run", () => {
  const make = () => {
    const clock = manualClock(1000);
    let lag = 0;
    const health = embeddedHealth({ config, clock, lagBytes: () => lag });
    return { clock, health, setLag: (n: number) => (lag = n) };
  };

  it("is alive but not ready while it restores, however long that takes", () => {
    const { clock, health } = make();
    clock.advance(600_000);
    expect(health.alive()).toEqual([]);
    expect(health.ready()).toEqual(["the state is being restored"]);
    health.restored();
    expect(health.ready()).toEqual([]);
  });

  it("is not ready while too much waits", () => {
    const { health, setLag } = make();
    health.restored();
    setLag(101);
    expect(health.ready()).toEqual(["101 bytes of the journal wait to be read"]);
    expect(health.alive()).toEqual([]);
    setLag(100);
    expect(health.ready()).toEqual([]);
  });

  it("is not alive once its loop stands still, and is again when it turns", () => {
    const { clock, health } = make();
    health.restored();
    clock.advance(30_001);
    expect(health.alive()).toEqual(["the loop has not turned for 30 s"]);
    expect(health.ready()).toEqual(["the loop has not turned for 30 s"]);
    health.turned(clock.nowMs());
    expect(health.alive()).toEqual([]);
  });

  it("is not alive once its loop has ended in an error", () => {
    const { health } = make();
    health.restored();
    health.failed(new PipelineError("STORE_FAILED", "store"));
    expect(health.alive()[0]).toMatch(/^the loop has ended: STORE_FAILED/);
  });
});

describe("health of a Kafka worker", () => {
  const error = new PipelineError("KAFKA_UNREACHABLE", "kafka:a:1");
  const make = () => {
    const clock = manualClock(1000);
    const status = { task: 0, ready: false, lag: 0, stage: undefined };
    const health = kafkaHealth({ config, clock, stages: ["features", "route"] });
    // `route` turned out not to be needed.
    health.follow(new Map([["features", { status: () => [status] }]]));
    return { clock, health, status };
  };

  it("becomes ready by joining, restoring and catching up", () => {
    const { health, status } = make();
    expect(health.ready()).toContain("features has not joined its group yet");
    health.onEvent("features", { kind: "assigned", tasks: [0] });
    health.onEvent("features", { kind: "restoring", task: 0, records: 5, ofRecords: 20 });
    expect(health.ready()).toEqual(["features/0 is being restored, 5 of 20 records"]);
    health.onEvent("features", { kind: "restored", task: 0, chunks: 1, ms: 5 });
    Object.assign(status, { ready: true, lag: 11 });
    expect(health.ready()).toEqual(["features/0 has 11 records waiting"]);
    status.lag = 10;
    expect(health.ready()).toEqual([]);
  });

  it("is not ready, but alive, while brokers are away", () => {
    const { clock, health, status } = make();
    health.onEvent("features", { kind: "assigned", tasks: [0] });
    health.onEvent("features", { kind: "restored", task: 0, chunks: 1, ms: 5 });
    Object.assign(status, { ready: true, lag: 5 });
    health.onEvent("features", { kind: "away", error });
    clock.advance(600_000);
    expect(health.ready()[0]).toMatch(/^features: brokers are away: KAFKA_UNREACHABLE/);
    expect(health.alive()).toEqual([]);
  });

  it("is not alive when records wait and nothing is committed, or when a group can't go on", () => {
    const { clock, health, status } = make();
    health.onEvent("features", { kind: "assigned", tasks: [0] });
    health.onEvent("features", { kind: "restored", task: 0, chunks: 1, ms: 5 });
    Object.assign(status, { ready: true, lag: 0 });
    clock.advance(60_000);
    expect(health.alive()).toEqual([]);
    status.lag = 3;
    // What has just come after a long silence is no sign of trouble.
    expect(health.alive()).toEqual([]);
    clock.advance(60_000);
    expect(health.alive()).toEqual(["features/0 has 3 records waiting and has committed nothing for 60 s"]);
    health.onEvent("features", { kind: "committed", task: 0, ms: 5, bytes: 1, stateBytes: 1 });
    expect(health.alive()).toEqual([]);
    health.onEvent("features", { kind: "failed", error });
    expect(health.alive()[0]).toMatch(/^features can't go on: KAFKA_UNREACHABLE/);
  });
});
