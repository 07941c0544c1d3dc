import { describe, expect, it } from "vitest";
import { skipWithoutBroker } from "../../broker/broker.ts";
import { consumerFailover } from "./consumer-failover.ts";
import { exactlyOnce } from "./exactly-once.ts";
import { pipelineChaos } from "./pipeline.ts";

/** The short form; the scripts beside this run the long one. */
const SHORT = { kills: 1, pauses: 1, rebalances: 1, brokerKills: 1, brokers: 1, seed: 3 } as const;

describe.skipIf(skipWithoutBroker())("kills, pauses, rebalances and a dead broker", () => {
  it("lose nothing and repeat nothing, and the state comes back the same", async () => {
    const result = await exactlyOnce({ ...SHORT, records: 20_000 });
    expect(result).toMatchObject({ lost: 0, duplicated: 0, wrong: 0, stateEqual: true });
    expect(result.outputs).toBe(result.records);
    expect(result.records).toBeGreaterThanOrEqual(20_000);
    expect(result.events).toMatchObject({ kill: 1, pause: 1, rebalance: 1, broker: 1 });
  }, 240_000);

  it("leave every output topic of the whole job as an undisturbed run writes it", async () => {
    const result = await pipelineChaos({ ...SHORT, records: 20_000 });
    expect(result.outputs).toMatchObject({
      anomalies: { equal: true },
      incidents: { equal: true },
      actions: { equal: true },
      "dead-letters": { equal: true },
    });
    expect(result.outputs.anomalies?.undisturbed).toBeGreaterThan(0);
    expect(result.outputs["dead-letters"]?.undisturbed).toBeGreaterThan(0);
  }, 300_000);

  it("of a worker with -9 or SIGSTOP: the other commits its partitions after the session, and nothing is lost or doubled", async () => {
    const result = await consumerFailover({ kills: 1, pauses: 1, sessionMs: 6000 });
    expect(result).toMatchObject({ lost: 0, doubled: 0 });
    expect(result.acknowledged).toBeGreaterThan(500);
    expect(result.failovers.map((f) => [f.kind, f.tasks.length])).toEqual([
      ["kill", 2],
      ["pause", 2],
    ]);
    // Nobody can know earlier that a silent member is gone, and a dead one was heard of at most a heartbeat ago.
    for (const { assignedMs, allMs } of result.failovers) {
      expect(assignedMs).toBeGreaterThan(4000);
      expect(allMs).toBeGreaterThanOrEqual(assignedMs);
    }
  }, 240_000);
});
