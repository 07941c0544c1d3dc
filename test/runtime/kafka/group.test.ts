import { randomBytes } from "node:crypto";
import type { Admin } from "kafkajs";
import { afterEach, describe, expect, it } from "vitest";
import { type Clock, systemClock } from "../../../pipelines/core/clock.ts";
import { reread } from "../../../pipelines/runtime/kafka/changelog.ts";
import { type GroupEvent, type GroupOptions, startGroup } from "../../../pipelines/runtime/kafka/group.ts";
import { kafkaClient } from "../../../pipelines/runtime/kafka/kafkajs/client.ts";
import { kafkajsTransport } from "../../../pipelines/runtime/kafka/kafkajs/transport.ts";
import type { Produced } from "../../../pipelines/runtime/kafka/task.ts";
import { type BrokerOptions, skipWithoutBroker, startBroker } from "../../broker/broker.ts";
import { countingStage } from "../../chaos/kafka/counting-stage.ts";

/** A broker with topics `input`, `output` and `state`, and groups of a stage that shows each record lost or repeated. */
async function site(options?: BrokerOptions) {
  const broker = await startBroker([], options);
  const connection = { brokers: [broker.bootstrap], compression: "none" as const };
  const transport = kafkajsTransport(connection);
  const kafka = kafkaClient(connection);
  const admin = kafka.admin();
  await admin.connect();
  const create = (topic: string, compact = false) =>
    admin.createTopics({
      topics: [
        { topic, numPartitions: 1, configEntries: compact ? [{ name: "cleanup.policy", value: "compact" }] : [] },
      ],
    });
  await create("input");
  await create("output");
  await create("state", true);
  const groups: Awaited<ReturnType<typeof startGroup>>[] = [];
  const group = async (changes: Partial<GroupOptions> = {}) => {
    const events: GroupEvent[] = [];
    const started = await startGroup({
      transport,
      reader: () => transport.reader(["input", "state"]),
      groupId: "counting",
      topics: ["input"],
      changelog: "state",
      stage: (partition) => countingStage("output", partition),
      clock: systemClock,
      commitMs: 50,
      stateMs: 1000,
      tickMs: 0,
      onOffsetLost: "fail",
      sessionMs: 6000,
      onEvent: (event) => events.push(event),
      ...changes,
    });
    groups.push(started);
    return { ...started, events };
  };
  const read = async (topic: string) => {
    const { low, high } = (await transport.offsets(topic)).get(0) as { low: bigint; high: bigint };
    const reader = await transport.reader([topic]);
    const list = [];
    for await (const r of reread(reader, topic, 0, low, high, () => false)) list.push(r);
    await reader.close();
    return list;
  };
  const shown = (p: Pick<Produced, "key" | "value">) =>
    `${Buffer.from(p.key ?? "").toString()} ${Buffer.from(p.value).toString()}`;
  return {
    broker,
    kafka,
    transport,
    admin,
    create,
    group,
    write: (n: number, size = 100) =>
      transport.produce(
        "input",
        Array.from({ length: n }, () => ({ key: Buffer.from("k"), value: randomBytes(size), partition: 0 })),
      ),
    outputs: async () => (await read("output")).map(shown),
    /** What one undisturbed reading of the input gives. */
    async wanted() {
      const out: string[] = [];
      const stage = countingStage("output", 0);
      for (const r of await read("input")) stage.process(r, (p) => out.push(shown(p)));
      return out;
    },
    async stop() {
      for (const g of groups) await g.stop().catch(() => {});
      await transport.close();
      await admin.disconnect().catch(() => {});
      await broker.stop("SIGKILL");
    },
  };
}

const said = (events: readonly GroupEvent[]) =>
  events.flatMap((e) => ("error" in e ? [`${e.kind}: ${e.error.message}`] : [])).join("\n");

describe.skipIf(skipWithoutBroker())("a group in trouble", () => {
  let own: Awaited<ReturnType<typeof site>>;
  afterEach(() => own?.stop());
  const deleteBefore = async (admin: Admin, offset: string) => {
    await admin.fetchTopicOffsets("input");
    await admin.deleteTopicRecords({ topic: "input", partitions: [{ partition: 0, offset }] });
  };

  it("closes each writer that it opened, also one that was on its way when it left", async () => {
    own = await site();
    let [opened, closed] = [0, 0];
    let arrive = () => {};
    const asked = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const writer: typeof own.transport.writer = async (...args) => {
      arrive();
      await gate;
      const made = await own.transport.writer(...args);
      opened += 1;
      const close = async () => {
        closed += 1;
        await made.close();
      };
      return { ...made, close };
    };
    const { stop } = await own.group({ transport: { ...own.transport, writer } });
    await asked;
    await stop();
    go();
    await expect.poll(() => opened, { timeout: 20_000 }).toBe(1);
    await expect.poll(() => closed, { timeout: 5000 }).toBe(1);
  });

  it("fences whoever had the task before, before it looks at what is committed", async () => {
    own = await site();
    const zombie = own.kafka.producer({ transactionalId: "counting-0", idempotent: true, maxInFlightRequests: 1 });
    await zombie.connect();
    const late = await zombie.transaction();
    await late.send({ topic: "output", messages: [{ key: "k", value: "from the one before", partition: 0 }] });
    const { events } = await own.group();
    await expect.poll(() => events.map((e) => e.kind), { timeout: 20_000 }).toContain("restored");
    await expect(late.commit()).rejects.toThrow(/epoch|fenced/);
    await zombie.disconnect();
    expect(await own.outputs()).toEqual([]);
  }, 60_000);

  it("goes on after a commit that was refused", async () => {
    own = await site();
    const { events } = await own.group();
    for (let round = 1; round <= 2; round++) {
      await own.write(10);
      await expect.poll(async () => (await own.outputs()).length, { timeout: 20_000 }).toBe(10 * (2 * round - 1));
      const other = own.kafka.producer({ transactionalId: "counting-0", idempotent: true, maxInFlightRequests: 1 });
      await other.connect();
      await (await other.transaction()).abort(); // ours is fenced now
      await other.disconnect();
      await own.write(10);
      await expect.poll(async () => (await own.outputs()).length, { timeout: 20_000 }).toBe(20 * round);
    }
    expect(events.filter((e) => e.kind === "retrying")).toHaveLength(2);
    expect(await own.outputs()).toEqual(await own.wanted());
  }, 90_000);

  it("goes on when a disk that was full has room again: nothing lost, nothing twice", async () => {
    own = await site({ maxFileBytes: 12 * 1024 * 1024 });
    const { events } = await own.group();
    const full = (async () => {
      for (let mb = 0; mb < 50; mb++) await own.write(1000, 1000);
    })();
    await expect(full).rejects.toMatchObject({ code: expect.stringMatching(/^KAFKA_/), retriable: true });
    await expect.poll(() => said(events), { timeout: 30_000 }).toMatch(/away|retrying/);
    await own.broker.restart();
    await expect
      .poll(
        () =>
          own.write(10).then(
            () => true,
            () => false,
          ),
        { timeout: 30_000 },
      )
      .toBe(true);
    await expect.poll(async () => (await own.outputs()).length, { timeout: 60_000 }).toBeGreaterThan(10_000);
    const wanted = await own.wanted();
    await expect.poll(own.outputs, { timeout: 30_000 }).toEqual(wanted);
    expect(events.some((e) => e.kind === "failed")).toBe(false);
  }, 180_000);

  it("says which topic was deleted under it, and that one made anew is another", async () => {
    own = await site();
    const { events, failed } = await own.group();
    const end = failed.catch((error: Error) => error);
    await own.write(20);
    await expect.poll(async () => (await own.outputs()).length, { timeout: 20_000 }).toBe(20);
    await own.admin.deleteTopics({ topics: ["input"] });
    await expect.poll(() => said(events), { timeout: 40_000 }).toMatch(/input/);
    await own.create("input");
    await own.write(5);
    expect(String(await end)).toMatch(/input.*deleted and created again/);
    expect(await own.outputs()).toHaveLength(20);
  }, 120_000);

  it("says that retention has taken what came next, or goes on with a gap that it tells of", async () => {
    own = await site();
    const first = await own.group();
    await own.write(20);
    await expect.poll(async () => (await own.outputs()).length, { timeout: 20_000 }).toBe(20);
    await first.stop();
    await own.write(20);
    await deleteBefore(own.admin, "30");
    const strict = await own.group();
    await expect(strict.failed).rejects.toThrow(/retention has deleted what comes before 30/);
    await strict.stop();
    const lenient = await own.group({ onOffsetLost: "earliest" });
    await expect.poll(async () => (await own.outputs()).length, { timeout: 20_000 }).toBe(30);
    expect(lenient.events).toContainEqual({ kind: "gap", task: 0, topic: "input", from: 20n, to: 30n });
  }, 120_000);

  it.each([3_600_000, -3_600_000])(
    "does the same with its clock %i ms off",
    async (offMs) => {
      own = await site();
      const clock: Clock = { nowMs: () => systemClock.nowMs() + offMs };
      const { stop, events } = await own.group({ clock });
      await own.write(500);
      await expect.poll(own.outputs, { timeout: 20_000 }).toEqual(await own.wanted());
      await stop();
      const right = await own.group();
      await own.write(500);
      await expect.poll(own.outputs, { timeout: 20_000 }).toEqual(await own.wanted());
      // A broker that has just started may be away for a moment, whatever the clock says.
      expect(said([...events, ...right.events].filter((e) => e.kind !== "away"))).toBe("");
    },
    60_000,
  );
});
